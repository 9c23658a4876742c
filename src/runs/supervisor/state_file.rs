//! The live state on its way into the spool: only when it changed, and at most a few times a second.

use crate::{domain::run_state::RunState, runs::spool::LockedSpool};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The shortest time between two versions of the file.
const PACE: Duration = Duration::from_millis(250);

/// Writes the state: only when it changed, and at most a few times a second.
#[derive(Debug)]
pub(super) struct StateFile {
    spool: LockedSpool,
    state: RunState,
    written: Option<RunState>,
    at: Option<Instant>,
    listener: Option<watch::Sender<RunState>>,
}

impl StateFile {
    pub(super) fn new(spool: LockedSpool, state: RunState) -> Self {
        Self { spool, state, written: None, at: None, listener: None }
    }

    pub(super) fn get(&self) -> &RunState {
        &self.state
    }

    /// Sends what is written to somebody else, too.
    pub(super) fn send_to(&mut self, listener: watch::Sender<RunState>) {
        self.listener = Some(listener);
    }

    /// Changes the state; it is written at the next [`Self::flush`].
    pub(super) fn change(&mut self, change: impl FnOnce(&mut RunState)) {
        change(&mut self.state);
    }

    /// When the next flush will write, where something waits to be written.
    pub(super) fn due(&self) -> Option<Instant> {
        let changed = self.written.as_ref() != Some(&self.state);
        changed.then(|| self.at.map_or_else(Instant::now, |at| at + PACE))
    }

    /// Writes what changed, unless the last time was just now.
    pub(super) fn flush(&mut self) {
        if self.due().is_some_and(|due| due <= Instant::now()) {
            self.write();
        }
    }

    /// Writes what changed, now: for the steps of a life, which are few.
    pub(super) fn write(&mut self) {
        if self.written.as_ref() == Some(&self.state) {
            return;
        }
        self.at = Some(Instant::now());
        if let Some(listener) = &self.listener {
            listener.send_replace(self.state.clone());
        }
        match self.spool.write_state(&self.state) {
            Ok(()) => self.written = Some(self.state.clone()),
            // The state is for the eye; on a full disk the run goes on without.
            Err(error) => tracing::warn!(%error, "live state not written"),
        }
    }
}
