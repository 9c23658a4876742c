//! How a sandbox ended and how its run ended, as the spool keeps them.

use crate::{domain::run::Outcome, sandbox::Ended};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// How a run ended: the record that database and store are told (`final.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Final {
    /// What happened.
    pub outcome: Outcome,
    /// UTC.
    pub completed_at: NaiveDateTime,
}

/// What is known of a sandbox once it is over and its output read (`ended.json`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::runs) struct SandboxEnd {
    /// How it ended.
    pub(in crate::runs) ended: Ended,
    /// What went wrong around it, which was not the code's fault.
    pub(in crate::runs) trouble: Option<String>,
    /// The end of its stderr.
    pub(in crate::runs) tail: String,
    /// Bytes of its output that the disk refused.
    pub(in crate::runs) lost: u64,
    /// What the sandbox wants told with the result.
    #[serde(default)]
    pub(in crate::runs) notes: Vec<String>,
    /// UTC.
    pub(in crate::runs) completed_at: NaiveDateTime,
}
