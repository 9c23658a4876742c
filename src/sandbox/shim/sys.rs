//! The system calls that std does not offer, each wrapped once.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_ulong, c_void},
    fs::File,
    io,
    mem::{size_of, zeroed},
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    ptr::{null, null_mut},
};

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

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    #[link_name = "fork"]
    fn c_fork() -> c_int;
    fn _exit(code: c_int) -> !;
    fn setsid() -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: c_ulong,
        data: *const c_void,
    ) -> c_int;
    fn umount2(target: *const c_char, flags: c_int) -> c_int;
    fn unshare(flags: c_int) -> c_int;
    fn setgroups(count: usize, groups: *const c_uint) -> c_int;
    fn setresuid(real: c_uint, effective: c_uint, saved: c_uint) -> c_int;
    fn setresgid(real: c_uint, effective: c_uint, saved: c_uint) -> c_int;
    fn geteuid() -> c_uint;
    fn getegid() -> c_uint;
    fn sethostname(name: *const c_char, length: usize) -> c_int;
    #[link_name = "kill"]
    fn c_kill(pid: c_int, signal: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn getrusage(who: c_int, usage: *mut Rusage) -> c_int;
    fn setrlimit(resource: c_int, limit: *const [u64; 2]) -> c_int;
    fn getrlimit(resource: c_int, limit: *mut [u64; 2]) -> c_int;
    fn poll(fds: *mut PollFd, count: c_ulong, timeout_ms: c_int) -> c_int;
    fn sigemptyset(set: *mut SignalSet) -> c_int;
    fn sigaddset(set: *mut SignalSet, signal: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn signalfd(fd: c_int, set: *const SignalSet, flags: c_int) -> c_int;
    fn signal(signal: c_int, handler: usize) -> usize;
    fn fstatfs(fd: c_int, buffer: *mut StatFs) -> c_int;
    fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn pipe2(fds: *mut c_int, flags: c_int) -> c_int;
    fn execve(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
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

pub const SIGKILL: i32 = 9;
pub const SIGTERM: i32 = 15;
pub const SIGCHLD: i32 = 17;
pub const SIGCONT: i32 = 18;
pub const SIGSTOP: i32 = 19;

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
const SYS_CLOSE_RANGE: c_long = 436;
const SYS_MOUNT_SETATTR: c_long = 442;
const SYS_LANDLOCK: [c_long; 3] = [444, 445, 446];
#[cfg(target_arch = "x86_64")]
const SYS_CAPSET: c_long = 126;
#[cfg(target_arch = "aarch64")]
const SYS_CAPSET: c_long = 91;
#[cfg(target_arch = "x86_64")]
const SYS_PIVOT_ROOT: c_long = 155;
#[cfg(target_arch = "aarch64")]
const SYS_PIVOT_ROOT: c_long = 41;

const PR_SET_PDEATHSIG: c_int = 1;
const PR_SET_DUMPABLE: c_int = 4;
const PR_SET_NAME: c_int = 15;
const PR_SET_SECCOMP: c_int = 22;
const PR_CAPBSET_DROP: c_int = 24;
const PR_SET_CHILD_SUBREAPER: c_int = 36;
const PR_SET_NO_NEW_PRIVS: c_int = 38;
const PR_CAP_AMBIENT: c_int = 47;

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
    while unsafe { waitpid(child, &mut status, 0) } == -1
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

/// A finished child and its wait status, if there is one.
pub fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is ours for the call; 1 is WNOHANG.
    let pid = unsafe { waitpid(-1, &mut status, 1) };
    (pid > 0).then_some((pid, status))
}

/// Whether there is any child, finished or not.
pub fn has_children() -> bool {
    // SAFETY: the kernel writes 128 bytes of siginfo at most; 0x01000005 is WNOHANG | WEXITED | WNOWAIT.
    unsafe {
        unsafe extern "C" {
            fn waitid(kind: c_int, id: c_uint, info: *mut [u64; 16], options: c_int) -> c_int;
        }
        let mut info = [0; 16];
        waitid(0, 0, &mut info, 0x0100_0005) == 0
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
        getrusage(-1, &mut usage);
        usage
    };
    let micros = |time: [i64; 2]| time[0] as u64 * 1_000_000 + time[1] as u64;
    (micros(usage.user) + micros(usage.system), usage.max_rss as u64 * 1024)
}

/// CPU nanoseconds of a whole process, to the nanosecond: the clock that `clock_getcpuclockid` names.
pub fn process_cpu(pid: i32) -> Option<u64> {
    let mut time = [0; 2];
    // SAFETY: `time` is a `timespec` of 64-bit Linux.
    let result = unsafe { clock_gettime((!pid << 3) | 2, &mut time) };
    (result == 0).then(|| time[0] as u64 * 1_000_000_000 + time[1] as u64)
}

pub fn unshare_namespaces(flags: i32) -> Result<(), Trouble> {
    // SAFETY: plain numbers.
    check("new namespaces", unsafe { unshare(flags) }.into()).map(drop)
}

pub fn ids() -> (u32, u32) {
    // SAFETY: no arguments, never fail.
    unsafe { (geteuid(), getegid()) }
}

/// Becomes another user and group for good, without supplementary groups.
pub fn become_user(id: u32) -> Result<(), Trouble> {
    // SAFETY: an empty list is not read; the others are plain numbers.
    unsafe {
        check("drop supplementary groups", setgroups(0, null()).into())?;
        check("drop the group", setresgid(id, id, id).into())?;
        check("drop the user", setresuid(id, id, id).into())?;
    }
    Ok(())
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

/// Bytes used on the file system of an open file.
pub fn used_bytes(file: &File) -> u64 {
    // SAFETY: all-zero is a valid `StatFs`, which is as large as the kernel's.
    unsafe {
        let mut buffer: StatFs = zeroed();
        if fstatfs(file.as_raw_fd(), &mut buffer) != 0 {
            return 0;
        }
        (buffer.blocks - buffer.free) * buffer.block_size as u64
    }
}

/// Closes every descriptor from `first` on.
pub fn close_from(first: u32) {
    // SAFETY: only called where nothing of the closed descriptors is used again.
    if unsafe { syscall(SYS_CLOSE_RANGE, c_long::from(first), c_long::from(u32::MAX), 0 as c_long) } != 0 {
        for fd in first as c_int..4096 {
            // SAFETY: as above; 3 is F_GETFD-free close by number through the C library.
            unsafe {
                unsafe extern "C" {
                    fn close(fd: c_int) -> c_int;
                }
                close(fd);
            }
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

/// Blocks the given signals and returns a descriptor that becomes readable when one comes.
pub fn signal_descriptor(signals: &[i32]) -> Result<File, Trouble> {
    // SAFETY: all-zero is a valid set, as large as glibc's; the result is a new descriptor that nobody else owns.
    unsafe {
        let mut set: SignalSet = zeroed();
        sigemptyset(&mut set);
        for signal in signals {
            sigaddset(&mut set, *signal);
        }
        sigprocmask(0, &set, null_mut());
        // SFD_CLOEXEC | SFD_NONBLOCK
        let fd = check("signal descriptor", signalfd(-1, &set, 0o2_004_000).into())?;
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
        sigemptyset(&mut set);
        sigprocmask(2, &set, null_mut());
    }
}

/// Waits for input on either descriptor; which of them have some (or are closed).
pub fn wait_readable(fds: [Option<BorrowedFd>; 2], timeout_ms: i32) -> [bool; 2] {
    let mut entries = fds.map(|fd| PollFd { fd: fd.map_or(-1, |fd| fd.as_raw_fd()), events: 1, revents: 0 });
    // SAFETY: two entries, ours for the call; negative descriptors are skipped.
    unsafe { poll(entries.as_mut_ptr(), 2, timeout_ms) };
    entries.map(|entry| entry.revents != 0)
}

/// Sets soft and hard limit to the value, or to what is allowed where that is less.
pub fn limit(resource: i32, value: u64, step: &str) -> Result<(), Trouble> {
    // SAFETY: two 64-bit numbers, as `struct rlimit`.
    unsafe {
        let mut now = [0; 2];
        check(step, getrlimit(resource, &mut now).into())?;
        let value = value.min(now[1]);
        check(step, setrlimit(resource, &[value, value]).into()).map(drop)
    }
}

/// Our own descriptors, as many as the hard limit has.
pub fn raise_descriptor_limit() {
    // SAFETY: two 64-bit numbers, as `struct rlimit`; 7 is RLIMIT_NOFILE.
    unsafe {
        let mut now = [0; 2];
        if getrlimit(7, &mut now) == 0 {
            now[0] = now[1].min(65_536);
            setrlimit(7, &now);
        }
    }
}

/// No capability now, none by exec.
pub fn drop_capabilities() -> Result<(), Trouble> {
    // SAFETY: plain numbers; the header and the two empty sets are laid out as capset(2) says (version 3).
    unsafe {
        prctl(PR_CAP_AMBIENT, 4 as c_ulong, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong);
        for capability in 0..64 as c_ulong {
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
        let header: [u32; 2] = [0x2008_0522, 0];
        let sets = [0_u32; 6];
        check("drop capabilities", syscall(SYS_CAPSET, header.as_ptr(), sets.as_ptr())).map(drop)
    }
}

pub fn no_new_privileges() -> Result<(), Trouble> {
    // SAFETY: plain numbers.
    check(
        "no new privileges",
        unsafe { prctl(PR_SET_NO_NEW_PRIVS, 1 as c_ulong, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong) }.into(),
    )
    .map(drop)
}

/// Installs a seccomp program: an array of the kernel's 8-byte `struct sock_filter`.
pub fn install_filter(program: &[u8]) -> Result<(), Trouble> {
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const u8,
    }
    // The kernel copies it, so that its alignment is of no concern to it; u64 keeps it aligned anyway.
    let aligned: Vec<u64> =
        program.chunks_exact(8).map(|entry| u64::from_ne_bytes(entry.try_into().unwrap_or_default())).collect();
    let program = Program { length: aligned.len() as u16, filter: aligned.as_ptr().cast() };
    // SAFETY: the kernel reads `length` entries of eight bytes; 2 is SECCOMP_MODE_FILTER.
    let result = unsafe { prctl(PR_SET_SECCOMP, 2 as c_ulong, &program as *const Program) };
    check("seccomp filter", result.into()).map(drop)
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
