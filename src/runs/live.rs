//! The live state of a run: what a screen shows while it waits and works.

use super::{
    request::Request,
    spool::{Spool, SpoolError},
};
use crate::domain::{
    id::{CalculationId, RunId},
    limits::{Caps, Limits},
    pull,
    run::{Progress, Usage},
    status::Status,
};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The name of the file in a spool folder.
pub(super) const FILE: &str = "state.json";

/// The shortest time between two versions of the file.
const PACE: Duration = Duration::from_millis(250);

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// For its turn.
    Waiting,
    /// Its image is being fetched.
    Pulling,
    /// Its folders and input files are being made.
    Preparing,
    /// The code runs.
    Running,
    /// It was told to end.
    Stopping,
    /// Its outputs are being read.
    Collecting,
    /// Database and store are being told.
    Delivering,
}

/// What is known of a run while it is in its spool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveState {
    /// The run.
    pub run: RunId,
    /// What is run.
    pub calculation: CalculationId,
    /// Where it is in its life.
    pub phase: Phase,
    /// What it is in the five states; the final ones as soon as the end is known, delivered or not.
    pub status: Status,
    /// Why it waits: for its turn, or for a database or disk that refuses.
    pub waiting_reason: Option<String>,
    /// UTC; the start of the user's process.
    pub started_at: Option<NaiveDateTime>,
    /// What it may use.
    pub limits: Limits,
    /// The host's bounds.
    pub caps: Caps,
    /// What holds around it, in words, and the level's name.
    pub isolation: Option<(String, String)>,
    /// UTC; when it is ended for good, where it was told to end and has its grace.
    #[serde(default)]
    pub killed_at: Option<NaiveDateTime>,
    /// What it used so far.
    pub usage: Option<Usage>,
    /// The newest line of its progress.
    pub progress: Option<Progress>,
    /// Bytes of stdout and stderr kept so far.
    pub log_bytes: u64,
    /// How far its image is, while it is fetched.
    #[serde(default)]
    pub pull: Option<pull::Progress>,
    /// Whether its end is in the database, while its container is still to be removed.
    #[serde(default)]
    pub recorded: bool,
    /// Anything else worth a sentence.
    pub notes: Vec<String>,
}

impl LiveState {
    /// Reads what a supervisor on another host wrote into the record of its run; `None` where it is no such thing.
    pub fn from_record(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Reads the state of a run; `None` where its supervisor has not written any yet.
    pub fn read(spool: &Spool) -> Result<Option<Self>, SpoolError> {
        spool.read(FILE)
    }
}

/// The state of a run that waits for its turn.
pub(super) fn first(request: &Request) -> LiveState {
    LiveState {
        run: request.run,
        calculation: request.calculation,
        phase: Phase::Waiting,
        status: Status::Pending,
        waiting_reason: None,
        started_at: None,
        limits: request.limits,
        caps: request.caps,
        isolation: None,
        killed_at: None,
        usage: None,
        progress: None,
        log_bytes: 0,
        pull: None,
        recorded: false,
        notes: Vec::new(),
    }
}

/// Writes the state: only when it changed, and at most a few times a second.
#[derive(Debug)]
pub(super) struct StateFile {
    spool: Spool,
    state: LiveState,
    written: Option<LiveState>,
    at: Option<Instant>,
    told: Option<watch::Sender<LiveState>>,
}

impl StateFile {
    pub(super) fn new(spool: Spool, state: LiveState) -> Self {
        Self { spool, state, written: None, at: None, told: None }
    }

    pub(super) fn get(&self) -> &LiveState {
        &self.state
    }

    /// Tells what is written to somebody else, too.
    pub(super) fn tell(&mut self, told: watch::Sender<LiveState>) {
        self.told = Some(told);
    }

    /// Changes the state; it is written at the next [`Self::flush`].
    pub(super) fn change(&mut self, change: impl FnOnce(&mut LiveState)) {
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
        if let Some(told) = &self.told {
            told.send_replace(self.state.clone());
        }
        match self.spool.write(FILE, &self.state) {
            Ok(()) => self.written = Some(self.state.clone()),
            // The state is for the eye; on a full disk the run goes on without.
            Err(error) => tracing::warn!(%error, "live state not written"),
        }
    }
}
