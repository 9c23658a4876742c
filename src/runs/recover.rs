//! Ending a run whose supervisor is gone: nothing left running, everything it wrote collected, and said so.

use super::{
    live::LiveState,
    log::LogWriter,
    request::Request,
    spool::{Final, Spool, SpoolError},
};
use crate::{
    domain::{
        run::{Accounting, ErrorKind, Outcome, Usage},
        status::Status,
    },
    sandbox::{Adopted, Ended, Exit, Identity, contract},
};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Written just before the sandbox is started: from here on the code may have run.
pub(super) const STARTING: &str = "starting";
/// Which process the sandbox is.
pub(super) const SANDBOX: &str = "sandbox.json";
/// How the sandbox ended, once it has and its output was read.
pub(super) const ENDED: &str = "ended.json";
/// Copies of the output files.
pub(super) const COLLECTED: &str = "collected";
/// The folders of the runtime contract.
pub(super) const WORK: &str = "work";

/// What the log and the error say first.
const GONE: &str = "the process that supervised this run ended before the run did";

/// What is known of a sandbox once it is over and its output read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Drained {
    /// How it ended.
    pub(super) ended: Ended,
    /// What went wrong around it, which was not the code's fault.
    pub(super) trouble: Option<String>,
    /// The end of its stderr.
    pub(super) tail: String,
    /// Bytes of its output that the disk refused.
    pub(super) lost: u64,
    /// What the sandbox wants told with the result.
    #[serde(default)]
    pub(super) notes: Vec<String>,
    /// UTC.
    pub(super) completed_at: NaiveDateTime,
}

impl Drained {
    /// Reads what the run left: copies its files, finds its result and the verdict. Blocks.
    pub(super) fn collect(self, spool: &Spool, request: &Request) -> Final {
        let into = spool.path(COLLECTED);
        // A collection that was interrupted begins again.
        if let Err(error) = super::trash::remove(&into) {
            tracing::warn!(%error, "an interrupted collection stays");
        }
        let (caps, limits) = (&request.caps, &request.limits);
        let mut outcome = contract::collect(&spool.path(WORK), &into, &self.ended, caps, limits, &self.tail);
        if let Some(trouble) = self.trouble {
            outcome.status = Status::Failed;
            outcome.error_kind = Some(ErrorKind::Engine);
            outcome.error_message = Some(trouble);
            outcome.error_line = None;
            // Nobody saw how it ended.
            outcome.exit_code = None;
            outcome.signal = None;
        }
        outcome.notes.extend(self.notes);
        if self.lost > 0 {
            outcome.notes.push(format!("{} bytes of the log were lost: the disk refused them", self.lost));
        }
        Final { outcome, completed_at: self.completed_at }
    }
}

/// Writes the final record of a run that nobody supervises any more. The caller holds the spool's lock.
pub(super) async fn recover(spool: &Spool, request: &Request) -> Result<Final, SpoolError> {
    let mut notes = Vec::new();
    match spool.read::<Identity>(SANDBOX) {
        Ok(Some(identity)) => match identity.adopt(&spool.path(WORK)).await {
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
fn end_of(spool: &Spool, request: &Request, notes: Vec<String>) -> Result<Final, SpoolError> {
    let mut end = match spool.read::<Drained>(ENDED) {
        // Everything but the collection was done.
        Ok(Some(drained)) => drained.collect(spool, request),
        _ => abandoned(spool, request),
    };
    end.outcome.notes.extend(notes);
    spool.finish(&end)?;
    Ok(end)
}

/// The end of a run that went on when its supervisor ended.
fn abandoned(spool: &Spool, request: &Request) -> Final {
    if let Ok(mut log) = LogWriter::append(spool.folder()) {
        log.note(&format!("{GONE}; what it had not read yet is missing here"));
    }
    let usage = LiveState::read(spool).ok().flatten().and_then(|state| state.usage);
    let nothing = Usage { execution_time: 0.0, cpu_time: 0.0, memory: 0, peak_memory: 0, accounting: Accounting::Shim };
    let drained = Drained {
        ended: unknown(usage.unwrap_or(nothing)),
        trouble: Some(format!("{GONE} (killed, or the host went down); what it left was collected")),
        tail: String::new(),
        lost: 0,
        notes: Vec::new(),
        completed_at: chrono::Utc::now().naive_utc(),
    };
    let mut end = drained.collect(spool, request);
    end.outcome.usage = usage;
    if spool.is_asked_to_stop() {
        end.outcome.status = Status::Cancelled;
        end.outcome.error_kind = None;
        end.outcome.error_message = Some(format!("cancelled; {GONE}"));
    }
    end
}

/// Removes what a sandbox left in its engine, where the spool says which one that is; whether nothing is left.
pub(super) async fn discard(spool: &Spool) -> bool {
    let discarded = match spool.read::<Identity>(SANDBOX) {
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
async fn wait_for_unknown(spool: &Spool, request: &Request) {
    let patience = Duration::from_secs(u64::from(request.caps.grace) + 2);
    let began = std::fs::metadata(spool.path(STARTING)).and_then(|marker| marker.modified());
    let age = began.ok().and_then(|began| began.elapsed().ok()).unwrap_or_default();
    tokio::time::sleep(patience.saturating_sub(age)).await;
}

/// The end of a sandbox that nobody saw.
pub(super) const fn unknown(usage: Usage) -> Ended {
    Ended { exit: Exit::Signal(9), stopped: None, oom_killed: false, usage }
}

/// The end of a run that never began, with the reason.
pub(super) fn never_began(kind: ErrorKind, message: String) -> Final {
    Final {
        outcome: without_start(Status::Failed, Some(kind), Some(message)),
        completed_at: chrono::Utc::now().naive_utc(),
    }
}

/// The end of a run that was cancelled while it waited.
pub(super) fn cancelled() -> Final {
    Final { outcome: without_start(Status::Cancelled, None, None), completed_at: chrono::Utc::now().naive_utc() }
}

pub(super) const fn without_start(
    status: Status,
    error_kind: Option<ErrorKind>,
    error_message: Option<String>,
) -> Outcome {
    Outcome {
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
    }
}
