//! Reading what a run left, without trusting any of it.

use crate::{
    domain::{run::ErrorKind, status::Status},
    runs::{
        removal,
        spool::{Final, LockedSpool, Request, SandboxEnd},
    },
    sandbox::contract,
};

/// Reads what the run left: copies its files, finds its result and the verdict. Blocks.
pub(in crate::runs) fn collect(end: SandboxEnd, spool: &LockedSpool, request: &Request) -> Final {
    let into = spool.collected();
    // A collection that was interrupted begins again.
    if let Err(error) = removal::remove(&into) {
        tracing::warn!(%error, "an interrupted collection stays");
    }
    let (caps, limits) = (&request.caps, &request.limits);
    let mut outcome = contract::collect(&spool.work(), &into, &end.ended, caps, limits, &end.tail);
    if let Some(trouble) = end.trouble {
        outcome.status = Status::Failed;
        outcome.error_kind = Some(ErrorKind::Engine);
        outcome.error_message = Some(trouble);
        outcome.error_line = None;
        // Nobody saw how it ended.
        outcome.exit_code = None;
        outcome.signal = None;
    }
    outcome.notes.extend(end.notes);
    if end.lost > 0 {
        outcome.notes.push(format!("{} bytes of the log were lost: the disk refused them", end.lost));
    }
    Final { outcome, completed_at: end.completed_at }
}
