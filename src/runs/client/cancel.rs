//! Stopping a run.

use super::reconcile::{RestoreError, restore};
use crate::{
    db::{self, DbError},
    domain::{
        id::{CalculationId, RunId},
        status::Status,
    },
    runs::{
        ending, host,
        spool::{Spool, SpoolError},
    },
    session::Session,
};

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It waited, and will not run.
    Cancelled,
    /// It was told to end: SIGTERM, then SIGKILL after the grace. What it wrote is kept.
    Asked,
    /// It had been told to end before, and has its grace: nothing changed.
    Stopping,
    /// It was ended at once: SIGKILL. What it wrote is kept.
    Killed,
    /// It was over before.
    AlreadyOver(Status),
}

/// Why a run was not stopped.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is no such calculation.
    #[error("calculation {0} does not exist, or is not yours")]
    NotFound(CalculationId),
    /// Nobody asked for it to run.
    #[error("calculation {0} was not started; there is nothing to stop")]
    NotStarted(CalculationId),
    /// It runs on another machine.
    #[error("calculation {calculation} runs on {host}; stop it there")]
    OtherHost {
        /// What is run.
        calculation: CalculationId,
        /// Where.
        host: String,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Its supervisor was gone, and that could not be put right.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// Stops a run: one that waits does not begin, one that runs is told to end and keeps what it wrote.
///
/// The first of two stages: one that was told before has [`Cancel::Stopping`] and goes on with its grace.
pub async fn cancel(session: &Session, id: CalculationId) -> Result<Cancel, CancelError> {
    stop_run(session, id, false).await
}

/// Stops a run without a grace, or without what is left of it.
pub async fn cancel_now(session: &Session, id: CalculationId) -> Result<Cancel, CancelError> {
    stop_run(session, id, true).await
}

async fn stop_run(session: &Session, id: CalculationId, now: bool) -> Result<Cancel, CancelError> {
    let row = db::calculations::row(&session.db, session.user.id, id).await?.ok_or(CancelError::NotFound(id))?;
    let record = db::runs::get(&session.db, session.user.id, id).await?.ok_or(CancelError::NotStarted(id))?;
    if row.status.is_final() {
        return Ok(Cancel::AlreadyOver(row.status));
    }
    let waited = db::runs::cancel_pending(&session.db, session.user.id, id).await?;
    if record.host != host::name() {
        // A waiting one is not claimed any more when its turn comes; a running one is that host's to stop.
        if waited {
            return Ok(Cancel::Cancelled);
        }
        let host = record.host;
        if !session.db.is_shared() {
            return Err(CancelError::OtherHost { calculation: id, host });
        }
        let before = record.stop_requested_at.is_some();
        let asked = if before && !now {
            true
        } else {
            db::runs::live::request_stop(&session.db, session.user.id, id, now).await?
        };
        let status = db::calculations::row(&session.db, session.user.id, id).await?.map(|row| row.status);
        return Ok(match status {
            Some(status) if !asked && status.is_final() => Cancel::AlreadyOver(status),
            _ => answer(before, now),
        });
    }
    let spool = Spool::of(&session.config.paths.spool(), record.id);
    let before = spool.is_asked_to_stop();
    if spool.folder().is_dir() {
        stop(session, &spool, record.id, now).await?;
    } else if !waited {
        let mut end = ending::cancelled();
        end.outcome.error_message = Some("nothing of this run was left on its host when it was stopped".to_owned());
        db::runs::finish(&session.db, record.id, &end.outcome, end.completed_at).await?;
    }
    let status = db::calculations::row(&session.db, session.user.id, id).await?.map(|row| row.status);
    Ok(match status {
        _ if waited => Cancel::Cancelled,
        Some(status) if status.is_final() && status != Status::Cancelled => Cancel::AlreadyOver(status),
        _ => answer(before, now),
    })
}

const fn answer(before: bool, now: bool) -> Cancel {
    match (before, now) {
        (_, true) => Cancel::Killed,
        (true, false) => Cancel::Stopping,
        (false, false) => Cancel::Asked,
    }
}

/// Tells the supervisor, and does its work where there is none.
async fn stop(session: &Session, spool: &Spool, run: RunId, now: bool) -> Result<(), CancelError> {
    let asked = if now { spool.ask_to_end_now() } else { spool.ask_to_stop() };
    let stopped = match asked {
        Ok(()) => restore(session, run, None).await.map(drop).map_err(CancelError::from),
        Err(error) => Err(error.into()),
    };
    // A folder that went meanwhile was delivered: the run is over.
    if spool.folder().exists() { stopped } else { Ok(()) }
}
