//! How the shim and the program speak: over a socket, or in a container over the log.
//!
//! A container's log is all that is certain to be kept until somebody reads it, also by a supervisor that comes
//! later, and it is written by the code as well. So a report is a line that begins with a secret: the shim got it in
//! a file that was gone before the code existed, keeps it where the code cannot look (it is undumpable), and the
//! supervisor takes such lines out of the log again. A report fits into what a pipe takes in one piece.

use crate::{
    sys::{self, Trouble},
    wire::{self, Reason, Report},
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{fs::OpenOptionsExt, net::UnixStream},
    },
    time::{Duration, Instant},
};

/// How long the last report waits for somebody to read the log.
const PATIENCE: Duration = Duration::from_mins(10);
/// For so long it is tried again at once.
const SOON: Duration = Duration::from_millis(100);

/// The way to the program.
pub enum Channel {
    /// It listens, and may order.
    Socket(UnixStream),
    /// It reads the log; orders come as signals.
    Log(Log),
}

/// The container's outputs, by descriptors of our own: reports go to standard error.
pub struct Log {
    to: File,
    out: File,
    secret: Vec<u8>,
}

impl Log {
    /// Its own description of the pipe: what we set on it must not change what the code sees.
    pub fn open(secret: &[u8]) -> Result<Self, Trouble> {
        let open = |path: &str| {
            // O_NONBLOCK | O_CLOEXEC
            let file = File::options().write(true).custom_flags(0o2_004_000).open(path);
            file.map_err(|error| Trouble::of("open the log", &error))
        };
        Ok(Self { to: open("/proc/self/fd/2")?, out: open("/proc/self/fd/1")?, secret: secret.to_vec() })
    }

    fn write(&mut self, report: &Report) -> bool {
        is_written(&mut self.to, &wire::frame(&self.secret, report))
    }
}

/// All or nothing: a pipe takes this much in one piece.
fn is_written(to: &mut File, line: &[u8]) -> bool {
    matches!(to.write(line), Ok(written) if written == line.len())
}

/// Tries until somebody reads.
fn patiently(mut write: impl FnMut() -> bool) {
    let began = Instant::now();
    while !write() && began.elapsed() < PATIENCE {
        // Soon at first: a reader that is at it has room in no time.
        let wait = if began.elapsed() < SOON { 1 } else { 20 };
        sys::wait_readable([None, None], wait);
    }
}

/// What came on the socket.
#[derive(Clone, Copy)]
pub enum Order {
    /// To end.
    Stop(Reason),
    /// To end at once, whatever is left of the grace.
    Now,
    /// Nothing that counts.
    Nothing,
    /// Nobody is left to keep the result.
    Closed,
}

impl Channel {
    /// From here on nobody who does not read holds us up.
    pub fn never_wait(&self) -> Result<(), Trouble> {
        match self {
            Self::Socket(socket) => socket.set_nonblocking(true).map_err(|error| Trouble::of("control socket", &error)),
            Self::Log(_) => Ok(()),
        }
    }

    /// Says something; whether it could be said.
    pub fn say(&mut self, report: &Report) -> bool {
        match self {
            Self::Socket(socket) => report.write(socket).is_ok(),
            Self::Log(log) => log.write(report),
        }
    }

    /// Says what must be heard.
    pub fn say_last(&mut self, report: &Report) {
        match self {
            Self::Socket(socket) => {
                let _ = socket.set_nonblocking(false);
                let _ = report.write(socket);
            }
            Self::Log(log) => patiently(|| log.write(report)),
        }
    }

    /// Ends a container's standard output, behind all that the code wrote.
    pub fn end_output(&mut self) {
        if let Self::Log(log) = self {
            let line = wire::last_line(&log.secret);
            patiently(|| is_written(&mut log.out, &line));
        }
    }

    /// What to wait for.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Socket(socket) => Some(socket.as_fd()),
            Self::Log(_) => None,
        }
    }

    /// Reads what came.
    pub fn order(&mut self) -> Order {
        let Self::Socket(socket) = self else { return Order::Nothing };
        let mut byte = [0];
        match socket.read(&mut byte) {
            Ok(1) if byte[0] == wire::NOW => Order::Now,
            Ok(1) => Reason::of(byte[0].into()).map_or(Order::Nothing, Order::Stop),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Order::Nothing,
            _ => Order::Closed,
        }
    }
}
