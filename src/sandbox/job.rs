//! What an engine is asked to run, and what it says when it ended.

use crate::domain::{
    id::RunId,
    limits::{Caps, Limits},
    run::Usage,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One execution, prepared: the folders of the runtime contract exist under `folder`.
#[derive(Clone, Debug)]
pub struct Job {
    /// Names the sandbox.
    pub run: RunId,
    /// Holds `in/` (written by the caller: `data.json`, `files/`, `main.py`), and `out/`, `scratch/` (the engine's to fill).
    pub folder: PathBuf,
    /// What to start.
    pub program: Program,
    /// What it may use.
    pub limits: Limits,
    /// The host's bounds.
    pub caps: Caps,
    /// Whose it is, for whoever finds what is left of it.
    pub belongs: Belongs,
}

/// Whose something is that outlives its supervisor: only these may end or remove it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Belongs {
    /// The owner's key.
    pub owner: String,
    /// The host whose supervisors have it.
    pub host: String,
    /// The folder of their spools.
    pub spools: PathBuf,
}

/// What to start inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// `in/main.py` under the managed runner and this interpreter of the host.
    Python(Interpreter),
    /// The same with the image's interpreter.
    ImagePython,
    /// The image's own command, which keeps to the runtime contract by itself.
    ImageCommand,
}

/// A Python interpreter of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The executable as found or configured (a venv's `bin/python` stays that path).
    pub path: PathBuf,
    /// `3.11.2`.
    pub version: String,
    /// Folders it needs to read: its prefix, its base prefix (of a venv), its standard library.
    pub prefixes: Vec<PathBuf>,
}

/// Why the sandbox was ended before the code ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stopped {
    /// Its owner asked.
    Cancelled,
    /// `Limits::timeout`.
    Timeout,
    /// `Limits::memory_limit`.
    Memory,
    /// `Caps::log_bytes`.
    Log,
    /// `Caps::output_bytes` or `Caps::output_files`.
    Files,
}

/// How the user's main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// The end of a sandbox: nothing of it is left running.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// How the main process ended.
    pub exit: Exit,
    /// What ended it, where it was not the code itself.
    pub stopped: Option<Stopped>,
    /// Whether the kernel counted an out-of-memory kill in its control group.
    pub oom_killed: bool,
    /// What it used in all.
    pub usage: Usage,
}
