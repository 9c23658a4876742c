//! What a run does right now: written by whoever supervises it, shown by every screen and command line.

use super::{
    id::{CalculationId, RunId},
    limits::{Caps, Limits},
    pull,
    run::{Progress, Usage},
    status::Status,
};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

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
    /// It is over and recorded. A supervisor never writes this: it ends with it.
    Over,
}

/// What is known of a run.
///
/// A supervisor writes it into its spool (`state.json`) and, where the database is shared, into the run's record;
/// whoever follows the run completes it with what the database knows, see [`Self::or`]. Fields that came later have a
/// default, and unknown ones are passed over: supervisors of other versions write and read it, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// The run; `None` where nobody asked for one.
    pub run: Option<RunId>,
    /// What is run.
    pub calculation: CalculationId,
    /// What that is called; a supervisor does not know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it is in its life.
    pub phase: Phase,
    /// What it is in the five states; the final ones as soon as the end is known, delivered or not.
    pub status: Status,
    /// Why it waits: for its turn, or for a database or disk that refuses.
    pub waiting_reason: Option<String>,
    /// UTC; the start of the user's process.
    pub started_at: Option<NaiveDateTime>,
    /// UTC; its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<NaiveDateTime>,
    /// What it may use.
    pub limits: Limits,
    /// The host's bounds.
    pub caps: Caps,
    /// The level's name, and what holds around it, in words.
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
    /// What happened, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The line of the code to go to, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_line: Option<u32>,
    /// Files kept so far: name, bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<(String, u64)>,
    /// Anything else worth a sentence.
    pub notes: Vec<String>,
}

impl RunState {
    /// The state of a calculation that waits, with nothing known of its run.
    pub const fn new(run: Option<RunId>, calculation: CalculationId, limits: Limits, caps: Caps) -> Self {
        Self {
            run,
            calculation,
            name: String::new(),
            phase: Phase::Waiting,
            status: Status::Pending,
            waiting_reason: None,
            started_at: None,
            completed_at: None,
            limits,
            caps,
            isolation: None,
            killed_at: None,
            usage: None,
            progress: None,
            log_bytes: 0,
            pull: None,
            recorded: false,
            error_message: None,
            error_line: None,
            outputs: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// This state, and what was known `before` of what it does not tell.
    #[must_use]
    pub fn or(mut self, before: &Self) -> Self {
        if self.name.is_empty() {
            self.name.clone_from(&before.name);
        }
        self.started_at = self.started_at.or(before.started_at);
        self.completed_at = self.completed_at.or(before.completed_at);
        self.usage = self.usage.or(before.usage);
        self.progress = self.progress.or_else(|| before.progress.clone());
        self.isolation = self.isolation.or_else(|| before.isolation.clone());
        self.error_message = self.error_message.or_else(|| before.error_message.clone());
        self.error_line = self.error_line.or(before.error_line);
        if self.outputs.is_empty() {
            self.outputs.clone_from(&before.outputs);
        }
        self
    }

    /// Whether its supervisor will not change it any more but to say why it is not recorded.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over || (self.phase == Phase::Delivering && self.status != Status::Running)
    }

    /// Whether it was told to end.
    pub fn is_stopping(&self) -> bool {
        self.phase == Phase::Stopping
    }

    /// What it waits for, or what is done around it, where its status does not say it.
    pub fn waiting(&self) -> Option<&str> {
        self.waiting_reason.as_deref().or(match self.phase {
            Phase::Waiting | Phase::Running | Phase::Stopping | Phase::Over => None,
            Phase::Pulling => Some("fetching its image"),
            Phase::Preparing => Some("preparing its folders"),
            Phase::Collecting => Some("collecting its outputs"),
            Phase::Delivering => Some("storing its outputs"),
        })
    }

    /// The sandbox's level and what it guarantees, in one line.
    pub fn guarantee(&self) -> Option<String> {
        self.isolation.as_ref().map(|(level, words)| format!("{level}: {words}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a supervisor of the version before this type wrote.
    const OLDER: &str = r#"{"run":"00000000-0000-0000-0000-000000000007","calculation":12,"phase":"running",
        "status":"running","waiting_reason":null,"started_at":"2026-01-02T03:04:05","limits":{"timeout":30,
        "memory_limit":256,"cpu_limit":0.5},"caps":CAPS,"isolation":["E2","no network"],"usage":null,"progress":null,
        "log_bytes":7,"notes":[]}"#;

    #[test]
    fn what_an_older_supervisor_writes_is_read_and_what_this_one_writes_holds_all_that_one_reads() {
        let caps = serde_json::to_string(&Caps::default()).unwrap();
        let text = OLDER.replace("CAPS", &caps);
        let state: RunState = serde_json::from_str(&text).unwrap();
        assert_eq!((state.phase, state.log_bytes, state.outputs.len()), (Phase::Running, 7, 0));
        assert_eq!(state.guarantee().as_deref(), Some("E2: no network"));
        let older: serde_json::Value = serde_json::from_str(&text).unwrap();
        let written = serde_json::to_value(&state).unwrap();
        for (key, value) in older.as_object().unwrap() {
            assert_eq!(&written[key], value, "{key}");
        }
    }

    #[test]
    fn a_state_keeps_what_a_newer_one_does_not_tell() {
        let new =
            |status| RunState { status, ..RunState::new(None, CalculationId(1), Limits::default(), Caps::default()) };
        let before = RunState {
            name: "Truss".to_owned(),
            progress: Some(Progress { step: Some(3.0), ..Progress::default() }),
            waiting_reason: Some("for its turn".to_owned()),
            ..new(Status::Pending)
        };
        let state = new(Status::Running).or(&before);
        assert_eq!((state.status, state.name.as_str(), state.waiting()), (Status::Running, "Truss", None));
        assert_eq!(state.progress, before.progress);
    }
}
