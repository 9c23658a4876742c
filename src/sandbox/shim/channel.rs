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

/// The way to the program.
pub enum Channel {
    /// It listens, and may order.
    Socket(UnixStream),
    /// It reads the log; orders come as signals.
    Log(Log),
}

/// The container's standard error, by a descriptor of our own.
pub struct Log {
    to: File,
    secret: Vec<u8>,
}

impl Log {
    /// Its own description of the pipe: what we set on it must not change what the code sees.
    pub fn open(secret: &[u8]) -> Result<Self, Trouble> {
        let mut options = File::options();
        // O_NONBLOCK | O_CLOEXEC
        let to = options.write(true).custom_flags(0o2_004_000).open("/proc/self/fd/2");
        Ok(Self { to: to.map_err(|error| Trouble::of("open the log", &error))?, secret: secret.to_vec() })
    }

    fn write(&mut self, report: &Report) -> bool {
        let line = wire::frame(&self.secret, report);
        // All or nothing: a pipe takes this much in one piece.
        matches!(self.to.write(&line), Ok(written) if written == line.len())
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
            Self::Log(log) => {
                let began = Instant::now();
                while !log.write(report) && began.elapsed() < PATIENCE {
                    sys::wait_readable([None, None], 20);
                }
            }
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
