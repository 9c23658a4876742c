//! Deleting a calculation: rows, objects, unpacked log, and whatever of its run is still in the spool.
//!
//! A run that is over may still be told to database and store, by a supervisor that is busy with it or pauses between
//! two tries. The spool is marked first, so that whoever delivers withdraws what comes too late instead of keeping it.

use super::{reconcile::restore, stored_log};
use crate::{
    db::{self, DbError},
    domain::{file::FileRole, id::CalculationId, status::Status},
    runs::spool::{Spool, SpoolError},
    session::Session,
};

/// Why a calculation was not deleted. Then all of it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// It runs, waits, or does not exist; or the database refuses.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The spool cannot be marked.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// How the run of a calculation ended, where its supervisor has said so and the database was not told yet.
pub async fn undelivered_end(session: &Session, id: CalculationId) -> Result<Option<Status>, DeleteError> {
    let record = db::runs::get(&session.db, session.user.id, id).await?;
    let Some(record) = record.filter(|record| !record.status.is_final()) else { return Ok(None) };
    Ok(Spool::of(&session.config.paths.spool(), record.id).outcome()?.map(|end| end.outcome.status))
}

/// Deletes a calculation that neither runs nor waits, with its outputs and its log. Uploads stay.
///
/// What counts is that the run is over, not that the database knows it.
pub async fn delete(session: &Session, id: CalculationId) -> Result<(), DeleteError> {
    let (db, user) = (&session.db, session.user.id);
    let record = db::runs::get(db, user, id).await?;
    let spool = record.as_ref().map(|record| Spool::of(&session.config.paths.spool(), record.id));
    let spool = spool.filter(|spool| spool.folder().is_dir());
    let over = match &spool {
        Some(spool) => spool.outcome()?.is_some(),
        None => false,
    };
    // The status of a row may have been set by another program: then its code is still to be ended.
    let goes = over || record.as_ref().is_some_and(|record| record.status.is_final());
    if let (Some(spool), true) = (&spool, goes) {
        spool.mark_deleted()?;
    }
    let ended = record.as_ref().filter(|_| over).map(|record| record.id);
    let orphans = match db::calculations::delete(db, user, id, ended).await {
        Ok(orphans) => orphans,
        Err(error) => {
            if let Some(spool) = &spool {
                spool.unmark_deleted();
            }
            return Err(error.into());
        }
    };
    for linked in orphans.iter().filter(|linked| !linked.file_role.is_read()) {
        // The calculation is gone: what cannot be removed now is waste, no longer somebody's data.
        if let Err(error) = session.store.remove(&linked.file.s3_key).await {
            tracing::warn!(%error, key = linked.file.s3_key, "object left behind");
        }
        if linked.file_role == FileRole::Log {
            stored_log::remove(session, &linked.file);
        }
    }
    if let (Some(spool), Some(record)) = (&spool, &record) {
        if !over && let Err(error) = spool.ask_to_stop() {
            tracing::warn!(%error, "a deleted run that goes on was not asked to end");
        }
        // Where nobody supervises it, this clears the spool; otherwise its supervisor does.
        if let Err(error) = restore(session, record.id, None).await
            && spool.folder().exists()
        {
            tracing::warn!(%error, "the spool of a deleted run stays until the next start");
        }
    }
    Ok(())
}
