//! The watch: one loop that holds the clock, counts, and ends everything.

use crate::{
    aside,
    channel::{Channel, Order},
    disk,
    group::Group,
    landlock, outputs,
    pace::Pace,
    procs::{self, Process, Scope},
    progress::Progress,
    sys::{self, Trouble},
    user,
    wire::{Exit, Plan, Reason, Report, Sample, Walls},
};
use std::{
    fs::File,
    io::Read,
    os::{fd::AsFd, unix::fs::MetadataExt},
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
/// The container's control group is read this often.
const GROUP_EVERY: Duration = Duration::from_millis(100);
/// Figures become lines of a container's log this often,
const LOG_REPORT: Duration = Duration::from_secs(1);
/// and where nothing changes this often.
const QUIET_REPORT: Duration = Duration::from_secs(30);
/// Counting may cost this part of the time at most: after a pass that took long, the next one waits.
const COST: u32 = 10;
/// Shared memory that could be files counted twice, where there is as much of both; to tell them apart is slow.
const WORTH_A_LOOK: u64 = 1 << 20;
/// Files of the contract itself, which the cap on output files does not mean.
const CONTRACT_FILES: u64 = 8;
/// How long killed processes may take to be gone.
const FALL: Duration = Duration::from_secs(10);

/// Runs the code, from its start to the report of its end; how it ended.
pub fn run(plan: &Plan, channel: &mut Channel) -> Result<Exit, Trouble> {
    let scope = Scope::of(plan.walls);
    sys::raise_descriptor_limit();
    let signals = sys::signal_descriptor(orders(plan.walls))?;
    let group = if plan.walls == Walls::Container { Group::find() } else { None };
    let kills = group.as_ref().map_or(0, Group::kills);
    let main = user::start(plan, scope)?;
    let started = Instant::now();
    channel.say(&Report::Started(landlock::abi().unwrap_or(0).into()));
    // A supervisor that reads nothing must not hold up the clock.
    channel.never_wait()?;
    let workspace = match plan.walls {
        Walls::Namespaces | Walls::Container => PathBuf::from("/workspace"),
        Walls::Landlock | Walls::None => crate::mounts::host_path(&plan.folder),
    };
    let shared = match plan.walls {
        Walls::Namespaces | Walls::Container => ["/tmp", "/dev/shm"].iter().flat_map(File::open).collect(),
        Walls::Landlock | Walls::None => Vec::new(),
    };
    let group_keeps = group.as_ref().is_some_and(|group| group.keeps(plan.memory));
    let watch = Watch {
        plan,
        scope,
        main,
        started,
        workspace,
        shared,
        // The engine paces a container.
        pace: if plan.walls == Walls::Container { None } else { Pace::new(scope, plan.cpu_milli) },
        figures: Sample { group: group.as_ref().map_or(0, Group::version), ..Sample::default() },
        told: None,
        group,
        group_keeps,
        kills,
        progress: Progress::new(),
        exit: None,
        reason: None,
        kill_at: None,
    };
    let (exit, report) = watch.until_end(channel, signals);
    channel.say_last(&report);
    Ok(exit)
}

/// The signals that are read. PID 1 of our own namespace takes no orders by signal: with SIGTERM the code could have
/// itself "cancelled". In a container there is no other way, and who sent it is looked at.
const fn orders(walls: Walls) -> &'static [i32] {
    match walls {
        Walls::Namespaces => &[sys::SIGCHLD],
        Walls::Landlock | Walls::None => &[sys::SIGCHLD, sys::SIGTERM],
        Walls::Container => &[sys::SIGCHLD, sys::SIGTERM, sys::SIGQUIT, sys::SIGUSR1, sys::SIGUSR2],
    }
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
    /// The figures that were reported last, and when.
    told: Option<(Instant, Sample)>,
    /// The container's control group.
    group: Option<Group>,
    /// Whether it keeps the memory limit.
    group_keeps: bool,
    /// Its kills before the code began.
    kills: u64,
    progress: Progress,
    exit: Option<Exit>,
    reason: Option<Reason>,
    kill_at: Option<Instant>,
}

impl Watch<'_> {
    fn until_end(mut self, channel: &mut Channel, mut signals: File) -> (Exit, Report) {
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
            if self.group_keeps && now >= memory_at {
                self.count_group(now);
                memory_at = now + GROUP_EVERY.max(now.elapsed() * COST);
                pace_at = memory_at;
            } else if now >= memory_at || now >= pace_at {
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
                self.progress.look(channel);
                disk_at = now + DISK_EVERY.max(now.elapsed() * COST);
            }
            if now >= report_at {
                report_at = now + self.report(channel, now);
            }
            let mut next = memory_at.min(disk_at).min(report_at).min(pace_at);
            next = self.kill_at.map_or(next, |at| next.min(at));
            if self.reason.is_none() {
                next = next.min(deadline);
            }
            let wait = next.saturating_duration_since(Instant::now());
            let wait = wait.as_micros().div_ceil(1000) as i32;
            let heard = if listening { channel.descriptor() } else { None };
            let [asked, signalled] = sys::wait_readable([heard, Some(signals.as_fd())], wait);
            if signalled {
                for order in ordered(&mut signals, self.plan.walls) {
                    self.obey(order);
                }
            }
            if asked {
                match channel.order() {
                    // Nobody is left to keep the result: end as a cancel does, so that partial results are written.
                    Order::Closed => {
                        listening = false;
                        self.stop(Reason::Cancelled);
                    }
                    order => self.obey(order),
                }
            }
        }
        self.finish(channel)
    }

    /// Tells the figures; returns when to tell the next ones. In a container they are lines of its log: seldom, and
    /// only where something changed.
    fn report(&mut self, channel: &mut Channel, now: Instant) -> Duration {
        if matches!(channel, Channel::Socket(_)) {
            channel.say(&Report::Sample(self.figures));
            return REPORT_EVERY;
        }
        let changed = self.told.is_none_or(|(at, told)| {
            let memory = self.figures.memory.abs_diff(told.memory) >= (told.memory / 100).max(1 << 20);
            memory || self.figures.cpu_us - told.cpu_us >= 10_000 || now.duration_since(at) >= QUIET_REPORT
        });
        if changed && channel.say(&Report::Sample(self.figures)) {
            self.told = Some((now, self.figures));
        }
        // The first ones soon: somebody may be waiting for them.
        if now.duration_since(self.started) < LOG_REPORT { REPORT_EVERY } else { LOG_REPORT }
    }

    /// The kernel's own account.
    fn count_group(&mut self, now: Instant) {
        self.figures.elapsed_us = now.duration_since(self.started).as_micros() as u64;
        if let Some(figures) = self.group.as_ref().and_then(Group::figures) {
            self.figures.cpu_us = self.figures.cpu_us.max(figures.cpu_us);
            self.figures.memory = figures.memory;
            self.figures.peak = self.figures.peak.max(figures.memory);
        }
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

    fn obey(&mut self, order: Order) {
        match order {
            Order::Stop(reason) => self.stop(reason),
            Order::Now => {
                self.reason.get_or_insert(Reason::Cancelled);
                self.scope.end();
                // Once more for what was just being started.
                self.kill_at = Some(Instant::now() + MEMORY_EVERY);
            }
            Order::Nothing | Order::Closed => {}
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
        let mut scratch = disk::measure(&self.workspace.join("scratch"));
        for folder in &plan.also_scratch {
            let more = disk::measure(&crate::mounts::host_path(folder));
            scratch.bytes += more.bytes;
            scratch.unmeasured |= more.unmeasured;
        }
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
    fn finish(mut self, channel: &mut Channel) -> (Exit, Report) {
        let begun = Instant::now();
        while sys::has_children() && begun.elapsed() < FALL {
            self.scope.end();
            while sys::reap().is_some() {}
            if sys::has_children() {
                sys::wait_readable([None, None], 1);
            }
        }
        let elapsed = self.figures.elapsed_us;
        if self.group_keeps {
            self.count_group(Instant::now());
            self.figures.elapsed_us = elapsed;
        }
        let (cpu, largest) = sys::children_usage();
        self.figures.cpu_us = self.figures.cpu_us.max(cpu);
        self.figures.peak = self.figures.peak.max(largest);
        let killed = self.group.as_ref().is_some_and(|group| group.kills() > self.kills);
        if killed {
            // It was all used up between two looks.
            self.figures.peak = self.figures.peak.max(self.plan.memory);
        }
        self.figures.memory = 0;
        // What was written in the last quarter of a second counts too.
        self.check_files();
        if self.plan.walls == Walls::Container {
            self.progress.look(channel);
            let (out, scratch) = (self.workspace.join("out"), self.workspace.join("scratch"));
            for note in aside::put(&out, &scratch, self.plan.output_bytes) {
                channel.say_last(&Report::Note(note.into()));
            }
            // Whoever is left, stuck in the kernel, might write more: then it ends with the container.
            if !sys::has_children() {
                outputs::tell(&out, self.plan.output_bytes, channel);
                channel.end_output();
            }
        }
        let exit = self.exit.unwrap_or(Exit::Signal(sys::SIGKILL as u64));
        (exit, Report::Ended(exit, self.reason, killed, self.figures))
    }
}

/// What the signals other than a child's end order.
fn ordered(signals: &mut File, walls: Walls) -> Vec<Order> {
    let mut orders = Vec::new();
    let mut info = [0; 128];
    while let Ok(128) = signals.read(&mut info) {
        let word = |at: usize| i32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
        // `struct signalfd_siginfo`: number, error, code, sender. From outside of our process namespace the kernel
        // writes no sender, and code 0 it writes itself; from inside nobody can bring both about.
        let (signal, code, sender) = (word(0), word(8), word(12));
        if walls == Walls::Container && (code != 0 || sender != 0) {
            continue;
        }
        orders.extend(match signal {
            sys::SIGTERM => Some(Order::Stop(Reason::Cancelled)),
            sys::SIGQUIT => Some(Order::Now),
            sys::SIGUSR1 => Some(Order::Stop(Reason::Log)),
            sys::SIGUSR2 => Some(Order::Stop(Reason::Files)),
            _ => None,
        });
    }
    orders
}
