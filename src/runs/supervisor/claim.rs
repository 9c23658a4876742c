//! Taking a run in the database, once its turn has come: from pending to running, or not at all.

use super::{
    life::Life,
    waiting::{Pause, Paused},
};
use crate::{
    db,
    domain::{run::Provenance, status::Status},
    runs::spool::Request,
    sandbox::About,
};
use chrono::NaiveDateTime;
use std::time::{Duration, Instant};

/// What the record of a run says of how it is run.
pub(super) fn provenance(request: &Request, about: About) -> Provenance {
    Provenance {
        engine: about.engine,
        level: about.level,
        guarantee: about.guarantee,
        host: request.host.clone(),
        interpreter: about.interpreter,
        image_digest: about.image_digest,
        container: about.container,
        limits: request.limits,
    }
}

/// What came of taking it.
pub(super) enum Claimed {
    /// It is this supervisor's.
    Ours,
    /// It is not wanted any more.
    Cancelled,
    /// The database refuses.
    NotNow,
}

/// How long a database that refuses is asked; the turn is held meanwhile.
const CLAIM_PATIENCE: Duration = Duration::from_mins(10);

/// Takes the run in the database.
pub(super) async fn claim(life: &mut Life, provenance: &Provenance, started_at: NaiveDateTime) -> Claimed {
    let mut pause = Pause::new();
    let began = Instant::now();
    loop {
        let error = match try_claim(life, provenance, started_at).await {
            Ok(claimed) => return claimed,
            Err(error) => error,
        };
        tracing::warn!(%error, "not claimed yet");
        life.state.change(|state| state.waiting_reason = Some(format!("the database refuses: {error}")));
        life.state.write();
        if life.spool.is_asked_to_stop() {
            return Claimed::Cancelled;
        }
        if began.elapsed() > CLAIM_PATIENCE || pause.wait(&life.spool, &mut life.terminate).await == Paused::GiveUp {
            return Claimed::NotNow;
        }
    }
}

async fn try_claim(
    life: &mut Life,
    provenance: &Provenance,
    started_at: NaiveDateTime,
) -> Result<Claimed, db::DbError> {
    let db = life.database.get().await?;
    if db::runs::claim(&db, life.request.run, provenance, started_at).await? {
        life.state.change(|state| state.waiting_reason = None);
        return Ok(Claimed::Ours);
    }
    let record = db::runs::get(&db, life.request.user, life.request.calculation).await?;
    Ok(match record {
        // Claimed by a supervisor of this very run that ended before it started anything.
        Some(record) if record.id == life.request.run && record.status == Status::Running => Claimed::Ours,
        // Cancelled, or deleted with its calculation.
        _ => Claimed::Cancelled,
    })
}
