//! What happened to a run: how it ended, why, and what it used.

use super::{id::RunId, limits::Limits, status::Status};
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

impl ErrorKind {
    /// The stored name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Oom => "oom",
            Self::OutputLimit => "output_limit",
            Self::FilesLimit => "files_limit",
            Self::Signal => "signal",
            Self::Exit => "exit",
            Self::Exception => "exception",
            Self::BadResult => "bad_result",
            Self::Refused => "refused",
            Self::Engine => "engine",
        }
    }
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
    /// The run.
    pub run: RunId,
    /// `builtin` or `docker`.
    pub engine: String,
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
