//! Following a run to its end, lines and all: what the command line prints.

use super::{
    reconcile::{RestoreError, restore},
    stored_log::{LogError, open_log},
    watch::{self, Event, Watch},
};
use crate::{
    db::{self, DbError},
    domain::{
        id::{CalculationId, RunId},
        run_state::RunState,
        status::Status,
    },
    runs::{
        host,
        spool::{
            SpoolError,
            log::{LogLine, LogReader},
        },
    },
    session::Session,
};
use std::{io, time::Duration};
use tokio::time::Instant;

/// Lines given out at a time.
const LINES: usize = 2_000;

/// Between two looks at the record of another host's run.
const LOOK: Duration = Duration::from_secs(1);

/// How long a run may be without a supervisor before it is looked after: one may just be starting.
const STARTING: Duration = Duration::from_secs(2);

/// What happened to a followed run.
#[derive(Clone, Debug, PartialEq)]
pub enum Followed {
    /// Its live state changed: it waits, runs, reports progress.
    State(Box<RunState>),
    /// New lines of its log, in order, each once.
    Lines(Vec<LogLine>),
    /// It is over and recorded.
    Ended(Status),
}

/// Why a run cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// There is no run.
    #[error("calculation {0} was not started; there is nothing to follow")]
    NotStarted(CalculationId),
    /// Neither here nor recorded.
    #[error("calculation {calculation} runs on {host}; follow it there")]
    OtherHost {
        /// What is run.
        calculation: CalculationId,
        /// Where.
        host: String,
    },
    /// A row without a spool.
    #[error(
        "calculation {calculation} is {status}, but nothing of its run is on this host; `mecapy calc cancel {calculation}` ends it"
    )]
    Lost {
        /// What is run.
        calculation: CalculationId,
        /// What its row says.
        status: Status,
    },
    /// It went while it was followed.
    #[error("calculation {0} was deleted")]
    Deleted(CalculationId),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log.
    #[error("the log cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Its supervisor is gone, and that could not be put right.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// A run being followed.
#[derive(Debug)]
pub struct Follow {
    session: Session,
    calculation: CalculationId,
    run: RunId,
    watch: Watch,
    log: Option<LogReader>,
    next_line: u64,
    /// The run writes no more.
    complete: bool,
    /// Its end is in the database.
    recorded: bool,
    over: bool,
    /// Another host has it.
    elsewhere: bool,
    /// What its record last said of it.
    told: Option<String>,
    /// When to look after it, unless something happens first.
    suspect: Option<Instant>,
}

impl Follow {
    /// Follows the run of a calculation from its first line, wherever it is in its life.
    pub async fn open(session: &Session, id: CalculationId) -> Result<Self, FollowError> {
        let record = db::runs::get(&session.db, session.user.id, id).await?.ok_or(FollowError::NotStarted(id))?;
        let folder = watch::folder(&session.config.paths.spool(), record.id);
        let elsewhere = record.host != host::name() && !record.status.is_final() && !folder.exists();
        if elsewhere && !session.db.is_shared() {
            return Err(FollowError::OtherHost { calculation: id, host: record.host });
        }
        Ok(Self {
            session: session.clone(),
            calculation: id,
            run: record.id,
            watch: Watch::open(&folder)?,
            log: None,
            next_line: 0,
            complete: false,
            recorded: false,
            over: false,
            elsewhere,
            told: None,
            suspect: None,
        })
    }

    /// Whether another host has it: its log comes when it is over, where the store is shared.
    pub const fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// What happens next to a run of another host, as its record tells.
    async fn next_elsewhere(&mut self) -> Result<Option<Followed>, FollowError> {
        loop {
            if let Some(lines) = self.lines()? {
                return Ok(Some(Followed::Lines(lines)));
            }
            let record = db::runs::get(&self.session.db, self.session.user.id, self.calculation).await?;
            let record = record.ok_or(FollowError::Deleted(self.calculation))?;
            if self.complete {
                self.over = true;
                return Ok(Some(Followed::Ended(record.status)));
            }
            if record.status.is_final() {
                self.complete = true;
                // Kept in a store that this host cannot reach: then the end is all there is.
                if let Err(error) = self.open_log().await {
                    tracing::warn!(%error, "the log of another host's run");
                }
                continue;
            }
            if record.live.is_some() && record.live != self.told {
                self.told = record.live;
                if let Some(state) = self.told.as_deref().and_then(state_of_record) {
                    return Ok(Some(Followed::State(Box::new(state))));
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What happens next; `None` after the end. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Followed>, FollowError> {
        if self.over {
            return Ok(None);
        }
        if self.elsewhere {
            return self.next_elsewhere().await;
        }
        loop {
            if let Some(lines) = self.lines()? {
                return Ok(Some(Followed::Lines(lines)));
            }
            if self.recorded {
                self.over = true;
                return Ok(Some(Followed::Ended(self.status().await?)));
            }
            let next = self.watch.next();
            let event = match self.suspect {
                Some(at) => tokio::time::timeout_at(at, next).await,
                None => Ok(next.await),
            };
            let Ok(event) = event else {
                self.suspect = None;
                self.look_after().await?;
                continue;
            };
            match event {
                Some(Event::State(state)) => {
                    if state.recorded {
                        self.open_log().await?;
                        (self.complete, self.recorded) = (true, true);
                    }
                    return Ok(Some(Followed::State(state)));
                }
                Some(Event::Log(_)) => self.open_log().await?,
                // Whoever follows a run from its submission may be faster than its supervisor: the run is not kept
                // waiting for what is only a suspicion.
                Some(Event::Unsupervised) => self.suspect = Some(Instant::now() + STARTING),
                Some(Event::Ended(_) | Event::Delivered) => {
                    self.open_log().await?;
                    self.complete = true;
                }
                None => {
                    self.over = true;
                    return Ok(Some(Followed::Ended(self.status().await?)));
                }
            }
        }
    }

    /// An open log stays readable when its spool goes, so it is opened as soon as there is one.
    async fn open_log(&mut self) -> Result<(), FollowError> {
        if self.log.is_none() {
            self.log = open_log(&self.session, self.calculation).await?;
        }
        Ok(())
    }

    /// The next lines; the last one only when it is whole or nothing more comes.
    fn lines(&mut self) -> Result<Option<Vec<LogLine>>, FollowError> {
        let Some(log) = &mut self.log else { return Ok(None) };
        log.refresh()?;
        let mut lines = log.lines(self.next_line, LINES)?;
        if !self.complete {
            lines.retain(|line| line.whole);
        }
        self.next_line += lines.len() as u64;
        Ok((!lines.is_empty()).then_some(lines))
    }

    async fn look_after(&mut self) -> Result<(), FollowError> {
        match restore(&self.session, self.run, None).await {
            Err(error) if watch::folder(&self.session.config.paths.spool(), self.run).exists() => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn status(&self) -> Result<Status, FollowError> {
        let record = db::runs::get(&self.session.db, self.session.user.id, self.calculation).await?;
        let status = record.ok_or(FollowError::Deleted(self.calculation))?.status;
        if status.is_final() { Ok(status) } else { Err(FollowError::Lost { calculation: self.calculation, status }) }
    }
}

/// What a supervisor on another host wrote into the record of its run; `None` where it is no such thing.
fn state_of_record(text: &str) -> Option<RunState> {
    serde_json::from_str(text).ok()
}
