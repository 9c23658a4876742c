//! Following a run, wherever it is: its state, its log and its end, in one order and at one pace.
//!
//! The screen and the command line both follow a run through this and only show what it tells. What is told comes
//! from one of a few sources, see [`Source`]; a run that nobody supervises any more is put right in [`Repair`], and
//! nowhere else while it is followed.

mod log;
mod recorded;
mod repair;
mod source;

#[cfg(test)]
mod tests;

use super::{reconcile::RestoreError, stored_log::LogError, watch::folder};
use crate::{
    db::{self, DbError},
    domain::{detail::CalculationDetail, id::CalculationId, run_state::RunState, status::Status},
    runs::spool::{SpoolError, log::LogLine},
    session::Session,
};
use log::FollowedLog;
use recorded::{ended_state, recorded_state};
use repair::Repair;
use source::{News, Source};
use std::{collections::VecDeque, io};

/// What happened to a followed run.
#[derive(Debug)]
pub enum Followed {
    /// What is known of it changed: at first what the database knows, at last how it ended, as it is recorded.
    State(Box<RunState>),
    /// New lines of its log, in order, each once.
    Lines(Vec<LogLine>),
    /// Its log has so many lines now, where only their number was asked for.
    LogLength(u64),
    /// Something is wrong with it that may pass, or that its owner must see to. It is followed all the same.
    Trouble(FollowError),
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
    /// It is not there (any more).
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
    source: Source,
    repair: Repair,
    log: FollowedLog,
    /// What is known of it: each state completes the one before.
    state: RunState,
    /// What is to be told before the source is listened to again.
    steps: VecDeque<Step>,
}

/// Something to be told.
#[derive(Debug)]
enum Step {
    State(Box<RunState>),
    /// What is new in the log.
    Log,
    Trouble(FollowError),
    /// The end, which the database should know by now.
    Record,
    End(Status),
}

impl Follow {
    /// Follows the run of a calculation from the first line of its log, wherever it is in its life.
    pub async fn open(session: &Session, id: CalculationId) -> Result<Self, FollowError> {
        Self::with(session, id, FollowedLog::lines()).await
    }

    /// The same, for whoever reads the log by itself: of that only the number of its lines is told.
    pub async fn open_counting(session: &Session, id: CalculationId) -> Result<Self, FollowError> {
        Self::with(session, id, FollowedLog::length()).await
    }

    async fn with(session: &Session, id: CalculationId, log: FollowedLog) -> Result<Self, FollowError> {
        let detail = detail(session, id).await?;
        let state = recorded_state(session, &detail);
        let mut follow = Self {
            session: session.clone(),
            calculation: id,
            source: Source::Nothing,
            repair: Repair::default(),
            log,
            state,
            steps: VecDeque::new(),
        };
        let Some(record) = detail.run else {
            follow.steps.push_back(Step::Trouble(FollowError::NotStarted(id)));
            follow.steps.push_back(Step::State(Box::new(follow.state.clone())));
            return Ok(follow);
        };
        if follow.state.status.is_final() {
            follow.end(follow.state.clone());
            return Ok(follow);
        }
        follow.source = Source::of(session, &record)?;
        if follow.is_elsewhere() && !session.db.is_shared() {
            let host = record.host.clone();
            follow.steps.push_back(Step::Trouble(FollowError::OtherHost { calculation: id, host }));
        }
        if let Source::Record(watched) = &follow.source {
            follow.state = watched.state(&record, &follow.state);
        }
        follow.steps.push_back(Step::State(Box::new(follow.state.clone())));
        follow.steps.push_back(Step::Log);
        Ok(follow)
    }

    /// Whether another host has it: its log comes when it is over, where the store is shared.
    pub const fn is_elsewhere(&self) -> bool {
        matches!(&self.source, Source::Record(watched) if watched.is_elsewhere)
    }

    /// What happens next; `None` after the end. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Followed>, FollowError> {
        loop {
            // A step is taken off only when nothing is awaited any more.
            match self.steps.front() {
                Some(Step::Log) => {
                    if let Some(told) = self.log.news(&self.session, self.calculation).await? {
                        return Ok(Some(told));
                    }
                    self.steps.pop_front();
                }
                Some(Step::Record) => {
                    let detail = detail(&self.session, self.calculation).await?;
                    self.steps.pop_front();
                    self.recorded(&detail);
                }
                Some(_) => match self.steps.pop_front() {
                    Some(Step::State(state)) => return Ok(Some(Followed::State(state))),
                    Some(Step::Trouble(error)) => return Ok(Some(Followed::Trouble(error))),
                    Some(Step::End(status)) => return Ok(Some(Followed::Ended(status))),
                    _ => {}
                },
                None if matches!(self.source, Source::Nothing) => return Ok(None),
                None => {
                    let news = tokio::select! {
                        news = self.source.next(&self.session, self.calculation, &self.state) => news?,
                        error = self.repair.next(&self.session, self.state.run) => {
                            self.not_repaired(error);
                            continue;
                        }
                    };
                    self.take(news);
                }
            }
        }
    }

    /// What is to be told because of it.
    fn take(&mut self, news: News) {
        match news {
            News::State(state) => {
                let is_recorded = state.recorded;
                self.tell(state.or(&self.state));
                if is_recorded {
                    self.steps.push_back(Step::Record);
                }
            }
            News::Log => self.steps.push_back(Step::Log),
            News::Ended(end) => {
                self.log.complete(false);
                self.steps.push_back(Step::Log);
                self.tell(ended_state(*end, &self.state));
            }
            News::Unsupervised => self.repair.suspect(),
            News::Recorded => self.steps.push_back(Step::Record),
        }
    }

    fn tell(&mut self, state: RunState) {
        if state != self.state {
            self.state = state;
            self.steps.push_back(Step::State(Box::new(self.state.clone())));
        }
    }

    /// The database should know the end; where it does not, somebody removed the spool.
    fn recorded(&mut self, detail: &CalculationDetail) {
        let state = recorded_state(&self.session, detail).or(&self.state);
        if state.status.is_final() {
            self.end(state);
        } else {
            let (calculation, status) = (self.calculation, state.status);
            self.steps.push_back(Step::Trouble(FollowError::Lost { calculation, status }));
            self.source = Source::record(false);
        }
    }

    /// Tells the rest of the log, the state as it is recorded, and the end.
    fn end(&mut self, state: RunState) {
        self.log.complete(self.is_elsewhere());
        self.source = Source::Nothing;
        let status = state.status;
        self.state = state;
        self.steps.extend([Step::State(Box::new(self.state.clone())), Step::Log, Step::End(status)]);
    }

    /// A run that nobody supervises could not be put right. One whose spool is gone was delivered meanwhile.
    fn not_repaired(&mut self, error: RestoreError) {
        let folder = self.state.run.map(|run| folder(&self.session.config.paths.spool(), run));
        if folder.is_some_and(|folder| folder.exists()) {
            self.steps.push_back(Step::Trouble(error.into()));
        }
    }
}

/// A calculation with its run, as the database knows it.
async fn detail(session: &Session, id: CalculationId) -> Result<CalculationDetail, FollowError> {
    db::calculations::detail(&session.db, session.user.id, id).await?.ok_or(FollowError::Deleted(id))
}
