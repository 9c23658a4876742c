//! Namespaces and mounts.

use super::{Trouble, c_string, check};
use std::{
    ffi::{CStr, CString, c_char, c_int, c_long, c_ulong, c_void},
    mem::size_of,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr::null,
};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int;
    fn umount2(target: *const c_char, flags: c_int) -> c_int;
    fn unshare(flags: c_int) -> c_int;
    fn sethostname(name: *const c_char, length: usize) -> c_int;
}

pub const MS_RDONLY: u64 = 1;

pub const MS_NOSUID: u64 = 2;

pub const MS_NODEV: u64 = 4;

pub const MS_NOEXEC: u64 = 8;

pub const MS_REMOUNT: u64 = 32;

pub const MS_BIND: u64 = 4096;

pub const MS_REC: u64 = 16384;

pub const MS_PRIVATE: u64 = 1 << 18;

const AT_FDCWD: c_long = -100;

const AT_EMPTY_PATH: c_long = 0x1000;

const AT_RECURSIVE: c_long = 0x8000;

// Numbers above 423 are the same on every architecture.
const SYS_OPEN_TREE: c_long = 428;

const SYS_MOVE_MOUNT: c_long = 429;

const SYS_MOUNT_SETATTR: c_long = 442;

#[cfg(target_arch = "x86_64")]
const SYS_PIVOT_ROOT: c_long = 155;

#[cfg(target_arch = "aarch64")]
const SYS_PIVOT_ROOT: c_long = 41;

pub fn unshare_namespaces(flags: i32) -> Result<(), Trouble> {
    // SAFETY: plain numbers.
    check("new namespaces", unsafe { unshare(flags) }.into()).map(drop)
}

pub fn set_hostname(name: &CStr) -> Result<(), Trouble> {
    // SAFETY: the kernel reads `length` bytes of a string that outlives the call.
    check("host name", unsafe { sethostname(name.as_ptr(), name.to_bytes().len()) }.into()).map(drop)
}

/// `mount(2)`; an empty string stands for none.
pub fn mount_at(source: &str, target: &str, kind: &str, flags: u64, data: &str) -> Result<(), Trouble> {
    let strings = [source, target, kind, data].map(|text| c_string(text.as_bytes()));
    let [source, at, kind, data] = strings;
    let (source, at, kind, data) = (source?, at?, kind?, data?);
    let pointer = |text: &CString| if text.is_empty() { null() } else { text.as_ptr() };
    // SAFETY: null or strings that outlive the call.
    let result = unsafe { mount(pointer(&source), at.as_ptr(), pointer(&kind), flags, pointer(&data).cast()) };
    check(&format!("mount {} on {target}", kind.to_string_lossy()), result.into()).map(drop)
}

/// Takes the mount at `path` away; it goes when its last user goes.
pub fn unmount(path: &CStr) -> Result<(), Trouble> {
    // SAFETY: a string that outlives the call; 2 is MNT_DETACH.
    check("leave the old root", unsafe { umount2(path.as_ptr(), 2) }.into()).map(drop)
}

/// Makes the current folder the root, with the old one mounted over it.
pub fn pivot_here() -> Result<(), Trouble> {
    // SAFETY: strings with static life.
    check("pivot_root", unsafe { syscall(SYS_PIVOT_ROOT, c".".as_ptr(), c".".as_ptr()) }).map(drop)
}

/// A detached copy of the mounts at and below a path.
pub fn clone_tree(path: &[u8]) -> Result<OwnedFd, Trouble> {
    let text = c_string(path)?;
    // OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
    let flags = 1 | 0o2_000_000 | AT_RECURSIVE;
    // SAFETY: a string that outlives the call; the result is a new descriptor that nobody else owns.
    unsafe {
        let fd = check(
            &format!("open {}", String::from_utf8_lossy(path)),
            syscall(SYS_OPEN_TREE, AT_FDCWD, text.as_ptr(), flags),
        )?;
        Ok(OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// Puts a detached copy at a path.
pub fn attach_tree(tree: &OwnedFd, path: &str) -> Result<(), Trouble> {
    let text = c_string(path.as_bytes())?;
    // SAFETY: strings that outlive the call; 4 is MOVE_MOUNT_F_EMPTY_PATH.
    let result = unsafe {
        syscall(SYS_MOVE_MOUNT, c_long::from(tree.as_raw_fd()), c"".as_ptr(), AT_FDCWD, text.as_ptr(), 4 as c_long)
    };
    check(&format!("bind {path}"), result).map(drop)
}

/// Adds flags to a detached copy and everything below it.
pub fn restrict_tree(tree: &OwnedFd, flags: u64, step: &str) -> Result<(), Trouble> {
    // struct mount_attr: set, clear, propagation, user namespace. The first four flags equal the MS_ ones.
    let attributes = [flags, 0, MS_PRIVATE, 0];
    // SAFETY: the kernel reads the 32 bytes whose size it is told.
    let result = unsafe {
        syscall(
            SYS_MOUNT_SETATTR,
            c_long::from(tree.as_raw_fd()),
            c"".as_ptr(),
            AT_EMPTY_PATH | AT_RECURSIVE,
            attributes.as_ptr(),
            size_of::<[u64; 4]>(),
        )
    };
    check(&format!("restrict {step}"), result).map(drop)
}
