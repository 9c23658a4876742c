//! The CPU share: where the processes use more than theirs, all of them are stopped until the account is level.
//!
//! A kernel control group would do better, but an ordinary user rarely has one. The account may run ahead by
//! [`BURST_US`], so that the start of an interpreter is not slowed down.

use crate::{
    procs::{Process, Scope},
    sys,
};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// CPU time that may be used in one go, microseconds.
const BURST_US: f64 = 100_000.0;
/// The deepest the account may go, seconds of the share: a jump of the figures must not stop the code for good.
const DEEPEST: f64 = 2.0;
/// The account is looked at no more often than this.
const SHORTEST: Duration = Duration::from_millis(4);

pub struct Pace {
    scope: Scope,
    /// Cores.
    share: f64,
    /// Cores of the host: how fast the account can empty.
    cores: f64,
    /// CPU microseconds that may still be used.
    account: f64,
    last: Instant,
    last_cpu: u64,
    /// Processes that had stopped themselves before we stopped the rest: not ours to continue.
    own_stops: Option<HashSet<i32>>,
}

impl Pace {
    pub fn new(scope: Scope, cpu_milli: u64) -> Option<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let now = Instant::now();
        (cpu_milli > 0).then(|| Self {
            scope,
            share: cpu_milli as f64 / 1000.0,
            cores,
            account: BURST_US,
            last: now,
            last_cpu: 0,
            own_stops: None,
        })
    }

    /// Settles the account; returns when to look again.
    pub fn settle(&mut self, now: Instant, cpu_us: u64, processes: &[Process]) -> Duration {
        let passed = now.duration_since(self.last).as_micros() as f64;
        let used = cpu_us.saturating_sub(self.last_cpu) as f64;
        let deepest = -DEEPEST * 1e6 * self.share;
        self.account = (self.account + passed * self.share - used).clamp(deepest, BURST_US);
        self.last = now;
        self.last_cpu = self.last_cpu.max(cpu_us);
        if self.own_stops.is_some() {
            if self.account < self.credit() {
                return self.until_level();
            }
            self.resume();
        } else if self.account < 0.0 {
            let own = processes.iter().filter(|process| process.state == b'T').map(|process| process.pid).collect();
            self.scope.signal(sys::SIGSTOP);
            self.own_stops = Some(own);
            return self.until_level();
        }
        // The earliest moment at which the account can be empty.
        Duration::from_micros((self.account.max(0.0) / (self.cores - self.share).max(0.1)) as u64).max(SHORTEST)
    }

    /// Lets everything go on that we stopped.
    pub fn resume(&mut self) {
        let Some(own) = self.own_stops.take() else { return };
        if own.is_empty() {
            self.scope.signal(sys::SIGCONT);
            return;
        }
        for process in self.scope.processes() {
            if !own.contains(&process.pid) {
                sys::kill(process.pid, sys::SIGCONT);
            }
        }
    }

    /// What the account must hold before the processes go on, or the next stop would follow at once.
    fn credit(&self) -> f64 {
        SHORTEST.as_micros() as f64 * self.cores
    }

    fn until_level(&self) -> Duration {
        let wait = (self.credit() - self.account).max(0.0) / self.share;
        Duration::from_micros(wait as u64).max(Duration::from_millis(1))
    }
}
