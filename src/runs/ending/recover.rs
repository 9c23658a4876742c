//! Ending a run whose supervisor is gone: nothing left running, everything it wrote collected, and said so.

use super::collect;
use crate::{
    domain::{
        run::{Accounting, Usage},
        status::Status,
    },
    runs::spool::{Final, LockedSpool, Request, SandboxEnd, SpoolError},
    sandbox::{Adopted, Ended, Exit},
};
use std::time::Duration;

/// What the log and the error say first.
const GONE: &str = "the process that supervised this run ended before the run did";

/// Writes the final record of a run that nobody supervises any more. The caller holds the spool's lock.
pub(in crate::runs) async fn recover(spool: &LockedSpool, request: &Request) -> Result<Final, SpoolError> {
    let mut notes = Vec::new();
    match spool.sandbox() {
        Ok(Some(identity)) => match identity.adopt(&spool.work()).await {
            Ok(Adopted::Over(true)) => notes.push("the sandbox was still running and was ended".to_owned()),
            Ok(_) => {}
            Err(error) => notes.push(format!("the sandbox could not be ended: {error}")),
        },
        Ok(None) => wait_for_unknown(spool, request).await,
        Err(error) => notes.push(error.to_string()),
    }
    let (ours, asked) = (spool.clone(), request.clone());
    let end = tokio::task::spawn_blocking(move || end_of(&ours, &asked, notes)).await;
    end.map_err(|error| SpoolError::Io { path: spool.folder().to_owned(), source: error.into() })?
}

/// Collects what there is, and writes the final record. Blocks.
fn end_of(spool: &LockedSpool, request: &Request, notes: Vec<String>) -> Result<Final, SpoolError> {
    let mut end = match spool.sandbox_end() {
        // Everything but the collection was done.
        Ok(Some(sandbox)) => collect(sandbox, spool, request),
        _ => end_without_supervisor(spool, request),
    };
    end.outcome.notes.extend(notes);
    spool.finish(&end)?;
    Ok(end)
}

/// The end of a run that went on when its supervisor ended.
fn end_without_supervisor(spool: &LockedSpool, request: &Request) -> Final {
    if let Ok(mut log) = spool.append_to_log() {
        log.note(&format!("{GONE}; what it had not read yet is missing here"));
    }
    let usage = spool.state().ok().flatten().and_then(|state| state.usage);
    let nothing = Usage { execution_time: 0.0, cpu_time: 0.0, memory: 0, peak_memory: 0, accounting: Accounting::Shim };
    let sandbox = SandboxEnd {
        ended: unknown_end(usage.unwrap_or(nothing)),
        trouble: Some(format!("{GONE} (killed, or the host went down); what it left was collected")),
        tail: String::new(),
        lost: 0,
        notes: Vec::new(),
        completed_at: chrono::Utc::now().naive_utc(),
    };
    let mut end = collect(sandbox, spool, request);
    end.outcome.usage = usage;
    if spool.is_asked_to_stop() {
        end.outcome.status = Status::Cancelled;
        end.outcome.error_kind = None;
        end.outcome.error_message = Some(format!("cancelled; {GONE}"));
    }
    end
}

/// Removes what a sandbox left in its engine, where the spool says which one that is; whether nothing is left.
pub(in crate::runs) async fn discard(spool: &LockedSpool) -> bool {
    let discarded = match spool.sandbox() {
        Ok(Some(identity)) => identity.discard().await.map_err(|error| error.to_string()),
        Ok(None) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = &discarded {
        tracing::warn!(error, "the sandbox is not removed");
    }
    discarded.is_ok()
}

/// A supervisor that ended between starting a sandbox and writing down which process it is took the sandbox's orders
/// with it: the sandbox ends by itself, within the grace.
async fn wait_for_unknown(spool: &LockedSpool, request: &Request) {
    let patience = Duration::from_secs(u64::from(request.caps.grace) + 2);
    let age = spool.starting_at().and_then(|began| began.elapsed().ok()).unwrap_or_default();
    tokio::time::sleep(patience.saturating_sub(age)).await;
}

/// The end of a sandbox that nobody saw.
pub(in crate::runs) const fn unknown_end(usage: Usage) -> Ended {
    Ended { exit: Exit::Signal(9), stopped: None, oom_killed: false, usage }
}
