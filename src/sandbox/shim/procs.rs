//! The processes of the sandbox: which there are, what they use.

use crate::{sys, wire::Walls};
use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::MetadataExt,
};

/// How our processes are told from others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything that `/proc` shows but PID 1.
    Namespace,
    /// What descends from us: orphans come to us, because we are their subreaper.
    Descendants,
}

/// One process at one moment.
pub struct Process {
    pub pid: i32,
    /// `R`, `S`, `T`, `Z` …
    pub state: u8,
    /// CPU microseconds of the process and of the children it waited for.
    pub cpu_us: u64,
}

/// Microseconds of a clock tick of `/proc/<pid>/stat`: USER_HZ is 100 on every architecture we build for.
const TICK_US: u64 = 10_000;

impl Scope {
    pub const fn of(walls: Walls) -> Self {
        match walls {
            Walls::Namespaces => Self::Namespace,
            Walls::None | Walls::Landlock => Self::Descendants,
        }
    }

    /// Every process of the sandbox, zombies too.
    pub fn processes(self) -> Vec<Process> {
        let mut found = Vec::new();
        let mut parents = HashMap::new();
        for (pid, state, parent, waited_ticks) in pids().filter_map(stat) {
            parents.insert(pid, parent);
            if self == Self::Namespace {
                found.push((pid, state, waited_ticks));
            } else if parent != 0 {
                found.push((pid, state, waited_ticks));
            }
        }
        let us = std::process::id() as i32;
        found.retain(|(pid, ..)| *pid != us && (self == Self::Namespace || descends(*pid, us, &parents)));
        found
            .into_iter()
            .map(|(pid, state, waited_ticks)| {
                let own = sys::process_cpu(pid).unwrap_or(0) / 1000;
                Process { pid, state, cpu_us: own + waited_ticks * TICK_US }
            })
            .collect()
    }

    /// Sends a signal to all of them.
    pub fn signal(self, signal: i32) {
        if self == Self::Namespace {
            // One call that no fork can slip through; PID 1 is not meant by it.
            sys::kill(-1, signal);
        } else {
            for process in self.processes() {
                sys::kill(process.pid, signal);
            }
        }
    }

    /// Ends all of them: stopped first where they could fork away from one pass to the next.
    pub fn end(self) {
        if self == Self::Descendants {
            self.signal(sys::SIGSTOP);
        }
        self.signal(sys::SIGKILL);
    }

    /// How many tasks of our user the process limit counts already.
    pub fn count_of_user(self) -> u64 {
        if self == Self::Namespace {
            return 0;
        }
        let us = fs::metadata("/proc/self").map_or(0, |metadata| metadata.uid());
        let ours = |pid: &i32| fs::metadata(format!("/proc/{pid}")).is_ok_and(|metadata| metadata.uid() == us);
        let threads = |pid: i32| fs::read_dir(format!("/proc/{pid}/task")).map_or(1, |tasks| tasks.count() as u64);
        pids().filter(ours).map(threads).sum()
    }
}

fn descends(pid: i32, from: i32, parents: &HashMap<i32, i32>) -> bool {
    let mut seen = HashSet::new();
    let mut at = pid;
    while let Some(parent) = parents.get(&at) {
        if *parent == from {
            return true;
        }
        if !seen.insert(at) {
            return false;
        }
        at = *parent;
    }
    false
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Id, state, parent, and the ticks of children that were waited for.
fn stat(pid: i32) -> Option<(i32, u8, i32, u64)> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let text = str::from_utf8(bytes.get(end + 2..)?).ok()?;
    let fields: Vec<&str> = text.split(' ').collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some((pid, *fields.first()?.as_bytes().first()?, number(1)? as i32, number(13)? + number(14)?))
}

/// Resident bytes: an upper bound of [`proportional`], and nearly free to read.
pub fn resident(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Proportional bytes (shared pages divided among their users) plus swapped ones; resident bytes where that is denied.
pub fn proportional(pid: i32) -> u64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { return resident(pid) };
    let kib = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    (kib("Pss:") + kib("SwapPss:")) * 1024
}
