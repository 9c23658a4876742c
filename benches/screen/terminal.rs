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

/// A running program and its emulated screen.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: vt100::Parser,
    /// When the program was started.
    pub started: Instant,
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
        Self { master: pair.master, reader, writer, child, screen: vt100::Parser::new(ROWS, COLUMNS, 0), started }
    }

    /// Reads what is there within `patience`; the number of bytes, `None` where nothing came.
    fn read(&mut self, patience: Duration) -> Option<usize> {
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
        self.screen.process(&buffer[..count]);
        (count > 0).then_some(count)
    }

    /// Waits until `text` is on the screen; the time since the start.
    pub fn wait_for(&mut self, text: &str) -> Duration {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if self.screen.screen().contents().contains(text) {
                return self.started.elapsed();
            }
            assert!(
                Instant::now() < deadline,
                "{text:?} did not appear; the screen shows:\n{}",
                self.screen.screen().contents()
            );
            self.read(Duration::from_millis(50));
        }
    }

    /// Presses a key on a screen at rest and waits until the answer is complete (nothing more for 25 ms).
    ///
    /// At rest: what a list shows of the chosen row follows some time after the last key, and is no part of the answer.
    pub fn press(&mut self, key: &[u8]) -> Reaction {
        while self.read(Duration::from_millis(120)).is_some() {}
        let pressed = Instant::now();
        self.writer.write_all(key).unwrap();
        let (mut time, mut bytes) = (Duration::ZERO, 0);
        let mut patience = Duration::from_secs(1);
        while let Some(count) = self.read(patience) {
            time = pressed.elapsed();
            bytes += count;
            patience = Duration::from_millis(25);
        }
        Reaction { time, bytes }
    }

    /// Watches the program for `span` without touching it.
    pub fn idle(&mut self, span: Duration) -> Idle {
        while self.read(Duration::from_millis(500)).is_some() {}
        let before = self.switches();
        let start = Instant::now();
        let mut bytes = 0;
        while let Some(left) = span.checked_sub(start.elapsed()) {
            bytes += self.read(left).unwrap_or(0);
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
