//! The system calls that std does not offer, each wrapped once: descriptors here, the rest by what it is about.

mod mount;
mod process;
mod rights;

pub use mount::*;
pub use process::*;
pub use rights::*;

use std::{
    ffi::{CString, c_int, c_long, c_ulong},
    fs::File,
    io,
    mem::zeroed,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

unsafe extern "C" {
    fn close(fd: c_int) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn poll(fds: *mut PollFd, count: c_ulong, timeout_ms: c_int) -> c_int;
    fn fstatfs(fd: c_int, buffer: *mut StatFs) -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn pipe2(fds: *mut c_int, flags: c_int) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
}

/// A step of the set-up that failed, and what the kernel said.
pub struct Trouble {
    pub step: String,
    pub problem: String,
}

impl Trouble {
    /// From the last system error.
    pub fn last(step: impl Into<String>) -> Self {
        Self::of(step, &io::Error::last_os_error())
    }

    pub fn of(step: impl Into<String>, error: &io::Error) -> Self {
        Self { step: step.into(), problem: error.to_string() }
    }
}

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: i16,
    revents: i16,
}

/// `struct statfs` of 64-bit Linux.
#[repr(C)]
struct StatFs {
    kind: i64,
    block_size: i64,
    blocks: u64,
    free: u64,
    rest: [u64; 11],
}

/// For files that somebody else may have replaced by anything: O_NOFOLLOW, O_NONBLOCK, O_CLOEXEC.
#[cfg(target_arch = "x86_64")]
pub const NO_SURPRISE: i32 = 0o400_000 | 0o4_000 | 0o2_000_000;
#[cfg(target_arch = "aarch64")]
pub const NO_SURPRISE: i32 = 0o100_000 | 0o4_000 | 0o2_000_000;

const SYS_CLOSE_RANGE: c_long = 436;

const SYS_LANDLOCK: [c_long; 3] = [444, 445, 446];

fn check(step: &str, result: c_long) -> Result<c_long, Trouble> {
    if result < 0 { Err(Trouble::last(step)) } else { Ok(result) }
}

/// A C string; a NUL inside is trouble.
pub fn c_string(bytes: &[u8]) -> Result<CString, Trouble> {
    CString::new(bytes).map_err(|_| Trouble {
        step: String::from_utf8_lossy(bytes).into_owned(),
        problem: "contains a NUL byte".into(),
    })
}

/// Bytes used on the file system of an open file.
pub fn used_bytes(file: &File) -> u64 {
    // SAFETY: all-zero is a valid `StatFs`, which is as large as the kernel's.
    unsafe {
        let mut buffer: StatFs = zeroed();
        if fstatfs(file.as_raw_fd(), &raw mut buffer) != 0 {
            return 0;
        }
        (buffer.blocks - buffer.free) * buffer.block_size as u64
    }
}

/// Closes every descriptor from `first` on.
pub fn close_from(first: u32) {
    // SAFETY: only called where nothing of the closed descriptors is used again.
    if unsafe { syscall(SYS_CLOSE_RANGE, c_long::from(first), c_long::from(u32::MAX), 0 as c_long) } != 0 {
        // Before Linux 5.9: the soft limit bounds what can be open.
        for fd in first as c_int..65_536 {
            // SAFETY: as above.
            unsafe { close(fd) };
        }
    }
}

/// A pipe whose ends close at exec.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), Trouble> {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two numbers, which are new descriptors that nobody else owns.
    unsafe {
        check("pipe", pipe2(ends.as_mut_ptr(), 0o2_000_000).into())?;
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

/// Makes descriptor `to` the same as `from`; it stays open at exec.
pub fn duplicate(from: RawFd, to: RawFd, step: &str) -> Result<(), Trouble> {
    // SAFETY: plain numbers; the callers own both.
    check(step, unsafe { dup2(from, to) }.into()).map(drop)
}

/// Closes a descriptor at exec.
pub fn close_at_exec(fd: RawFd) {
    // SAFETY: plain numbers: F_SETFD, FD_CLOEXEC.
    unsafe { fcntl(fd, 2, 1 as c_long) };
}

/// Waits for input on either descriptor; which of them have some (or are closed).
pub fn wait_readable(fds: [Option<BorrowedFd>; 2], timeout_ms: i32) -> [bool; 2] {
    let mut entries = fds.map(|fd| PollFd { fd: fd.map_or(-1, |fd| fd.as_raw_fd()), events: 1, revents: 0 });
    // SAFETY: two entries, ours for the call; negative descriptors are skipped.
    unsafe { poll(entries.as_mut_ptr(), 2, timeout_ms) };
    entries.map(|entry| entry.revents != 0)
}

/// A Landlock call by its place: create ruleset, add rule, restrict self.
///
/// # Safety
///
/// The arguments must be what that call expects; pointers must be valid for it.
pub unsafe fn landlock(call: usize, arguments: [c_long; 4]) -> c_long {
    // SAFETY: passed on to the caller.
    unsafe { syscall(SYS_LANDLOCK[call], arguments[0], arguments[1], arguments[2], arguments[3]) }
}
