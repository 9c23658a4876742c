//! Signals that concern the screen.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalAction {
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
    kept: Option<SignalAction>,
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
    pub fn keep(&mut self, action: SignalAction) {
        self.kept = Some(action);
    }

    /// The next one.
    pub async fn next(&mut self) -> SignalAction {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        tokio::select! {
            _ = self.terminate.recv() => SignalAction::End(libc::SIGTERM),
            _ = self.hang_up.recv() => SignalAction::End(libc::SIGHUP),
            _ = self.interrupt.recv() => SignalAction::End(libc::SIGINT),
            _ = self.suspend.recv() => SignalAction::Suspend,
            _ = self.continued.recv() => SignalAction::Continued,
            _ = self.resized.recv() => SignalAction::Resized,
        }
    }
}

/// Stops this process and those it shares the terminal with, until the shell continues them.
pub fn stop_until_continued() {
    // Not SIGTSTP, which is caught. Runs are in sessions of their own and go on.
    if let Err(error) = rustix::process::kill_current_process_group(rustix::process::Signal::STOP) {
        tracing::warn!(%error, "cannot stop");
    }
    continue_children();
}

/// Continues whatever this process has started.
///
/// A child that was just leaving for a session of its own (a supervisor, a sandbox that is tried) is hit by the stop
/// and out of reach of the shell, which continues the group it stopped: it would stay stopped for ever.
fn continue_children() {
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        // Kernels without this list (CONFIG_PROC_CHILDREN) are rare, and the moment is short.
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?)) {
            // One that is gone meanwhile needs nothing.
            let _ = rustix::process::kill_process(child, rustix::process::Signal::CONT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::process::CommandExt as _,
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    #[test]
    fn a_child_that_was_stopped_on_its_way_out_of_the_group_goes_on() {
        let mut child = Command::new("sh")
            .args(["-c", "kill -STOP $$; exit 7"])
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        let stat = format!("/proc/{}/stat", child.id());
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            assert!(began.elapsed() < Duration::from_secs(30), "it never stops");
            std::thread::yield_now();
        }
        super::continue_children();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    }
}
