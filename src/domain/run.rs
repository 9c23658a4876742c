//! A run: where and how the code ran, how that ended, why, what it used, and the record that is kept of all of it.

use super::{
    id::{CalculationId, RunId, UserId},
    limits::Limits,
    property::Property,
    status::Status,
    word::Word,
};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// The kind of a failure, as stored and as `--json` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The clock ran out.
    Timeout,
    /// Memory limit.
    Oom,
    /// Too much on stdout and stderr.
    OutputLimit,
    /// Too many or too large output files.
    FilesLimit,
    /// Killed by a signal.
    Signal,
    /// A non-zero exit code without an exception.
    Exit,
    /// An uncaught exception of the code.
    Exception,
    /// The result is not what the contract asks for.
    BadResult,
    /// Refused before the start: the code, the parameters, an input or the limits.
    Refused,
    /// Trouble of the engine or the host: never the user's failure.
    Engine,
}

/// What makes the sandbox of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// The sandbox that comes with the program.
    Builtin,
    /// An engine of containers.
    Docker,
}

/// Which account of resources a figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accounting {
    /// Sampled by the process that watches the sandbox from inside.
    Shim,
    /// The kernel's control group, version 1.
    CgroupV1,
    /// The kernel's control group, version 2.
    CgroupV2,
}

/// What a run used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds from the start of the user's process to its end (or to now).
    pub execution_time: f64,
    /// CPU seconds of all its processes.
    pub cpu_time: f64,
    /// Bytes, now.
    pub memory: u64,
    /// Bytes, the highest seen.
    pub peak_memory: u64,
    /// Whose figures these are.
    pub accounting: Accounting,
}

/// Progress as the code reports it in `out/progress.jsonl`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: Option<f64>,
    /// Steps in all.
    pub total: Option<f64>,
    /// What it is doing.
    pub message: Option<String>,
    /// Every other numeric key of the newest line.
    pub metrics: Vec<(String, f64)>,
}

impl Progress {
    /// The done share, 0 to 1, where step and total make sense.
    pub fn fraction(&self) -> Option<f64> {
        match (self.step, self.total) {
            (Some(step), Some(total)) if total > 0.0 && step.is_finite() => Some((step / total).clamp(0.0, 1.0)),
            _ => None,
        }
    }
}

/// A file that a run left in its `out` folder, already copied to a safe place by the collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// The path below `out/files` or `out/artifacts` as the code named it, lossy where it was no UTF-8.
    pub name: String,
    /// The file's name inside the collected folder: safe, unique.
    pub stored: String,
    /// `out/artifacts` rather than `out/files`.
    pub artifact: bool,
    /// Bytes.
    pub size: u64,
}

/// The end of a run: what the spool's final record holds and the database is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Completed, failed or cancelled.
    pub status: Status,
    /// Why, where it failed.
    pub error_kind: Option<ErrorKind>,
    /// One line of what happened, the traceback behind it; at most 2,000 characters.
    pub error_message: Option<String>,
    /// The line of the user's code to go to, from 1.
    pub error_line: Option<u32>,
    /// The result as the code wrote it, where it fits into `result_data`.
    pub result_data: Option<String>,
    /// Files to keep.
    pub outputs: Vec<OutputFile>,
    /// What was not kept and why, and anything else worth a sentence.
    pub notes: Vec<String>,
    /// The exit code, where the process exited.
    pub exit_code: Option<i32>,
    /// The signal, where one ended it.
    pub signal: Option<i32>,
    /// What it used; `None` where it never started.
    pub usage: Option<Usage>,
}

/// Where the code ran and what that guarantees: stored with the run and shown beside its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// What made the sandbox.
    pub engine: EngineKind,
    /// `E0` to `E3`, or the container engine's version.
    pub level: String,
    /// What holds and what does not, in words.
    pub guarantee: String,
    /// Host name.
    pub host: String,
    /// Path and version of the interpreter, or the image's digest.
    pub interpreter: String,
    /// The image by content, where one was used.
    pub image_digest: Option<String>,
    /// The container's name, where there was one.
    pub container: Option<String>,
    /// The limits as run.
    pub limits: Limits,
}

impl Provenance {
    /// What is known of every run; the rest is empty.
    pub fn new(engine: EngineKind, host: impl Into<String>, limits: Limits) -> Self {
        Self {
            engine,
            level: String::new(),
            guarantee: String::new(),
            host: host.into(),
            interpreter: String::new(),
            image_digest: None,
            container: None,
            limits,
        }
    }
}

/// What is kept of a run: a row of `calculation_runs`, and the status of its calculation.
///
/// As JSON it is what `--json` prints under `run`: the columns' names are the keys, in this order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunRecord {
    /// Names the spool folder.
    pub id: RunId,
    /// What is run.
    #[serde(skip)]
    pub calculation_id: CalculationId,
    /// Who asked.
    #[serde(skip)]
    pub user_id: UserId,
    /// Where the calculation stands.
    #[serde(skip)]
    pub status: Status,
    /// The machine whose supervisor has it.
    pub host: String,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub submitted_at: NaiveDateTime,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub started_at: Option<NaiveDateTime>,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub completed_at: Option<NaiveDateTime>,
    /// What made the sandbox.
    pub engine: Option<Word<EngineKind>>,
    /// The isolation level, or the container engine's version.
    pub level: Option<String>,
    /// What that guarantees, in words.
    pub guarantee: Option<String>,
    /// Path and version of the interpreter, or the image's digest.
    pub interpreter: Option<String>,
    /// The image by content, where one was used.
    pub image_digest: Option<String>,
    /// The container's name, where there was one.
    pub container_id: Option<String>,
    /// The limits as asked for, and once started as run.
    #[serde(flatten)]
    pub limits: Limits,
    /// The exit code, where the process exited.
    pub exit_code: Option<i32>,
    /// The signal, where one ended it.
    pub signal: Option<i32>,
    /// The kind of failure.
    pub error_kind: Option<Word<ErrorKind>>,
    /// The line of the code to go to, from 1.
    pub error_line: Option<u32>,
    /// CPU seconds.
    pub cpu_time: Option<f64>,
    /// Bytes.
    pub peak_memory: Option<u64>,
    /// Whose figures these are.
    pub accounting: Option<Word<Accounting>>,
    /// Anything worth a sentence.
    pub notes: Vec<String>,
    /// UTC; when its supervisor last told that it lives.
    #[serde(skip)]
    pub heartbeat_at: Option<NaiveDateTime>,
    /// What it does right now, as its supervisor wrote it.
    #[serde(skip)]
    pub live: Option<String>,
    /// UTC; when somebody on another host asked to stop it.
    #[serde(skip)]
    pub stop_requested_at: Option<NaiveDateTime>,
}

impl RunRecord {
    /// The record of a run that was just asked for: nothing is known of how it is run.
    pub fn queued(
        id: RunId,
        (user_id, calculation_id): (UserId, CalculationId),
        host: impl Into<String>,
        limits: Limits,
        submitted_at: NaiveDateTime,
    ) -> Self {
        Self {
            id,
            calculation_id,
            user_id,
            status: Status::Pending,
            host: host.into(),
            submitted_at,
            started_at: None,
            completed_at: None,
            engine: None,
            level: None,
            guarantee: None,
            interpreter: None,
            image_digest: None,
            container_id: None,
            limits,
            exit_code: None,
            signal: None,
            error_kind: None,
            error_line: None,
            cpu_time: None,
            peak_memory: None,
            accounting: None,
            notes: Vec::new(),
            heartbeat_at: None,
            live: None,
            stop_requested_at: None,
        }
    }

    /// What is shown of it; `stamp` spells a time (UTC).
    pub fn properties(&self, stamp: impl Fn(NaiveDateTime) -> String) -> Vec<Property> {
        let engine = self.engine.as_ref().map(Word::to_string);
        let sandbox = joined(" ", [engine, self.level.clone()]);
        let some = |label, text: Option<String>| text.map(|text| Property::new(label, text));
        [
            some("asked for", Some(stamp(self.submitted_at))),
            some("host", Some(self.host.clone())),
            some("sandbox", joined(": ", [sandbox, self.guarantee.clone()])),
            some("interpreter", self.interpreter.clone()),
            some("image", self.image_digest.clone()),
            some("exit code", self.exit_code.filter(|code| *code != 0).map(|code| code.to_string())),
            some("signal", self.signal.map(|signal| signal.to_string())),
        ]
        .into_iter()
        .flatten()
        .chain(self.notes.iter().map(|note| Property::warning("note", note)))
        .collect()
    }
}

/// The texts that are there, with `between` between them.
fn joined(between: &str, texts: [Option<String>; 2]) -> Option<String> {
    let texts: Vec<_> = texts.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join(between))
}
