//! Which process a sandbox is, in a way that a reused process id cannot fool.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    time::{Duration, Instant},
};

/// A process of this host: ending it ends the whole sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// The process id of the shim's outer stage.
    pub pid: i32,
    /// Its start, clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub start_time: u64,
}

impl Identity {
    /// Describes a living process.
    pub fn of(pid: i32) -> io::Result<Self> {
        Ok(Self { boot_id: boot_id()?, pid, start_time: Stat::of(pid)?.start_time })
    }

    /// Whether that very process still runs. One that ended and that nobody has waited for yet does not: on hosts
    /// whose first process reaps no orphans (many containers), it stays in the list of processes for ever.
    pub fn is_alive(&self) -> bool {
        let runs = |stat: &Stat| stat.start_time == self.start_time && !stat.has_ended;
        boot_id().is_ok_and(|id| id == self.boot_id) && Stat::of(self.pid).is_ok_and(|stat| runs(&stat))
    }
}

/// What [`kill_leftover`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// It was gone already.
    Gone,
    /// It lived and was ended, with everything in it.
    Killed,
}

/// How long a sandbox may take to fall after its signal.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends the sandbox of a run whose supervisor is gone. Blocks until it is over.
///
/// SIGTERM lets the shim end its processes itself (without a process namespace nobody else knows them all);
/// SIGKILL follows where it does not answer, and takes a process namespace down with it.
pub fn kill_leftover(identity: &Identity) -> io::Result<Leftover> {
    let Some(pid) = Pid::from_raw(identity.pid) else { return Ok(Leftover::Gone) };
    // Opened before the check: from here on the descriptor means one process, whatever the number does.
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(Leftover::Gone) };
    if !identity.is_alive() {
        return Ok(Leftover::Gone);
    }
    for signal in [Signal::TERM, Signal::KILL] {
        match pidfd_send_signal(&handle, signal) {
            Err(rustix::io::Errno::SRCH) => return Ok(Leftover::Killed),
            other => other?,
        }
        let started = Instant::now();
        while started.elapsed() < PATIENCE / 2 {
            if !identity.is_alive() {
                return Ok(Leftover::Killed);
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "called by spawn_blocking or by the command line, never in a task"
            )]
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("the sandbox process {} does not end", identity.pid)))
}

fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// What `/proc/<pid>/stat` says (proc(5)).
struct Stat {
    /// Field 22, clock ticks since boot.
    start_time: u64,
    /// Fields 3 and 20: a zombie, or being removed, and not only its first thread: the others may still hold files
    /// and locks.
    has_ended: bool,
}

impl Stat {
    fn of(pid: i32) -> io::Result<Self> {
        let text = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat"))?).into_owned();
        // The second field, the name, may hold anything, parentheses and spaces too.
        let fields: Vec<&str> = text.rsplit_once(") ").map_or("", |(_, rest)| rest).split_whitespace().collect();
        // The first of these is field 3.
        let field = |number: usize| fields.get(number - 3).copied();
        let has_ended = matches!(field(3), Some("Z" | "X" | "x")) && matches!(field(20), Some("0" | "1"));
        let start_time = field(22).and_then(|field| field.parse().ok());
        let start_time = start_time
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat has no start time")))?;
        Ok(Self { start_time, has_ended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn another_process_with_the_same_number_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let real = Identity::of(pid).unwrap();
        let impostor = Identity { start_time: real.start_time + 1, ..real.clone() };
        assert_eq!(kill_leftover(&impostor).unwrap(), Leftover::Gone);
        let other_boot = Identity { boot_id: "another".into(), ..real.clone() };
        assert_eq!(kill_leftover(&other_boot).unwrap(), Leftover::Gone);
        assert!(real.is_alive());
        assert_eq!(kill_leftover(&real).unwrap(), Leftover::Killed);
        // Nobody has waited for it: it is in the list of processes, and does nothing any more.
        assert!(Stat::of(pid).unwrap().has_ended && !real.is_alive());
        assert_eq!(kill_leftover(&real).unwrap(), Leftover::Gone);
        child.wait().unwrap();
        assert_eq!(kill_leftover(&real).unwrap(), Leftover::Gone);
    }
}
