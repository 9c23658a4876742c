//! Runs, live and over: start, stop, follow, read their logs.

use crate::{
    db,
    domain::{
        id::CalculationId,
        page::{CalculationQuery, PageRequest},
        status::Status,
    },
    runs::{
        self, CancelError, Follow, FollowError, Followed, LogError, RunOptions, SubmitError,
        log::{self, LogReader, Needle},
    },
    sandbox::EngineError,
    session::Session,
    tui::{
        msg::{Failure, LogLine, Msg, Stream},
        request::Reply,
        runtime::executor::Replies,
    },
};
use chrono::DateTime;
use std::io;

/// Rows of the monitor's list.
const ACTIVE: u32 = 200;
/// Bytes that one step of a search looks through.
const STEP: u64 = 16 << 20;
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
    let mut follow = Follow::open_counting(&session, id).await?;
    // Who looks at a run that is over already is not told that it ended.
    let mut was_alive = false;
    while let Some(followed) = follow.next().await? {
        match followed {
            Followed::State(state) => {
                was_alive |= state.run.is_some() && !state.status.is_final();
                replies.send(Reply::Live(state)).await;
            }
            Followed::LogLength(lines) => replies.send(Reply::LogLength(lines)).await,
            // The state says so.
            Followed::Trouble(FollowError::NotStarted(_)) => {}
            Followed::Trouble(error) => tracing::warn!(%error, calculation = %id, "a followed run"),
            Followed::Ended(_) if was_alive => replies.announce(Msg::RunEnded(id)).await,
            Followed::Ended(_) | Followed::Lines(_) => {}
        }
    }
    Ok(Reply::Done)
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

impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Db(error) => error.into(),
            FollowError::Log(error) => error.into(),
            FollowError::Deleted(id) => Self::new(format!("there is no calculation {id} any more")),
            error => {
                tracing::error!(?error, "follow");
                Self::new(error.to_string())
            }
        }
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
