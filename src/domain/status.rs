//! The five states of a calculation.

use serde::{Deserialize, Serialize};

/// Where a calculation stands; stored by its lower-case name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, and not started: queued when a run was asked for, else a draft.
    Pending,
    /// A sandbox runs it.
    Running,
    /// Ended well.
    Completed,
    /// Ended with an error, a limit or trouble of the engine.
    Failed,
    /// Stopped by its owner.
    Cancelled,
}

impl Status {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    /// The name in the database and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The mark beside the word; a state is never told by colour alone.
    pub const fn glyph(self) -> char {
        match self {
            Self::Pending => '○',
            Self::Running => '▶',
            Self::Completed => '✓',
            Self::Failed => '✗',
            Self::Cancelled => '■',
        }
    }

    /// The word for people: pending is also what was never asked to run.
    pub const fn word(self, queued: bool) -> &'static str {
        match self {
            Self::Pending if !queued => "not started",
            status => status.name(),
        }
    }

    /// Whether nothing can change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.name() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// A status that is none of the five.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown status {0:?}: one of pending, running, completed, failed, cancelled")]
pub struct UnknownStatus(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for status in Status::ALL {
            assert_eq!(status.name().parse(), Ok(status));
        }
        assert!("PENDING".parse::<Status>().is_err());
    }
}
