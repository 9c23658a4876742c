//! The course of a run from its turn to its final record, from wherever an earlier supervisor left it.

use super::{
    delivery,
    execute::{self, WorkResult},
    heartbeat,
    image::{self, Fetched},
    life::{Life, Trouble},
    turn::{self, Waited},
    waiting::{Pause, Paused},
};
use crate::{
    db,
    domain::run::ErrorKind,
    runs::{
        ending::{cancelled, discard, never_began},
        queue,
        spool::Final,
    },
};
use std::time::{Duration, Instant};

/// How long it tries to leave nothing behind where nobody wants to know any more.
const LAST_PATIENCE: Duration = Duration::from_secs(30);

/// Sees the run to its end, and the end to database and store.
pub(super) async fn live(mut life: Life) -> Result<(), Trouble> {
    let _beat = heartbeat::start(&mut life);
    let end = reach_end(&mut life).await;
    if !life.spool.folder().exists() {
        end_without_spool(&mut life).await;
        return Ok(());
    }
    // Without an end it is not this process that sees to it.
    let Some(end) = end? else { return Ok(()) };
    crate::faults::at("final");
    delivery::deliver(life, &end).await
}

/// The end, from wherever in its life the run is.
async fn reach_end(life: &mut Life) -> Result<Option<Final>, Trouble> {
    if let Some(end) = life.spool.outcome()? {
        return Ok(Some(end));
    }
    if life.spool.may_have_started() {
        // An earlier supervisor got this far, and no further.
        return Box::pin(resume(life)).await;
    }
    begin(life).await
}

/// Somebody removed the spool with everything in it: there is nobody to report to, and nothing may stay.
async fn end_without_spool(life: &mut Life) {
    tracing::warn!("the spool was removed: the run is ended");
    queue::leave(&life.request);
    let began = Instant::now();
    let mut pause = Duration::from_millis(100);
    while let Some(sandbox) = &life.sandbox
        && let Err(error) = sandbox.discard().await
    {
        tracing::warn!(%error, "the sandbox is not removed");
        if began.elapsed() > crate::faults::patience(LAST_PATIENCE) {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
    // Only where it is open: the database may have been removed as well.
    if let Some(db) = life.database.opened() {
        let words = "the folder in which mecapy kept this run was removed by somebody; the run was ended";
        let end = never_began(ErrorKind::Engine, words.to_owned());
        let told = db::runs::finish(&db, life.request.run, &end.outcome, end.completed_at);
        if let Ok(Err(error)) = tokio::time::timeout(LAST_PATIENCE, told).await {
            tracing::warn!(%error, "its end is not recorded");
        }
    }
}

/// Waits for the turn, runs, and writes the final record.
async fn begin(life: &mut Life) -> Result<Option<Final>, Trouble> {
    life.state.write();
    crate::faults::at("waiting");
    // Without a turn: an image takes minutes, and the engine does the work.
    match image::fetch(life).await {
        Fetched::Here => {}
        Fetched::Ended(end) => return conclude(life, end).await.map(Some),
        Fetched::Interrupted => return Ok(None),
    }
    let turn = match turn::wait(life).await? {
        Waited::Turn(turn) => turn,
        Waited::Cancelled => return conclude(life, cancelled()).await.map(Some),
        Waited::Terminated => return Ok(None),
    };
    let end = match execute::run(life).await? {
        WorkResult::Ended(end) => end,
        WorkResult::NotClaimed | WorkResult::NeverStarted => {
            discard(&life.spool).await;
            return Ok(None);
        }
        WorkResult::LeftRunning => return Ok(None),
    };
    let end = conclude(life, end).await?;
    // The next one may begin; delivery needs no turn.
    drop(turn);
    Ok(Some(end))
}

/// Goes on where an earlier supervisor stopped.
async fn resume(life: &mut Life) -> Result<Option<Final>, Trouble> {
    let turn = queue::hold(life.request.clone());
    let result = {
        tokio::pin!(turn);
        tokio::select! {
            result = execute::resume(life) => result?,
            never = &mut turn => match never {},
        }
    };
    let end = match result {
        WorkResult::Ended(end) => end,
        WorkResult::NotClaimed | WorkResult::LeftRunning => return Ok(None),
        WorkResult::NeverStarted => {
            life.spool.unmark_starting()?;
            return begin(life).await;
        }
    };
    conclude(life, end).await.map(Some)
}

/// Writes the end down, however long the disk refuses.
async fn conclude(life: &mut Life, mut end: Final) -> Result<Final, Trouble> {
    for note in &life.request.notes {
        if !end.outcome.notes.contains(note) {
            end.outcome.notes.push(note.clone());
        }
    }
    let mut pause = Pause::new();
    while let Err(error) = life.spool.finish(&end) {
        tracing::warn!(%error, "the end is not written down yet");
        life.state.change(|state| state.waiting_reason = Some(format!("the end cannot be written: {error}")));
        life.state.write();
        if pause.wait(&life.spool, &mut life.terminate).await == Paused::GiveUp {
            return Err(error.into());
        }
    }
    Ok(end)
}
