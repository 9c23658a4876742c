//! Landlock: which files the code may touch, enforced by the kernel on the process itself.
//!
//! In a private root it is a second wall; without one it is the only wall.

use crate::{
    mounts::host_path,
    sys::{self, Trouble},
    wire::{Plan, Walls},
};
use std::{
    ffi::c_long,
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
};

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const MAKE_CHAR: u64 = 1 << 6;
const MAKE_BLOCK: u64 = 1 << 11;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
const FILE_RIGHTS: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
const READ: u64 = EXECUTE | READ_FILE | READ_DIR;

/// What of `/etc`, `/dev` and `/proc` a program needs where there is no private root.
const HOST_READ: [&str; 9] = [
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/etc/ld.so.conf",
    "/etc/nsswitch.conf",
];

/// The kernel's version of Landlock, if it has any.
pub fn abi() -> Option<u32> {
    // SAFETY: no attributes are read where the flag 1, LANDLOCK_CREATE_RULESET_VERSION, is given.
    let version = unsafe { sys::landlock(0, [0, 0, 1, 0]) };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

/// Restricts this process and its children for ever. Needs "no new privileges".
pub fn restrict(plan: &Plan) -> Result<(), Trouble> {
    let abi = match (plan.walls, abi()) {
        (Walls::None | Walls::Container, _) | (Walls::Namespaces, None) => return Ok(()),
        (Walls::Landlock, None) => {
            return Err(Trouble { step: "Landlock".into(), problem: "this kernel has none".into() });
        }
        (_, Some(abi)) => abi,
    };
    let handled = match abi {
        1 => (1 << 13) - 1,
        2 => (1 << 14) - 1,
        3 | 4 => (1 << 15) - 1,
        _ => (1 << 16) - 1,
    };
    // Files; TCP bind and connect (version 4); abstract sockets and signals to the outside (version 6).
    let attributes: [u64; 3] = [handled, 0b11, 0b11];
    let size = match abi {
        1..=3 => 8,
        4 | 5 => 16,
        _ => 24,
    };
    // SAFETY: the kernel reads `size` bytes, at most the 24 of the array.
    let fd = unsafe { sys::landlock(0, [attributes.as_ptr() as c_long, size, 0, 0]) };
    if fd < 0 {
        return Err(Trouble::last("Landlock rule set"));
    }
    // SAFETY: a new descriptor that nobody else owns.
    let rules = Rules { fd: unsafe { OwnedFd::from_raw_fd(fd as i32) }, handled };
    let write = handled & !(MAKE_CHAR | MAKE_BLOCK | EXECUTE | IOCTL_DEV);
    if plan.walls == Walls::Namespaces {
        rules.allow(Path::new("/"), READ)?;
        for path in ["/workspace/out", "/tmp", "/dev/shm"] {
            rules.allow(Path::new(path), write)?;
        }
        rules.allow(Path::new("/workspace/scratch"), write | EXECUTE)?;
    } else {
        for path in &plan.binds {
            rules.allow(&host_path(path), READ)?;
        }
        for path in HOST_READ {
            rules.allow(Path::new(path), READ)?;
        }
        let folder = host_path(&plan.folder);
        rules.allow(&folder.join("in"), READ)?;
        rules.allow(&folder.join("out"), write)?;
        rules.allow(&folder.join("scratch"), write | EXECUTE)?;
    }
    rules.allow(Path::new("/dev/null"), READ | WRITE_FILE | TRUNCATE)?;
    // SAFETY: plain numbers.
    if unsafe { sys::landlock(2, [rules.fd.as_raw_fd().into(), 0, 0, 0]) } != 0 {
        return Err(Trouble::last("Landlock"));
    }
    Ok(())
}

struct Rules {
    fd: OwnedFd,
    handled: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

impl Rules {
    /// What is not there needs no rule.
    fn allow(&self, path: &Path, rights: u64) -> Result<(), Trouble> {
        let failed = |error: &io::Error| Trouble::of(format!("Landlock rule for {}", path.display()), error);
        // O_PATH | O_CLOEXEC
        let file: File = match OpenOptions::new().read(true).custom_flags(0o12_000_000).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&error)),
        };
        let is_folder = file.metadata().map_err(|error| failed(&error))?.is_dir();
        let rights = if is_folder { rights } else { rights & FILE_RIGHTS };
        let rule = PathBeneath { allowed: rights & self.handled, parent: file.as_raw_fd() };
        // SAFETY: the kernel reads the 12 bytes of the rule; 1 is LANDLOCK_RULE_PATH_BENEATH.
        let result =
            unsafe { sys::landlock(1, [self.fd.as_raw_fd().into(), 1, std::ptr::from_ref(&rule) as c_long, 0]) };
        if result == 0 { Ok(()) } else { Err(failed(&io::Error::last_os_error())) }
    }
}
