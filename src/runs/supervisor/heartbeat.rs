//! A run on a shared database tells in its record what it does, and looks there whether it is still wanted.
//!
//! Screens on this host read the spool; those on other hosts have the record alone. What they see is a few seconds
//! old at most; a stop that is asked for there becomes the spool's own note, as if it had been asked for here.

use super::life::Life;
use crate::{
    db::{
        Db, DbError,
        runs::live::{self, Wanted},
    },
    domain::{id::RunId, run_state::RunState},
    runs::spool::Spool,
};
use std::time::{Duration, Instant};
use tokio::{sync::watch, task::JoinHandle};

/// From one look to the next: a stop reaches the run within this and the time of one statement by its key.
const LOOK: Duration = Duration::from_millis(700);
/// The shortest time between two versions in the record.
const TELL: Duration = Duration::from_secs(3);
/// So often it is told that the supervisor lives, even where nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// The pauses after a database that refuses, from the first, for a connection that broke, to the longest.
const RETRY: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// How long it may take to answer: a server that went without a word never does.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ends the telling with the supervisor's interest in it.
#[derive(Debug)]
pub(super) struct Heartbeat(JoinHandle<()>);

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts telling; nothing where nobody else could read it.
pub(super) fn start(life: &mut Life) -> Option<Heartbeat> {
    life.secrets.database.as_ref()?;
    let (listener, states) = watch::channel(life.state.get().clone());
    life.state.send_to(listener);
    let (spool, run, database) = (Spool::clone(&life.spool), life.request.run, life.database.clone());
    Some(Heartbeat(tokio::spawn(async move {
        let mut reporter = Reporter { spool, run, states, written: None, at: None };
        let (mut pause, mut retry) = (LOOK, RETRY);
        loop {
            tokio::time::sleep(pause).await;
            let began = Instant::now();
            let looked = async { reporter.once(&database.get().await?).await };
            (pause, retry) = match tokio::time::timeout(PATIENCE, looked).await {
                Ok(Ok(())) => (LOOK.saturating_sub(began.elapsed()), RETRY),
                trouble => {
                    tracing::warn!(?trouble, "the record of the run is not up to date");
                    (retry, (retry * 2).min(LONGEST))
                }
            };
        }
    })))
}

struct Reporter {
    spool: Spool,
    run: RunId,
    states: watch::Receiver<RunState>,
    written: Option<RunState>,
    at: Option<Instant>,
}

impl Reporter {
    async fn once(&mut self, db: &Db) -> Result<(), DbError> {
        if !self.spool.is_asked_to_end_now() {
            let asked = match live::wanted(db, self.run).await? {
                Wanted::NotAnyMore => self.spool.ask_to_end_now(),
                Wanted::No if !self.spool.is_asked_to_stop() => self.spool.ask_to_stop(),
                Wanted::No | Wanted::Yes => Ok(()),
            };
            if let Err(error) = asked {
                tracing::warn!(%error, "not told to stop");
            }
        }
        let state = self.states.borrow().clone();
        let since = self.at.map_or(Duration::MAX, |at| at.elapsed());
        let is_new = self.written.as_ref() != Some(&state);
        if since < TELL || (!is_new && since < HEARTBEAT) {
            return Ok(());
        }
        let text = serde_json::to_string(&state).unwrap_or_default();
        live::tell(db, self.run, &text, state.usage).await?;
        (self.written, self.at) = (Some(state), Some(Instant::now()));
        Ok(())
    }
}
