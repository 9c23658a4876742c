//! A program in a pseudo-terminal, measured from outside: when bytes came, how many, and what the screen showed.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    collections::HashMap,
    ffi::OsString,
    io::{Read, Write},
    num::NonZero,
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

const ROWS: NonZero<u16> = NonZero::new(50).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(200).unwrap();

/// A running program and what it wrote.
///
/// Bytes are stamped as they are read and emulated only when somebody asks what the screen shows: what the emulation
/// takes is no part of an answer.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: vt100::Parser,
    /// Everything the program wrote.
    written: Vec<u8>,
    /// When it was read: the time and how much there was then.
    reads: Vec<(Instant, usize)>,
    /// How much of it the screen has seen.
    emulated: usize,
    started: Instant,
}

/// What one key caused.
#[derive(Clone, Copy)]
pub struct Reaction {
    /// From the key to the last byte of the answer.
    pub time: Duration,
    /// Bytes of the answer.
    pub bytes: usize,
}

/// What a quiet program did.
pub struct Idle {
    /// Bytes to the terminal, a second.
    pub bytes: f64,
    /// Times one of its threads was woken, a second.
    pub wakeups: f64,
    /// Resident memory, KiB.
    pub resident: u64,
}

impl Terminal {
    /// Starts `command` on a screen of 200 x 50.
    pub fn start(command: CommandBuilder) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 })
            .unwrap();
        let reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = vt100::Parser::new(ROWS, COLUMNS, 0);
        let (written, reads, emulated) = (Vec::new(), Vec::new(), 0);
        Self { master: pair.master, reader, writer, child, screen, written, reads, emulated, started }
    }

    /// Reads what is there within `patience`: when, and how many bytes; `None` where nothing came.
    fn read(&mut self, patience: Duration) -> Option<(Instant, usize)> {
        let raw = self.master.as_raw_fd().unwrap();
        // SAFETY: the master outlives the borrow, which ends with the poll.
        #[expect(unsafe_code, reason = "the pseudo-terminal crate gives the descriptor as a number only")]
        let descriptor = unsafe { BorrowedFd::borrow_raw(raw) };
        let mut poll = [rustix::event::PollFd::new(&descriptor, rustix::event::PollFlags::IN)];
        let timeout =
            rustix::event::Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
        if rustix::event::poll(&mut poll, Some(&timeout)).unwrap_or(0) == 0 {
            return None;
        }
        let mut buffer = [0; 16_384];
        let count = self.reader.read(&mut buffer).unwrap_or(0);
        let at = Instant::now();
        self.written.extend_from_slice(&buffer[..count]);
        self.reads.push((at, self.written.len()));
        (count > 0).then_some((at, count))
    }

    /// What the screen shows.
    fn contents(&mut self) -> String {
        self.screen.process(&self.written[self.emulated..]);
        self.emulated = self.written.len();
        self.screen.screen().contents()
    }

    /// When `text` had come; since the start. It must have no blanks: ratatui passes over those of an empty screen.
    pub fn when(&self, text: &str) -> Option<Duration> {
        let end = memchr::memmem::find(&self.written, text.as_bytes())? + text.len();
        self.reads.iter().find(|(_, written)| *written >= end).map(|(at, _)| *at - self.started)
    }

    /// Waits until `text`, which must have no blanks, is on the screen; the time since the start.
    pub fn wait_for(&mut self, text: &str) -> Duration {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(time) = self.when(text)
                && self.contents().contains(text)
            {
                return time;
            }
            assert!(Instant::now() < deadline, "{text:?} did not appear; the screen shows:\n{}", self.contents());
            self.read(Duration::from_millis(50));
        }
    }

    /// Waits until nothing more came for `quiet`.
    pub fn rest(&mut self, quiet: Duration) {
        while self.read(quiet).is_some() {}
    }

    /// Presses a key on a screen at rest and waits until the answer is complete (nothing more for 25 ms).
    ///
    /// At rest: what a list shows of the chosen row follows some time after the last key, and is no part of the answer.
    pub fn press(&mut self, key: &[u8]) -> Reaction {
        self.rest(Duration::from_millis(120));
        let pressed = Instant::now();
        self.writer.write_all(key).unwrap();
        let (mut time, mut bytes) = (Duration::ZERO, 0);
        let mut patience = Duration::from_secs(1);
        while let Some((at, count)) = self.read(patience) {
            time = at - pressed;
            bytes += count;
            patience = Duration::from_millis(25);
        }
        Reaction { time, bytes }
    }

    /// Presses a key on a screen at rest and waits until it shows `text`, which it did not before: how long that took.
    pub fn press_until(&mut self, key: &[u8], text: &str) -> Duration {
        self.rest(Duration::from_millis(120));
        assert!(!self.contents().contains(text), "{text:?} is there already:\n{}", self.contents());
        let pressed = Instant::now();
        self.writer.write_all(key).unwrap();
        while pressed.elapsed() < Duration::from_secs(30) {
            let Some((at, _)) = self.read(Duration::from_millis(50)) else { continue };
            if self.contents().contains(text) {
                return at - pressed;
            }
        }
        panic!("{text:?} did not appear; the screen shows:\n{}", self.contents());
    }

    /// Presses a key on a screen that never rests and waits until what it shows is as `done` says: how long that took.
    pub fn press_while_busy(&mut self, key: &[u8], done: impl Fn(&str) -> bool) -> Duration {
        let pressed = Instant::now();
        self.writer.write_all(key).unwrap();
        while pressed.elapsed() < Duration::from_secs(30) {
            let Some((at, _)) = self.read(Duration::from_millis(50)) else { continue };
            if done(&self.contents()) {
                return at - pressed;
            }
        }
        panic!("a key did nothing; the screen shows:\n{}", self.contents());
    }

    /// Takes what comes for this long.
    pub fn watch(&mut self, span: Duration) {
        let start = Instant::now();
        while let Some(left) = span.checked_sub(start.elapsed()) {
            self.read(left);
        }
    }

    /// Whether the screen shows a text.
    pub fn shows(&mut self, text: &str) -> bool {
        self.contents().contains(text)
    }

    /// Bytes to the terminal so far.
    pub fn written(&self) -> usize {
        self.written.len()
    }

    /// The most memory it had so far, KiB.
    pub fn peak(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    /// Resident memory, and the part of it that is no file's, KiB.
    pub fn memory(&self) -> (u64, u64) {
        (self.status_kib("VmRSS:"), self.status_kib("RssAnon:"))
    }

    /// Holds a key down: `count` presses, `pause` apart. How long after the last one the answer to it was complete.
    pub fn hold(&mut self, key: &[u8], count: u32, pause: Duration) -> Duration {
        self.rest(Duration::from_millis(120));
        let start = Instant::now();
        for n in 1..count {
            self.writer.write_all(key).unwrap();
            while let Some(left) = (pause * n).checked_sub(start.elapsed()) {
                self.read(left);
            }
        }
        let last = Instant::now();
        self.writer.write_all(key).unwrap();
        let mut lag = Duration::ZERO;
        while let Some((at, _)) = self.read(Duration::from_millis(25)) {
            lag = at - last;
        }
        lag
    }

    /// Watches the program for `span` without touching it.
    pub fn idle(&mut self, span: Duration) -> Idle {
        self.rest(Duration::from_millis(500));
        let before = self.switches();
        let start = Instant::now();
        let mut bytes = 0;
        while let Some(left) = span.checked_sub(start.elapsed()) {
            bytes += self.read(left).map_or(0, |(_, count)| count);
        }
        let seconds = start.elapsed().as_secs_f64();
        let since = |(thread, count): (OsString, u64)| count - before.get(&thread).copied().unwrap_or(0);
        let wakeups: u64 = self.switches().into_iter().map(since).sum();
        Idle { bytes: bytes as f64 / seconds, wakeups: wakeups as f64 / seconds, resident: self.status_kib("VmRSS:") }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    fn status_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        number_after(&status, field)
    }

    /// Voluntary context switches of each thread: each is a sleep that something ended.
    fn switches(&self) -> HashMap<OsString, u64> {
        std::fs::read_dir(format!("/proc/{}/task", self.pid()))
            .unwrap()
            .flatten()
            .filter_map(|task| Some((task.file_name(), std::fs::read_to_string(task.path().join("status")).ok()?)))
            .map(|(thread, status)| (thread, number_after(&status, "\nvoluntary_ctxt_switches:")))
            .collect()
    }

    /// Ends the program.
    pub fn stop(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number_after(text: &str, field: &str) -> u64 {
    text.split(field)
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}
