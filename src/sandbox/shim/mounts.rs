//! The private root: what the code sees of the host, and what it may write to.

use crate::{
    sys::{self, MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT, Trouble},
    wire::Plan,
};
use std::{
    ffi::OsStr,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, fs::symlink},
    },
    path::{Path, PathBuf},
};

/// Detached copies of the host's mounts, to be put into the private root.
pub struct Clones {
    binds: Vec<(PathBuf, OwnedFd)>,
    devices: Vec<(&'static str, OwnedFd)>,
    /// `in`, `out`, `scratch`; none for a probe.
    workspace: Vec<(&'static str, OwnedFd, u64)>,
}

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Where the private root grows before it becomes the root. It exists everywhere and nothing is read from it later.
const BASE: &str = "/tmp";

/// A path as the program sent it.
pub fn host_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Copies every mount that the plan names. Copies, because a path may be out of reach once we are somebody else.
pub fn clone(plan: &Plan) -> Result<Clones, Trouble> {
    let mut clones = Clones { binds: Vec::new(), devices: Vec::new(), workspace: Vec::new() };
    for path in &plan.binds {
        clones.binds.push((host_path(path), sys::clone_tree(path)?));
    }
    for name in DEVICES {
        clones.devices.push((name, sys::clone_tree(format!("/dev/{name}").as_bytes())?));
    }
    if !plan.probe {
        for (name, flags) in [("in", MS_RDONLY | MS_NOEXEC), ("out", MS_NOEXEC), ("scratch", 0)] {
            let path = [&plan.folder[..], b"/", name.as_bytes()].concat();
            clones.workspace.push((name, sys::clone_tree(&path)?, flags));
        }
    }
    Ok(clones)
}

/// Builds the root, moves into it, and leaves nothing of the old one reachable.
pub fn build(plan: &Plan, clones: &Clones) -> Result<(), Trouble> {
    sys::set_hostname(c"mecapy")?;
    // Nothing mounted from here on may show up on the host.
    sys::mount_at("", "/", "", MS_REC | MS_PRIVATE, "")?;
    sys::mount_at("tmpfs", BASE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m,nr_inodes=16k")?;
    folder("/proc")?;
    process_list()?;
    folder("/tmp")?;
    folder("/dev/shm")?;
    let tmpfs = |target: &str, bytes: u64| {
        let options = format!("mode=1777,size={bytes},nr_inodes=16384");
        sys::mount_at("tmpfs", &below_base(target), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, &options)
    };
    tmpfs("/tmp", plan.tmp_bytes)?;
    tmpfs("/dev/shm", plan.shm_bytes)?;
    for (name, tree) in &clones.devices {
        bind(tree, &PathBuf::from(format!("/dev/{name}")), MS_NOSUID | MS_NOEXEC, false)?;
    }
    for (path, target) in
        [("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1")]
    {
        link(Path::new(path), Path::new(target))?;
    }
    link(Path::new("/dev/stderr"), Path::new("/proc/self/fd/2"))?;
    for (path, target) in &plan.links {
        link(&host_path(path), &host_path(target))?;
    }
    for (path, tree) in &clones.binds {
        let is_folder = fs::metadata(path).is_ok_and(|metadata| metadata.is_dir());
        // Metadata cannot be had where the path is closed to us; a folder is then the likelier thing.
        let is_folder = is_folder || fs::metadata(path).is_err();
        bind(tree, path, MS_RDONLY | MS_NOSUID | MS_NODEV, is_folder)?;
    }
    for (name, tree, flags) in &clones.workspace {
        bind(tree, &Path::new("/workspace").join(name), MS_NOSUID | MS_NODEV | flags, true)?;
    }
    for (path, content) in &plan.files {
        let path = host_path(path);
        make_parent(&path)?;
        fs::write(below(&path), content).map_err(|error| Trouble::of(format!("write {}", path.display()), &error))?;
    }
    let moved = std::env::set_current_dir(BASE);
    moved.map_err(|error| Trouble::of("enter the new root", &error))?;
    sys::pivot_here()?;
    sys::unmount(c".")?;
    std::env::set_current_dir("/").map_err(|error| Trouble::of("enter the new root", &error))?;
    sys::mount_at("", "/", "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, "")
}

/// A fresh `/proc`: our own processes only, none of the kernel's switches and secrets.
fn process_list() -> Result<(), Trouble> {
    let target = below_base("/proc");
    let flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    sys::mount_at("proc", &target, "proc", flags, "hidepid=invisible,subset=pid")
}

fn bind(tree: &OwnedFd, path: &Path, flags: u64, is_folder: bool) -> Result<(), Trouble> {
    if is_folder {
        make_folder(path)?;
    } else {
        make_parent(path)?;
        let made = fs::OpenOptions::new().create(true).append(true).open(below(path));
        made.map_err(|error| Trouble::of(format!("make {}", path.display()), &error))?;
    }
    sys::restrict_tree(tree, flags, &path.to_string_lossy())?;
    sys::attach_tree(tree, &below(path).to_string_lossy())
}

fn link(path: &Path, target: &Path) -> Result<(), Trouble> {
    make_parent(path)?;
    symlink(target, below(path)).map_err(|error| Trouble::of(format!("link {}", path.display()), &error))
}

fn folder(path: &str) -> Result<(), Trouble> {
    make_folder(Path::new(path))
}

fn make_parent(path: &Path) -> Result<(), Trouble> {
    path.parent().map_or(Ok(()), make_folder)
}

fn make_folder(path: &Path) -> Result<(), Trouble> {
    match fs::create_dir_all(below(path)) {
        // A part of the way may be bound already and read-only; then it must be there.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Trouble::of(format!("make {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}

fn below(path: &Path) -> PathBuf {
    Path::new(BASE).join(path.strip_prefix("/").unwrap_or(path))
}

fn below_base(path: &str) -> String {
    format!("{BASE}{path}")
}
