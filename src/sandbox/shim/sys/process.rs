//! Processes: their making, their end, their signals, what they used.

use super::{Trouble, c_string, check};
use std::{
    ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_ulong},
    fs::File,
    io,
    mem::zeroed,
    os::fd::{FromRawFd, RawFd},
    ptr::{null, null_mut},
};

unsafe extern "C" {
    fn sysconf(name: c_int) -> c_long;
    fn waitid(kind: c_int, id: c_uint, info: *mut [u64; 16], options: c_int) -> c_int;
    #[link_name = "fork"]
    fn c_fork() -> c_int;
    fn _exit(code: c_int) -> !;
    fn setsid() -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    #[link_name = "kill"]
    fn c_kill(pid: c_int, signal: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn getrusage(who: c_int, usage: *mut Rusage) -> c_int;
    fn sigemptyset(set: *mut SignalSet) -> c_int;
    fn sigaddset(set: *mut SignalSet, signal: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn signalfd(fd: c_int, set: *const SignalSet, flags: c_int) -> c_int;
    fn signal(signal: c_int, handler: usize) -> usize;
    fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int;
    fn execve(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> c_int;
}

/// glibc's `sigset_t`: 1024 bits.
#[repr(C)]
struct SignalSet([u64; 16]);

/// `struct rusage`: two `timeval`s, then fourteen longs of which the first is the largest resident set in KiB.
#[repr(C)]
struct Rusage {
    user: [i64; 2],
    system: [i64; 2],
    max_rss: i64,
    rest: [i64; 13],
}

pub const SIGQUIT: i32 = 3;

pub const SIGKILL: i32 = 9;

pub const SIGUSR1: i32 = 10;

pub const SIGUSR2: i32 = 12;

pub const SIGTERM: i32 = 15;

pub const SIGCHLD: i32 = 17;

pub const SIGCONT: i32 = 18;

pub const SIGSTOP: i32 = 19;

const PR_SET_PDEATHSIG: c_int = 1;

const PR_SET_DUMPABLE: c_int = 4;

const PR_SET_NAME: c_int = 15;

const PR_SET_CHILD_SUBREAPER: c_int = 36;

pub fn set_name(name: &CStr) {
    // SAFETY: the kernel reads at most 16 bytes of a string that outlives the call.
    unsafe { prctl(PR_SET_NAME, name.as_ptr()) };
}

/// Leaves the caller's session; fails only for a process that leads one already.
pub fn new_session() {
    // SAFETY: no arguments, no memory.
    unsafe { setsid() };
}

pub fn become_subreaper() -> Result<(), Trouble> {
    // SAFETY: plain numbers.
    check("subreaper", unsafe { prctl(PR_SET_CHILD_SUBREAPER, 1 as c_ulong, 0, 0, 0) }.into()).map(drop)
}

pub fn die_with_parent() -> Result<(), Trouble> {
    // SAFETY: plain numbers.
    check("parent death signal", unsafe { prctl(PR_SET_PDEATHSIG, SIGKILL as c_ulong, 0, 0, 0) }.into()).map(drop)
}

pub fn set_undumpable() -> Result<(), Trouble> {
    // SAFETY: plain numbers.
    check("undumpable", unsafe { prctl(PR_SET_DUMPABLE, 0 as c_ulong, 0, 0, 0) }.into()).map(drop)
}

/// Gives `/proc/self` back to us after a change of user, which takes it away.
pub fn set_dumpable() -> Result<(), Trouble> {
    // SAFETY: plain numbers.
    check("dumpable", unsafe { prctl(PR_SET_DUMPABLE, 1 as c_ulong, 0, 0, 0) }.into()).map(drop)
}

/// Forks; the shim has one thread, so the child may do anything.
pub fn fork(step: &str) -> Result<i32, Trouble> {
    // SAFETY: single-threaded, so no lock can be left taken in the child.
    check(step, unsafe { c_fork() }.into()).map(|pid| pid as i32)
}

/// Ends without running anything else of this process.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: never returns, touches no memory.
    unsafe { _exit(code) }
}

/// Blocks until a child is over.
pub fn wait_for(child: i32) {
    let mut status = 0;
    // SAFETY: `status` is ours for the call.
    while unsafe { waitpid(child, &raw mut status, 0) } == -1
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

/// A finished child and its wait status, if there is one.
pub fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is ours for the call; 1 is WNOHANG.
    let pid = unsafe { waitpid(-1, &raw mut status, 1) };
    (pid > 0).then_some((pid, status))
}

/// Whether there is any child, finished or not.
pub fn has_children() -> bool {
    // SAFETY: the kernel writes 128 bytes of siginfo at most; 0x01000005 is WNOHANG | WEXITED | WNOWAIT.
    unsafe {
        let mut info = [0; 16];
        waitid(0, 0, &raw mut info, 0x0100_0005) == 0
    }
}

pub fn kill(pid: i32, signal: i32) {
    // SAFETY: plain numbers. A process that is gone meanwhile is what was wanted.
    unsafe { c_kill(pid, signal) };
}

/// CPU microseconds of everything that was waited for, and the largest resident set among them in bytes.
pub fn children_usage() -> (u64, u64) {
    // SAFETY: all-zero is a valid `Rusage`, which is as large as the kernel's; -1 is RUSAGE_CHILDREN.
    let usage = unsafe {
        let mut usage: Rusage = zeroed();
        getrusage(-1, &raw mut usage);
        usage
    };
    let micros = |time: [i64; 2]| time[0] as u64 * 1_000_000 + time[1] as u64;
    (micros(usage.user) + micros(usage.system), usage.max_rss as u64 * 1024)
}

/// Bytes of a page of memory.
pub fn page_size() -> u64 {
    // SAFETY: a plain number, _SC_PAGESIZE of both C libraries.
    u64::try_from(unsafe { sysconf(30) }).unwrap_or(4096)
}

/// CPU nanoseconds of a whole process, to the nanosecond: the clock that `clock_getcpuclockid` names.
pub fn process_cpu(pid: i32) -> Option<u64> {
    let mut time = [0; 2];
    // SAFETY: `time` is a `timespec` of 64-bit Linux.
    let result = unsafe { clock_gettime((!pid << 3) | 2, &raw mut time) };
    (result == 0).then(|| time[0] as u64 * 1_000_000_000 + time[1] as u64)
}

/// Blocks the given signals and returns a descriptor that becomes readable when one comes.
pub fn signal_descriptor(signals: &[i32]) -> Result<File, Trouble> {
    // SAFETY: all-zero is a valid set, as large as glibc's; the result is a new descriptor that nobody else owns.
    unsafe {
        let mut set: SignalSet = zeroed();
        sigemptyset(&raw mut set);
        for signal in signals {
            sigaddset(&raw mut set, *signal);
        }
        sigprocmask(0, &raw const set, null_mut());
        // SFD_CLOEXEC | SFD_NONBLOCK
        let fd = check("signal descriptor", signalfd(-1, &raw const set, 0o2_004_000).into())?;
        Ok(File::from_raw_fd(fd as RawFd))
    }
}

/// Every signal unblocked and at its default, as a program expects them.
pub fn reset_signals() {
    // SAFETY: 0 is SIG_DFL; SIG_SETMASK with an empty set.
    unsafe {
        for number in 1..=64 {
            signal(number, 0);
        }
        let mut set: SignalSet = zeroed();
        sigemptyset(&raw mut set);
        sigprocmask(2, &raw const set, null_mut());
    }
}

/// Replaces this process; returns only where that fails.
pub fn execute(path: &[u8], argv: &[Vec<u8>], env: &[Vec<u8>]) -> Result<(), Trouble> {
    let path = c_string(path)?;
    let texts = |list: &[Vec<u8>]| list.iter().map(|text| c_string(text)).collect::<Result<Vec<_>, _>>();
    let (argv, env) = (texts(argv)?, texts(env)?);
    let pointers = |list: &[CString]| list.iter().map(|text| text.as_ptr()).chain([null()]).collect::<Vec<_>>();
    // SAFETY: null-ended arrays of strings that outlive the call.
    unsafe { execve(path.as_ptr(), pointers(&argv).as_ptr(), pointers(&env).as_ptr()) };
    Err(Trouble::last(format!("start {}", path.to_string_lossy())))
}
