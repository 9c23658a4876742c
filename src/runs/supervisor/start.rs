//! Starting a supervisor that outlives its starter: nobody's child, no terminal, nothing inherited.
//!
//! `mecapy supervise FOLDER` leaves the session of its caller, starts itself again as
//! `mecapy supervise --detached FOLDER` and ends: so the second process has no terminal and cannot get one (it
//! leads no session), and its parent is the system's, which reaps it.

use crate::runs::{secrets::Secrets, spool::Spool};
use rustix::fs::FileType;
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The word that makes `mecapy` a supervisor.
pub(super) const SUPERVISE: &str = "supervise";
/// Marks the second of the two processes.
pub(super) const DETACHED: &str = "--detached";
/// What a supervisor gets of the environment: where to find things and how to write times. No secret comes this way.
const KEPT: [&str; 11] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "RUST_BACKTRACE",
];

/// What the first process has to tell the second, for the run's live state.
const NOTE: &str = "MECAPY_SUPERVISOR_NOTE";

/// How long a scope of systemd may take to start something.
const SCOPE_PATIENCE: Duration = Duration::from_secs(5);

/// Starts the supervisor of a run. Returns when it is on its own.
///
/// `program` is mecapy; without one it is this very program, whatever lies at its path by now.
/// The secrets go through the pipe at its standard input, which both of its processes inherit: they
/// stand in no argument, no environment and no file.
pub(in crate::runs) fn start(spool: &Spool, program: Option<&Path>, secrets: &Secrets) -> io::Result<()> {
    let program = program.map_or_else(|| PathBuf::from("/proc/self/exe"), Path::to_owned);
    let mut child = Command::new(program)
        .arg0("mecapy")
        .args([OsStr::new(SUPERVISE), spool.folder().as_os_str()])
        .stdin(if secrets.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // A pipe holds much more than this, so nobody waits; one that is closed belongs to a process that failed.
        let _ = pipe.write_all(secrets.to_text().as_bytes());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{} ({})", said.trim(), output.status)))
}

/// The first of the two processes: leaves the caller's session and starts the second.
pub(super) fn detach(spool: &Spool) -> io::Result<()> {
    inherit_nothing()?;
    // Fails only where this process leads a session already; then it has left the caller's.
    let _ = rustix::process::setsid();
    let mut plain = second(spool, Path::new("/proc/self/exe"), &[])?;
    if is_scope_needed() {
        if start_in_scope(spool).unwrap_or(false) {
            return Ok(());
        }
        plain.env(
            NOTE,
            "this run ends with your login session (KillUserProcesses=yes, and no scope of systemd to be had)",
        );
    }
    plain.spawn().map(drop)
}

/// What would end this user's runs together with the login session, in words; `None` where nothing would.
pub fn ended_by_logout() -> Option<&'static str> {
    let ends = is_scope_needed() && !lingers();
    ends.then_some(
        "runs end with your last login session (KillUserProcesses=yes); `loginctl enable-linger` lets them go on",
    )
}

/// Whether something waits at the standard input: only a pipe is one of ours.
fn is_pipe_given() -> bool {
    let kind = rustix::fs::fstat(rustix::stdio::stdin()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    kind.is_ok_and(|kind| kind == FileType::Fifo)
}

/// What the starter of this process handed over.
pub(super) fn handed_over() -> Secrets {
    if !is_pipe_given() {
        return Secrets::default();
    }
    let mut text = String::new();
    // It was written before this process began; the bound is for a pipe that is somebody else's.
    if let Err(error) = io::stdin().take(64 << 10).read_to_string(&mut text) {
        tracing::warn!(%error, "what was handed over cannot be read");
    }
    Secrets::from_text(&text)
}

/// What the process before this one found out about its surroundings.
pub(super) fn note() -> Option<String> {
    std::env::var(NOTE).ok()
}

/// The command that becomes the supervisor: `program`, then `before`, then its own words.
fn second(spool: &Spool, program: &Path, before: &[OsString]) -> io::Result<Command> {
    let mut command = Command::new(program);
    if before.is_empty() {
        command.arg0("mecapy");
    }
    command
        .args(before)
        .args([OsStr::new(SUPERVISE), OsStr::new(DETACHED), spool.folder().as_os_str()])
        .current_dir("/")
        .stdin(if is_pipe_given() { Stdio::inherit() } else { Stdio::null() })
        .stdout(spool.supervisor_log()?)
        .stderr(spool.supervisor_log()?)
        .env_clear()
        .envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    #[cfg(debug_assertions)]
    command.envs(std::env::var_os(crate::faults::VARIABLE).map(|value| (crate::faults::VARIABLE, value)));
    Ok(command)
}

/// Marks every descriptor but the three standard ones to be closed in the programs this process starts: a lock, a
/// pipe or a job server of the caller would otherwise be held for as long as the run lasts.
#[expect(unsafe_code, reason = "one system call that closes nothing in this process and touches no memory")]
fn inherit_nothing() -> io::Result<()> {
    // SAFETY: with CLOSE_RANGE_CLOEXEC the call only sets a flag on descriptors; none is closed or changed here.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        // Kernels before 5.11 do without.
        error if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) => Ok(()),
        error => Err(error),
    }
}

/// Whether the end of the login session would end the supervisor: it is in the session's scope, and logind is set
/// to kill what is.
fn is_scope_needed() -> bool {
    if !fs::read_to_string("/proc/self/cgroup").is_ok_and(|groups| in_session_scope(&groups)) {
        return false;
    }
    let said = Command::new("busctl")
        .args(["--system", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1"])
        .args(["org.freedesktop.login1.Manager", "KillUserProcesses"])
        .stdin(Stdio::null())
        .output();
    said.is_ok_and(|said| kills_user_processes(&String::from_utf8_lossy(&said.stdout)))
}

/// Whether `/proc/self/cgroup` names a session scope of logind.
fn in_session_scope(groups: &str) -> bool {
    groups.lines().any(|line| {
        let last = line.rsplit('/').next().unwrap_or_default();
        last.strip_suffix(".scope").is_some_and(|name| name.starts_with("session-"))
    })
}

/// What `busctl get-property` says of a boolean.
fn kills_user_processes(said: &str) -> bool {
    said.trim() == "b true"
}

/// Starts the second process in a scope of the user's own systemd; `false` where that did not work.
fn start_in_scope(spool: &Spool) -> io::Result<bool> {
    // Where another build took this one's place, the path is gone; the program itself is not.
    let program = std::env::current_exe().ok().filter(|path| path.exists());
    let program = program.unwrap_or_else(|| format!("/proc/{}/exe", std::process::id()).into());
    let before = ["--user", "--scope", "--quiet", "--collect", "--"].map(OsString::from);
    let before = [&before[..], &[program.into_os_string()]].concat();
    let mut command = second(spool, Path::new("systemd-run"), &before)?;
    if !lingers() {
        command.env(NOTE, "this run ends with your last login session; `loginctl enable-linger` lets it go on");
    }
    let mut child = command.spawn()?;
    let began = Instant::now();
    while began.elapsed() < SCOPE_PATIENCE {
        if spool.has_supervisor() {
            return Ok(true);
        }
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        #[expect(clippy::disallowed_methods, reason = "called by spawn_blocking")]
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(false)
}

/// Whether the user's systemd stays when the last session ends.
fn lingers() -> bool {
    std::env::var_os("USER").is_some_and(|user| Path::new("/var/lib/systemd/linger").join(user).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded on machines with systemd; a login session with KillUserProcesses=yes itself is not tested here.
    #[test]
    fn what_logind_says_is_read() {
        assert!(in_session_scope("0::/user.slice/user-1000.slice/session-3.scope\n"));
        assert!(in_session_scope("12:pids:/\n1:name=systemd:/user.slice/user-1000.slice/session-c2.scope\n"));
        assert!(!in_session_scope("0::/user.slice/user-1000.slice/user@1000.service/tmux-spawn-1.scope\n"));
        assert!(!in_session_scope("0::/\n"));
        assert!(kills_user_processes("b true\n"));
        assert!(!kills_user_processes("b false\n"));
        assert!(!kills_user_processes(""));
    }
}
