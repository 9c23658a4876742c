//! Signals that concern the screen.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// End, with this signal's number.
    End(i32),
    /// Stop until continued.
    Suspend,
    /// The terminal has another size.
    Resized,
    /// Continued: the terminal may have been used by others.
    Continued,
}

/// The signals, caught.
pub struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    suspend: Signal,
    continued: Signal,
    resized: Signal,
    /// Caught while the terminal was lent, to be obeyed afterwards.
    kept: Option<Asked>,
}

impl Signals {
    /// Starts catching them.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            suspend: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            continued: signal(SignalKind::from_raw(libc::SIGCONT))?,
            resized: signal(SignalKind::window_change())?,
            kept: None,
        })
    }

    /// Obeys this one later.
    pub fn keep(&mut self, asked: Asked) {
        self.kept = Some(asked);
    }

    /// The next one.
    pub async fn next(&mut self) -> Asked {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        tokio::select! {
            _ = self.terminate.recv() => Asked::End(libc::SIGTERM),
            _ = self.hang_up.recv() => Asked::End(libc::SIGHUP),
            _ = self.interrupt.recv() => Asked::End(libc::SIGINT),
            _ = self.suspend.recv() => Asked::Suspend,
            _ = self.continued.recv() => Asked::Continued,
            _ = self.resized.recv() => Asked::Resized,
        }
    }
}

/// Stops this process and those it shares the terminal with, until the shell continues them.
pub fn stop_until_continued() {
    // Not SIGTSTP, which is caught. Runs are in sessions of their own and go on.
    if let Err(error) = rustix::process::kill_current_process_group(rustix::process::Signal::STOP) {
        tracing::warn!(%error, "cannot stop");
    }
}
