//! Where the news of a run come from.

use super::FollowError;
use crate::{
    db,
    domain::{
        id::CalculationId,
        run::RunRecord,
        run_state::{Phase, RunState},
        status::Status,
    },
    runs::{
        client::watch::{Event, Watch, folder},
        host,
        spool::Final,
    },
    session::Session,
};
use chrono::{TimeDelta, Utc};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at a record.
const LOOK: Duration = Duration::from_secs(1);

/// A supervisor on another host that tells nothing for so long may be gone.
const SILENCE: TimeDelta = TimeDelta::seconds(90);

/// Where the news of a run come from: a closed list, and whoever follows a run never asks which it is.
///
/// A run that a scheduler is to start on another machine fits in as a third source: while its job waits, there is no
/// supervisor and nothing of it in a spool or in its record, so a variant `Job` asks the scheduler about it from time
/// to time and gives [`News::State`] with [`Phase::Waiting`] and the scheduler's reason as `waiting_reason`. Once the
/// job runs, its supervisor writes the record as those of other hosts do, and `Job` gives way to [`Self::Record`]; a
/// job that ended without a word from its supervisor is [`News::Unsupervised`]. [`Self::of`] chooses by what the
/// record says of where the run is. Nothing else changes: neither what is told, nor the screen or the command line.
#[derive(Debug)]
pub(super) enum Source {
    /// Its spool on this host; the kernel tells.
    Spool(Box<Watch>),
    /// Its record in the database, looked at now and then: its supervisor on another host writes there, or nothing of it
    /// is left but that.
    Record(WatchedRecord),
    /// Nothing more will come.
    Nothing,
}

/// A record that is looked at.
#[derive(Debug)]
pub(super) struct WatchedRecord {
    /// Whether another host has the run.
    pub(super) is_elsewhere: bool,
    look_at: Instant,
}

/// What a source tells.
#[derive(Debug)]
pub(super) enum News {
    /// What its supervisor says of it.
    State(Box<RunState>),
    /// Its log grew.
    Log,
    /// It ended like this; its log is whole. Database and store are being told.
    Ended(Box<Final>),
    /// Nobody may be supervising it.
    Unsupervised,
    /// The source is at its end: what there is to know is in the database.
    Recorded,
}

impl Source {
    /// Where the news of a run come from that is not recorded as over.
    pub(super) fn of(session: &Session, record: &RunRecord) -> Result<Self, FollowError> {
        let folder = folder(&session.config.paths.spool(), record.id);
        if record.host != host::name() && !folder.exists() {
            return Ok(Self::record(true));
        }
        Ok(Self::Spool(Box::new(Watch::open(&folder)?)))
    }

    /// The record, which was read just now.
    pub(super) fn record(is_elsewhere: bool) -> Self {
        Self::Record(WatchedRecord { is_elsewhere, look_at: Instant::now() + LOOK })
    }

    /// What is new since `known`. Cancel safe.
    pub(super) async fn next(
        &mut self,
        session: &Session,
        id: CalculationId,
        known: &RunState,
    ) -> Result<News, FollowError> {
        match self {
            Self::Spool(watch) => Ok(match watch.next().await {
                Some(Event::State(state)) => News::State(state),
                Some(Event::Log(_)) => News::Log,
                Some(Event::Ended(end)) => News::Ended(end),
                Some(Event::Unsupervised) => News::Unsupervised,
                Some(Event::Delivered) | None => News::Recorded,
            }),
            Self::Record(watched) => watched.next(session, id, known).await,
            Self::Nothing => std::future::pending().await,
        }
    }
}

impl WatchedRecord {
    async fn next(&mut self, session: &Session, id: CalculationId, known: &RunState) -> Result<News, FollowError> {
        loop {
            tokio::time::sleep_until(self.look_at).await;
            let record = db::runs::get(&session.db, session.user.id, id).await?.ok_or(FollowError::Deleted(id))?;
            self.look_at = Instant::now() + LOOK;
            if record.status.is_final() {
                return Ok(News::Recorded);
            }
            let state = self.state(&record, known);
            if state != *known {
                return Ok(News::State(Box::new(state)));
            }
        }
    }

    /// What a record says, over what was known before.
    pub(super) fn state(&self, record: &RunRecord, known: &RunState) -> RunState {
        let told = record.live.as_deref().filter(|_| self.is_elsewhere);
        let told: Option<RunState> = told.and_then(|text| serde_json::from_str(text).ok());
        let told = told.unwrap_or_else(|| RunState {
            phase: if record.status == Status::Pending { Phase::Waiting } else { Phase::Running },
            status: record.status,
            started_at: record.started_at,
            notes: record.notes.clone(),
            ..RunState::new(Some(record.id), record.calculation_id, record.limits, known.caps)
        });
        let mut state = told.or(known);
        if self.is_elsewhere {
            state.notes.push(format!("it is on the host {}; its log lives there until it is over", record.host));
            if let Some(at) = record.heartbeat_at.filter(|at| Utc::now().naive_utc() - *at > SILENCE) {
                state.notes.push(format!("nothing was heard of it since {} UTC", at.format("%Y-%m-%d %H:%M:%S")));
            }
        }
        state
    }
}
