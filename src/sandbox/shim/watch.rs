//! The watch: one loop that holds the clock, counts, and ends everything.

use crate::{
    disk, landlock,
    pace::Pace,
    procs::{self, Process, Scope},
    sys::{self, Trouble},
    user,
    wire::{Exit, Plan, Reason, Report, Sample, Walls},
};
use std::{
    fs::File,
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::{fs::MetadataExt, net::UnixStream},
    },
    path::PathBuf,
    time::{Duration, Instant},
};

/// The memory of all processes is summed at least this often.
const MEMORY_EVERY: Duration = Duration::from_millis(50);
/// And at most this often.
const MEMORY_SOONEST: Duration = Duration::from_millis(5);
/// Memory that can be filled in a second: decides how soon a look is due when little room is left.
const FILL_RATE: f64 = 4e9;
/// Files are measured this often.
const DISK_EVERY: Duration = Duration::from_millis(250);
/// Figures are reported this often.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// Counting may cost this part of the time at most: after a pass that took long, the next one waits.
const COST: u32 = 10;
/// Shared memory that could be files counted twice, where there is as much of both; to tell them apart is slow.
const WORTH_A_LOOK: u64 = 1 << 20;
/// Files of the contract itself, which the cap on output files does not mean.
const CONTRACT_FILES: u64 = 8;
/// How long killed processes may take to be gone.
const FALL: Duration = Duration::from_secs(10);

/// Runs the code, from its start to the report of its end.
pub fn run(plan: &Plan, socket: &mut UnixStream) -> Result<(), Trouble> {
    let scope = Scope::of(plan.walls);
    sys::raise_descriptor_limit();
    // PID 1 of a namespace takes no orders from inside it: with SIGTERM the code could have itself "cancelled".
    let signals: &[i32] = if scope == Scope::Namespace { &[sys::SIGCHLD] } else { &[sys::SIGCHLD, sys::SIGTERM] };
    let signals = sys::signal_descriptor(signals)?;
    let main = user::start(plan, scope)?;
    let started = Instant::now();
    let _ = Report::Started(landlock::abi().unwrap_or(0).into()).write(socket);
    // A supervisor that reads nothing must not hold up the clock.
    socket.set_nonblocking(true).map_err(|error| Trouble::of("control socket", &error))?;
    let workspace = match plan.walls {
        Walls::Namespaces => PathBuf::from("/workspace"),
        Walls::Landlock | Walls::None => crate::mounts::host_path(&plan.folder),
    };
    let shared = match plan.walls {
        Walls::Namespaces => ["/tmp", "/dev/shm"].iter().flat_map(File::open).collect(),
        Walls::Landlock | Walls::None => Vec::new(),
    };
    let watch = Watch {
        plan,
        scope,
        main,
        started,
        workspace,
        shared,
        pace: Pace::new(scope, plan.cpu_milli),
        figures: Sample::default(),
        exit: None,
        reason: None,
        kill_at: None,
    };
    let report = watch.until_end(socket, signals);
    socket.set_nonblocking(false).map_err(|error| Trouble::of("control socket", &error))?;
    let _ = report.write(socket);
    Ok(())
}

struct Watch<'a> {
    plan: &'a Plan,
    scope: Scope,
    main: i32,
    started: Instant,
    workspace: PathBuf,
    /// The private file systems that live in memory.
    shared: Vec<File>,
    pace: Option<Pace>,
    figures: Sample,
    exit: Option<Exit>,
    reason: Option<Reason>,
    kill_at: Option<Instant>,
}

impl Watch<'_> {
    fn until_end(mut self, socket: &mut UnixStream, mut signals: File) -> Report {
        let deadline = self.started + Duration::from_millis(self.plan.timeout_ms);
        let mut listening = true;
        let (mut memory_at, mut disk_at, mut report_at, mut pace_at) =
            (self.started, self.started + DISK_EVERY, self.started + MEMORY_EVERY, self.started);
        let mut exact_at = self.started;
        loop {
            self.reap();
            if self.exit.is_some() {
                break;
            }
            let now = Instant::now();
            if self.reason.is_none() && now >= deadline {
                self.stop(Reason::Timeout);
            }
            if self.kill_at.is_some_and(|at| now >= at) {
                self.kill_at = None;
                self.scope.end();
            }
            if now >= memory_at || now >= pace_at {
                let processes = self.scope.processes();
                self.count_cpu(now, &processes);
                if now >= memory_at {
                    memory_at = now + self.count_memory(now, &processes, &mut exact_at);
                }
                if let Some(pace) = &mut self.pace {
                    pace_at = now + pace.settle(now, self.figures.cpu_us, &processes);
                } else {
                    pace_at = memory_at;
                }
            }
            if now >= disk_at {
                self.check_files();
                disk_at = now + DISK_EVERY.max(now.elapsed() * COST);
            }
            if now >= report_at {
                let _ = Report::Sample(self.figures).write(socket);
                report_at = now + REPORT_EVERY;
            }
            let mut next = memory_at.min(disk_at).min(report_at).min(pace_at);
            next = self.kill_at.map_or(next, |at| next.min(at));
            if self.reason.is_none() {
                next = next.min(deadline);
            }
            let wait = next.saturating_duration_since(Instant::now());
            let wait = wait.as_micros().div_ceil(1000) as i32;
            let [asked, signalled] =
                sys::wait_readable([listening.then(|| socket.as_fd()), Some(signals.as_fd())], wait);
            if signalled && terminated(&mut signals) {
                self.stop(Reason::Cancelled);
            }
            if asked {
                let mut byte = [0];
                match socket.read(&mut byte) {
                    Ok(1) => {
                        if let Some(reason) = Reason::of(byte[0].into()) {
                            self.stop(reason);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    // Nobody is left to keep the result: end as a cancel does, so that partial results are written.
                    _ => {
                        listening = false;
                        self.stop(Reason::Cancelled);
                    }
                }
            }
        }
        self.finish()
    }

    fn reap(&mut self) {
        while let Some((pid, status)) = sys::reap() {
            if pid == self.main && self.exit.is_none() {
                self.figures.elapsed_us = self.started.elapsed().as_micros() as u64;
                let (signal, code) = (status & 0x7f, (status >> 8) & 0xff);
                self.exit = Some(if signal == 0 { Exit::Code(code as u64) } else { Exit::Signal(signal as u64) });
            }
        }
    }

    /// The first reason counts. Time and cancel leave a grace to write down what there is; a resource that runs out does not.
    fn stop(&mut self, reason: Reason) {
        if self.reason.is_some() {
            return;
        }
        self.reason = Some(reason);
        if matches!(reason, Reason::Cancelled | Reason::Timeout) {
            self.scope.signal(sys::SIGTERM);
            if let Some(pace) = &mut self.pace {
                pace.resume();
            }
            // A stopped process takes no SIGTERM.
            self.scope.signal(sys::SIGCONT);
            self.kill_at = Some(Instant::now() + Duration::from_millis(self.plan.grace_ms));
        } else {
            self.scope.end();
            self.kill_at = Some(Instant::now() + MEMORY_EVERY);
        }
    }

    fn count_cpu(&mut self, now: Instant, processes: &[Process]) {
        let living: u64 = processes.iter().map(|process| process.cpu_us).sum();
        let (ended, _) = sys::children_usage();
        // What nobody waited for is lost; the account never goes back for it.
        self.figures.cpu_us = self.figures.cpu_us.max(living + ended);
        self.figures.elapsed_us = now.duration_since(self.started).as_micros() as u64;
    }

    /// Sums the memory; returns when to look again.
    fn count_memory(&mut self, now: Instant, processes: &[Process], exact_at: &mut Instant) -> Duration {
        let mut files: u64 = self.shared.iter().map(sys::used_bytes).sum();
        if self.scope == Scope::Namespace {
            files += procs::socket_buffers();
        }
        let bound = files + processes.iter().map(|process| procs::most(process.pid)).sum::<u64>();
        let limit = self.plan.memory;
        if bound > limit || now >= *exact_at {
            let memory = files + self.proportional(processes, files);
            let cost = now.elapsed();
            // Walking page tables takes its time for gigabytes: seldom while there is room, soon where there is none.
            *exact_at = now + MEMORY_EVERY.max(cost * COST);
            self.figures.memory = memory;
            self.figures.peak = self.figures.peak.max(memory);
            if memory > limit {
                self.stop(Reason::Memory);
            }
        }
        let room = limit.saturating_sub(bound) as f64 / FILL_RATE;
        Duration::from_secs_f64(room).clamp(MEMORY_SOONEST.max(now.elapsed() * 2), MEMORY_EVERY.max(now.elapsed() * 2))
    }

    /// The proportional memory of all processes, without what is counted as a file already.
    fn proportional(&self, processes: &[Process], files: u64) -> u64 {
        let (mut bytes, mut shared) = (0, 0);
        for process in processes {
            let memory = procs::proportional(process.pid);
            bytes += memory.bytes;
            shared += memory.shared;
        }
        if files > WORTH_A_LOOK && shared > WORTH_A_LOOK {
            let devices = self.shared.iter().flat_map(File::metadata).map(|it| procs::device_name(it.dev()));
            let devices: Vec<_> = devices.collect();
            return processes.iter().map(|process| procs::proportional_without(process.pid, &devices)).sum();
        }
        bytes
    }

    fn check_files(&mut self) {
        let plan = self.plan;
        let out = disk::measure(&self.workspace.join("out"));
        let scratch = disk::measure(&self.workspace.join("scratch"));
        if out.bytes > plan.output_bytes
            || out.files > plan.output_files + CONTRACT_FILES
            || scratch.bytes > plan.scratch_bytes
            || out.unmeasured
            || scratch.unmeasured
        {
            self.stop(Reason::Files);
        }
    }

    /// The main process is over: ends everything else, settles the account.
    fn finish(mut self) -> Report {
        let begun = Instant::now();
        while sys::has_children() && begun.elapsed() < FALL {
            self.scope.end();
            while sys::reap().is_some() {}
            if sys::has_children() {
                sys::wait_readable([None, None], 1);
            }
        }
        let (cpu, largest) = sys::children_usage();
        self.figures.cpu_us = self.figures.cpu_us.max(cpu);
        self.figures.peak = self.figures.peak.max(largest);
        self.figures.memory = 0;
        // What was written in the last quarter of a second counts too.
        self.check_files();
        Report::Ended(self.exit.unwrap_or(Exit::Signal(sys::SIGKILL as u64)), self.reason, self.figures)
    }
}

/// Whether a signal other than a child's end came.
fn terminated(signals: &mut File) -> bool {
    let mut asked = false;
    let mut info = [0; 128];
    while let Ok(128) = signals.read(&mut info) {
        asked |= i32::from(info[0]) == sys::SIGTERM;
    }
    asked
}
