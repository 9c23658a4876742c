//! Runs, live and over: start, stop, watch, read their logs.

use crate::{
    db,
    domain::{
        id::CalculationId,
        page::{CalculationQuery, PageRequest},
        status::Status,
    },
    runs::{
        self, CancelError, Event, LogError, RunOptions, SubmitError, Watch,
        live::{LiveState, Phase},
        log::{self, LogReader, Needle},
        spool::SpoolError,
    },
    sandbox::EngineError,
    session::Session,
    tui::{
        msg::{Failure, Live, LogLine, Msg, Stream},
        request::Reply,
        runtime::executor::Replies,
    },
};
use chrono::DateTime;
use std::{io, time::Duration};

/// Rows of the monitor's list.
const ACTIVE: u32 = 200;
/// Bytes that one step of a search looks through.
const STEP: u64 = 16 << 20;
/// Between two looks for the end of a run that another host has.
const ELSEWHERE: Duration = Duration::from_secs(2);

/// A supervisor on another host that tells nothing for so long may be gone.
const SILENCE: chrono::TimeDelta = chrono::TimeDelta::seconds(90);

/// Queues a run; `pull` fetches its image first where it is not here.
pub async fn submit(session: &Session, id: CalculationId, pull: bool) -> Result<Reply, Failure> {
    match runs::submit(session, id, &RunOptions { pull, ..RunOptions::default() }).await {
        Ok(run) => Ok(Reply::Submitted(id, run)),
        Err(SubmitError::Engine(EngineError::ImageMissing { image, .. })) => Ok(Reply::ImageMissing(id, image)),
        Err(error) => Err(error.into()),
    }
}

/// Queues a run of what was saved just now: a refusal does not hide that it is saved.
pub async fn submit_made(session: &Session, id: CalculationId) -> Reply {
    submit(session, id, false).await.unwrap_or_else(|failure| Reply::NotStarted(id, failure))
}

/// Stops a run; `now` without a grace.
pub async fn stop(session: &Session, id: CalculationId, now: bool) -> Result<Reply, Failure> {
    if now {
        runs::cancel_now(session, id).await?;
    } else {
        runs::cancel(session, id).await?;
    }
    Ok(Reply::Done)
}

/// Stops a run gently, and one that was told before at once.
pub async fn stop_further(session: &Session, id: CalculationId) -> Result<(), Failure> {
    if is_to_be_killed(runs::cancel(session, id).await?)? {
        runs::cancel_now(session, id).await?;
    }
    Ok(())
}

/// Whether it had been told to end before; one that is over is not counted among the stopped.
fn is_to_be_killed(asked: runs::Cancel) -> Result<bool, Failure> {
    match asked {
        runs::Cancel::AlreadyOver(status) => Err(Failure::new(format!("it was over already: {status}"))),
        asked => Ok(asked == runs::Cancel::Stopping),
    }
}

/// What waits and runs, newest first; only what was asked to run.
pub async fn active(session: &Session) -> Result<Reply, Failure> {
    let query = CalculationQuery { statuses: vec![Status::Pending, Status::Running], ..CalculationQuery::default() };
    let page = db::calculations::page(&session.db, session.user.id, &query, &PageRequest::first(ACTIVE)).await?;
    let (rows, cursors) =
        page.rows.into_iter().zip(page.cursors).filter(|(row, _)| row.queued || row.status == Status::Running).unzip();
    Ok(Reply::Calculations(crate::domain::page::Page { rows, cursors, ..page }))
}

/// Replies with what a calculation's run does until it is over, or until the task is stopped.
pub async fn watch(session: Session, id: CalculationId, replies: Replies) -> Result<Reply, Failure> {
    let mut watched = Watched { session, id, replies, log: None, live: None };
    watched.follow().await?;
    Ok(Reply::Done)
}

/// A calculation that is watched.
struct Watched {
    session: Session,
    id: CalculationId,
    replies: Replies,
    log: Option<LogReader>,
    live: Option<Live>,
}

impl Watched {
    async fn follow(&mut self) -> Result<(), Failure> {
        loop {
            let run = self.load().await?;
            self.tell_log().await?;
            let Some(run) = run else { return Ok(()) };
            let mut watch = Watch::open(&runs::folder(&self.session.config.paths.spool(), run))?;
            let mut seen = false;
            while let Some(event) = watch.next().await {
                seen = true;
                self.event(event).await?;
            }
            if seen {
                self.load().await?;
                self.tell_log().await?;
                self.replies.announce(Msg::RunEnded(self.id)).await;
                return Ok(());
            }
            // No spool here and no end in the database: another host has it.
            tokio::time::sleep(ELSEWHERE).await;
        }
    }

    /// What the database knows; the run to follow, where it is not over.
    async fn load(&mut self) -> Result<Option<crate::domain::id::RunId>, Failure> {
        let detail = super::detail(&self.session, self.id).await?;
        let (calculation, run) = (detail.calculation, detail.run);
        let live = Live {
            id: self.id,
            name: calculation.name,
            status: calculation.status,
            waiting: run.is_none().then(|| "not started".to_owned()),
            started_at: calculation.started_at,
            completed_at: calculation.completed_at,
            limits: run.as_ref().map(|run| run.limits).or(calculation.limits).unwrap_or_default(),
            usage: calculation.execution_time.map(|execution_time| crate::domain::run::Usage {
                execution_time,
                cpu_time: calculation.cpu_time.unwrap_or_default(),
                memory: 0,
                peak_memory: run
                    .as_ref()
                    .and_then(|run| run.peak_memory)
                    .or(calculation.memory_used.and_then(|mib| u64::try_from(mib << 20).ok()))
                    .unwrap_or_default(),
                accounting: crate::domain::run::Accounting::Shim,
            }),
            progress: self.live.as_ref().and_then(|live| live.progress.clone()),
            guarantee: run.as_ref().and_then(|run| Some(isolation(run.level.as_deref()?, run.guarantee.as_deref()?))),
            error: calculation.error_message,
            error_line: run.as_ref().and_then(|run| run.error_line),
            stopping: false,
            pull: None,
            grace: self.session.config.caps.grace,
            killed_at: None,
            notes: run.as_ref().map(|run| run.notes.clone()).unwrap_or_default(),
            outputs: detail
                .files
                .into_iter()
                .filter(|link| !link.file_role.is_read() && link.file_role != crate::domain::file::FileRole::Log)
                .map(|link| (link.file.filename, u64::try_from(link.file.file_size).unwrap_or(0)))
                .collect(),
        };
        let over = live.status.is_final();
        let mut live = live;
        if !over && run.as_ref().is_some_and(|run| run.host != runs::host_name()) {
            self.read_record(&mut live).await?;
        }
        self.replies.send(Reply::Live(Box::new(live.clone()))).await;
        self.live = Some(live);
        Ok(run.filter(|_| !over).map(|run| run.id))
    }

    /// Takes over what another host's supervisor says in the run's record.
    async fn read_record(&self, live: &mut Live) -> Result<(), Failure> {
        let Some(record) = db::runs::get(&self.session.db, self.session.user.id, self.id).await? else { return Ok(()) };
        if let Some(state) = record.live.as_deref().and_then(LiveState::from_record) {
            merge(live, state);
        }
        live.notes.push(format!("it is on the host {}; its log lives there until it is over", record.host));
        let silent = record.heartbeat_at.filter(|at| chrono::Utc::now().naive_utc() - *at > SILENCE);
        if let Some(at) = silent {
            live.notes.push(format!("nothing was heard of it since {} UTC", at.format("%Y-%m-%d %H:%M:%S")));
        }
        Ok(())
    }

    async fn event(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::State(state) => {
                if let Some(live) = &mut self.live {
                    merge(live, *state);
                    let live = live.clone();
                    self.replies.send(Reply::Live(Box::new(live))).await;
                }
            }
            Event::Log(_) => self.tell_log().await?,
            Event::Ended(end) => {
                self.tell_log().await?;
                if let Some(live) = &mut self.live {
                    live.status = end.outcome.status;
                    live.completed_at = Some(end.completed_at);
                    live.error.clone_from(&end.outcome.error_message);
                    live.error_line = end.outcome.error_line;
                    live.usage = end.outcome.usage.or(live.usage);
                    live.outputs =
                        end.outcome.outputs.iter().map(|output| (output.name.clone(), output.size)).collect();
                    let live = live.clone();
                    self.replies.send(Reply::Live(Box::new(live))).await;
                }
            }
            // The lock is free for a moment while a supervisor starts; later somebody must look after the run.
            Event::Unsupervised => {
                let session = self.session.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    for sentence in runs::reconcile(&session).await.sentences() {
                        tracing::info!("{sentence}");
                    }
                });
            }
            Event::Delivered => {}
        }
        Ok(())
    }

    /// Tells how many lines the log has, where it has one.
    async fn tell_log(&mut self) -> Result<(), Failure> {
        if self.log.is_none() {
            self.log = runs::open_log(&self.session, self.id).await?;
        }
        let Some(mut log) = self.log.take() else { return Ok(()) };
        let (log, lines) = reading(move || {
            log.refresh()?;
            let lines = log.len();
            Ok((log, lines))
        })
        .await?;
        self.log = Some(log);
        self.replies.send(Reply::LogLength(lines)).await;
        Ok(())
    }
}

/// What the supervisor says over what the database said.
fn merge(live: &mut Live, state: LiveState) {
    live.status = state.status;
    live.waiting = state.waiting_reason.or_else(|| phase(state.phase).map(str::to_owned));
    live.started_at = state.started_at.or(live.started_at);
    live.limits = state.limits;
    live.usage = state.usage.or(live.usage);
    live.progress = state.progress.or_else(|| live.progress.take());
    live.guarantee = state.isolation.map(|(level, words)| isolation(&level, &words)).or_else(|| live.guarantee.take());
    live.stopping = state.phase == Phase::Stopping;
    live.grace = state.caps.grace;
    live.killed_at = state.killed_at;
    live.notes = state.notes;
    live.pull = state.pull;
}

/// The sandbox's level and what it guarantees, in one line.
fn isolation(level: &str, words: &str) -> String {
    format!("{level}: {words}")
}

/// What it does, where its status does not say it.
const fn phase(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Waiting | Phase::Running | Phase::Stopping => None,
        Phase::Pulling => Some("fetching its image"),
        Phase::Preparing => Some("preparing its folders"),
        Phase::Collecting => Some("collecting its outputs"),
        Phase::Delivering => Some("storing its outputs"),
    }
}

pub(super) async fn open(session: &Session, id: CalculationId) -> Result<LogReader, Failure> {
    match runs::open_log(session, id).await? {
        Some(log) => Ok(log),
        None => Err(Failure::new("this run has no log")),
    }
}

/// Some lines of a log.
pub async fn log_lines(session: &Session, id: CalculationId, from: u64, count: u32) -> Result<Reply, Failure> {
    let mut log = open(session, id).await?;
    reading(move || Ok(Reply::LogLines(log.lines(from, count as usize)?.into_iter().map(LogLine::from).collect())))
        .await
}

/// Looks through the whole log; only the first `limit` places are given, and all are counted.
pub async fn search_log(session: &Session, id: CalculationId, text: String, limit: u32) -> Result<Reply, Failure> {
    let mut log = open(session, id).await?;
    let Some(needle) = Needle::new(&text) else { return Ok(Reply::LogMatches(Vec::new(), 0)) };
    let (mut lines, mut total, mut from) = (Vec::new(), 0, 0);
    loop {
        // In steps, so that a newer search stops this one between two.
        let (given, found) = {
            let needle = needle.clone();
            reading(move || {
                let found = log.scan(&needle, from, STEP)?;
                Ok((log, found))
            })
            .await?
        };
        log = given;
        total += found.lines.len() as u64;
        let room = (limit as usize).saturating_sub(lines.len());
        lines.extend(found.lines.into_iter().take(room));
        match found.next {
            Some(next) => from = next,
            None => return Ok(Reply::LogMatches(lines, total)),
        }
    }
}

/// Reads files off the async threads.
pub(super) async fn reading<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|error| {
        tracing::error!(%error, "log");
        Failure::new(error.to_string())
    })
}

impl From<log::LogLine> for LogLine {
    fn from(line: log::LogLine) -> Self {
        let micros = line.time.and_then(|time| i64::try_from(time).ok()).unwrap_or_default();
        Self {
            number: line.number,
            stream: match line.stream {
                log::Stream::Stdout | log::Stream::Unknown => Stream::Out,
                log::Stream::Stderr | log::Stream::Note => Stream::Err,
            },
            time: DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc(),
            bytes: line.bytes,
        }
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        tracing::error!(?error, "submit");
        match error {
            SubmitError::Field(error) => error.into(),
            error => Self::new(error.to_string()),
        }
    }
}

impl From<CancelError> for Failure {
    fn from(error: CancelError) -> Self {
        tracing::error!(?error, "cancel");
        Self::new(error.to_string())
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        tracing::error!(?error, "log");
        Self::new(error.to_string())
    }
}

impl From<SpoolError> for Failure {
    fn from(error: SpoolError) -> Self {
        tracing::error!(?error, "spool");
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::status::Status;

    #[test]
    fn what_is_over_is_not_counted_among_the_stopped() {
        assert!(!is_to_be_killed(runs::Cancel::Asked).unwrap() && !is_to_be_killed(runs::Cancel::Cancelled).unwrap());
        assert!(is_to_be_killed(runs::Cancel::Stopping).unwrap());
        let refused = is_to_be_killed(runs::Cancel::AlreadyOver(Status::Completed)).unwrap_err();
        assert_eq!(refused.message, "it was over already: completed");
    }
}
