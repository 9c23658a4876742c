//! Telling database and store how the run ended, as long as it takes, and leaving nothing behind.

use super::{
    life::{Life, Trouble},
    waiting::{Pause, Paused, engine_patience},
};
use crate::{
    domain::run_state::Phase,
    runs::{
        ending::{self, DeliverError, discard, sweep_store},
        queue,
        spool::Final,
    },
    storage::Store,
};
use std::time::{Duration, Instant};

/// How long a supervisor tries to deliver; after that, any later start of mecapy does.
const DELIVERY_PATIENCE: Duration = Duration::from_mins(30);

/// Delivers, with pauses that grow, and removes the spool.
pub(super) async fn deliver(mut life: Life, end: &Final) -> Result<(), Trouble> {
    life.state.change(|state| {
        state.phase = Phase::Delivering;
        state.status = end.outcome.status;
        state.waiting_reason = None;
    });
    life.state.write();
    let mut attempted = attempt(&mut life, end).await;
    if attempted.is_ok() {
        crate::faults::at("recorded");
        // Whoever waits for the end need not wait for the engine, which takes as long again.
        let sandbox = life.spool.sandbox().ok().flatten();
        life.state.change(|state| state.recorded = sandbox.is_some_and(|sandbox| sandbox.outlives_supervisor()));
        life.state.write();
    }
    crate::faults::at("clearing");
    // A database that is away does not keep the container.
    let mut gone = discard(&life.spool).await;
    crate::faults::at("discarded");
    let mut pause = Pause::new();
    let began = Instant::now();
    while let Err(error) = attempted {
        tracing::warn!(%error, "not delivered yet");
        life.state.change(|state| state.waiting_reason = Some(format!("not recorded yet: {error}")));
        life.state.write();
        let gave_up = began.elapsed() > DELIVERY_PATIENCE;
        if gave_up || pause.wait(&life.spool, &mut life.terminate).await == Paused::GiveUp {
            tracing::warn!("the next start of mecapy delivers it");
            return Ok(());
        }
        attempted = attempt(&mut life, end).await;
    }
    crate::faults::at("delivered");
    // Once the spool is gone nobody knows of the container. Where its engine was given up, that was said.
    let (mut pause, began) = (Pause::new(), Instant::now());
    while !gone && !life.spool.is_asked_to_end_now() {
        let words = "its container cannot be removed: the engine does not answer";
        life.state.change(|state| state.waiting_reason = Some(words.to_owned()));
        life.state.write();
        let gave_up = began.elapsed() > engine_patience();
        if gave_up || pause.wait(&life.spool, &mut life.terminate).await == Paused::GiveUp {
            tracing::warn!("the next start of mecapy removes it");
            return Ok(());
        }
        gone = discard(&life.spool).await;
    }
    queue::leave(&life.request);
    life.spool.remove()?;
    sweep_store(&life.request, life.secrets.store.as_ref());
    Ok(())
}

async fn attempt(life: &mut Life, end: &Final) -> Result<(), DeliverError> {
    let db = life.database.get().await?;
    let store = Store::open(&life.request.store, life.secrets.store.as_ref())?;
    ending::deliver(&life.spool, &life.request, end, &db, &store).await
}
