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
            Walls::Namespaces | Walls::Container => Self::Namespace,
            Walls::None | Walls::Landlock => Self::Descendants,
        }
    }

    /// Every process of the sandbox, zombies too.
    pub fn processes(self) -> Vec<Process> {
        let mut found = Vec::new();
        let mut parents = HashMap::new();
        for (pid, state, parent, waited_ticks) in pids().filter_map(stat) {
            parents.insert(pid, parent);
            found.push((pid, state, waited_ticks));
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

/// Resident bytes and page tables: an upper bound of [`proportional`], and cheap to read whatever the size.
pub fn most(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let resident = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    resident * sys::page_size() + page_tables(pid)
}

/// Proportional bytes of a process: shared pages are divided among their users, swapped ones count.
#[derive(Default)]
pub struct Proportional {
    pub bytes: u64,
    /// Of these, shared memory: anonymous, or files of a file system in memory.
    pub shared: u64,
}

/// The upper bound stands in where the kernel denies the better figure.
pub fn proportional(pid: i32) -> Proportional {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
        return Proportional { bytes: most(pid), shared: 0 };
    };
    let kib = |name: &str| text.lines().find_map(|line| kibibytes(line, name)).unwrap_or(0);
    Proportional { bytes: kib("Pss:") + kib("SwapPss:") + page_tables(pid), shared: kib("Pss_Shmem:") }
}

/// Bytes of a process's page tables: a terabyte of nothing, read once, is gigabytes of them.
fn page_tables(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    text.lines().find_map(|line| kibibytes(line, "VmPTE:")).unwrap_or(0)
}

/// Bytes that the sockets of our network namespace may hold in their queues, beyond those that any program has.
///
/// The kernel tells no figure for it: each is counted with a full buffer of the default size.
pub fn socket_buffers() -> u64 {
    const FREE: u64 = 128;
    const BUFFER: u64 = 212_992;
    let text = fs::read_to_string("/proc/self/net/unix").unwrap_or_default();
    (text.lines().count() as u64).saturating_sub(1 + FREE) * BUFFER
}

/// The proportional bytes of a process without those of mapped files on the given devices. In one reading: between
/// two, a page may get another user and count twice.
pub fn proportional_without(pid: i32, devices: &[String]) -> u64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps")) else { return most(pid) };
    let mut counts = true;
    let mut bytes = page_tables(pid);
    for line in text.lines() {
        // A mapping begins with "address rights offset device inode name"; its figures follow as "Name: value kB".
        let mut words = line.split(' ');
        if words.next().is_some_and(|word| !word.ends_with(':')) {
            counts = words.nth(2).is_none_or(|device| devices.iter().all(|theirs| theirs != device));
        } else if counts {
            bytes += kibibytes(line, "Pss:").or_else(|| kibibytes(line, "SwapPss:")).unwrap_or(0);
        }
    }
    bytes
}

/// A device as `/proc/<pid>/smaps` writes it.
pub fn device_name(device: u64) -> String {
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
    format!("{major:02x}:{minor:02x}")
}

fn kibibytes(line: &str, name: &str) -> Option<u64> {
    let rest = line.strip_prefix(name)?;
    rest.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
