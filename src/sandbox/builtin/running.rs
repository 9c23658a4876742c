//! One living sandbox: its output, its figures, its end.

use super::{EngineError, Identity, Level};
use crate::{
    domain::run::Usage,
    sandbox::{Ended, Job, Stopped},
};
use tokio::{
    process::{ChildStderr, ChildStdout},
    sync::watch,
};

/// A sandbox that was started.
///
/// Whoever holds it must read both outputs to their end (the code blocks on a full pipe) while waiting for
/// [`Running::wait`]: the end of the outputs is not the end of the run, in either direction. Dropping it ends the
/// sandbox as a cancel does.
#[derive(Debug)]
pub struct Running {
    identity: Identity,
    output: Option<(ChildStdout, ChildStderr)>,
    usage: watch::Receiver<Usage>,
}

impl Running {
    /// For the spool: lets a later start end what is left.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Standard output and standard error; once.
    pub fn take_output(&mut self) -> Option<(ChildStdout, ChildStderr)> {
        self.output.take()
    }

    /// The latest figures; the shim reports them four times a second.
    pub fn usage(&self) -> Usage {
        *self.usage.borrow()
    }

    /// Asks for the end: SIGTERM to every process, SIGKILL after `Caps::grace`. The first reason counts.
    pub fn stop(&self, _why: Stopped) {}

    /// Waits until nothing of the sandbox is left. May be cancelled and called again.
    pub async fn wait(&mut self) -> Result<Ended, EngineError> {
        Err(EngineError::Lost("not built yet".into()))
    }
}

/// Starts a prepared job at a level that [`super::probe`] found.
///
/// # Errors
///
/// Every error means that the code did not run.
pub async fn start(_job: &Job, _level: Level) -> Result<Running, EngineError> {
    Err(EngineError::Lost("not built yet".into()))
}
