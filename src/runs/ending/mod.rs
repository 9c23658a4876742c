//! The end of a run: what it left is read, how it ended is written down, database and store are told.
//!
//! A supervisor does this for its own run; the reconciler for one that nobody supervises. Either has the lock.

mod collect;
mod deliver;
mod recover;

pub(super) use collect::collect;
pub(super) use deliver::{DeliverError, deliver, sweep_store};
pub(super) use recover::{discard, recover, unknown_end};

use super::spool::Final;
use crate::domain::{
    run::{ErrorKind, Outcome},
    status::Status,
};

/// The end of a run that never began, with the reason.
pub(super) fn never_began(kind: ErrorKind, message: String) -> Final {
    without_start(Status::Failed, Some(kind), Some(message))
}

/// The end of a run that was cancelled while it waited.
pub(super) fn cancelled() -> Final {
    without_start(Status::Cancelled, None, None)
}

fn without_start(status: Status, error_kind: Option<ErrorKind>, error_message: Option<String>) -> Final {
    let outcome = Outcome {
        status,
        error_kind,
        error_message,
        error_line: None,
        result_data: None,
        outputs: Vec::new(),
        notes: Vec::new(),
        exit_code: None,
        signal: None,
        usage: None,
    };
    Final { outcome, completed_at: chrono::Utc::now().naive_utc() }
}
