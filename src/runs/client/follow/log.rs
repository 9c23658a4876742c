//! The log of a followed run: opened as soon as there is one, read up to its end.

use super::{FollowError, Followed};
use crate::{
    domain::id::CalculationId,
    runs::{client::stored_log::open_log, spool::log::LogReader},
    session::Session,
};
use std::io;

/// Lines given out at a time.
const LINES: usize = 2_000;

/// What was told of the log so far.
#[derive(Debug)]
pub(super) struct FollowedLog {
    wanted: Wanted,
    /// An open log stays readable when its spool goes.
    reader: Option<LogReader>,
    /// Nothing more is written.
    is_complete: bool,
    /// It may lie in a store that this host cannot reach.
    may_be_away: bool,
}

/// What is to be told of it.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// The lines from this one on.
    Lines(u64),
    /// How many there are; `true` once that was told.
    Length(bool),
}

impl FollowedLog {
    /// Tells every line.
    pub(super) const fn lines() -> Self {
        Self::of(Wanted::Lines(0))
    }

    /// Tells how many there are.
    pub(super) const fn length() -> Self {
        Self::of(Wanted::Length(false))
    }

    const fn of(wanted: Wanted) -> Self {
        Self { wanted, reader: None, is_complete: false, may_be_away: false }
    }

    /// Nothing more is written; `may_be_away` where it may be kept in a store that this host cannot reach.
    pub(super) const fn complete(&mut self, may_be_away: bool) {
        (self.is_complete, self.may_be_away) = (true, may_be_away);
    }

    /// What is new, a part at a time; `None` when all of it was told. Cancel safe: what was not told stays new.
    pub(super) async fn news(&mut self, session: &Session, id: CalculationId) -> Result<Option<Followed>, FollowError> {
        if let Wanted::Length(told @ true) = &mut self.wanted {
            *told = false;
            return Ok(None);
        }
        let reader = match self.reader.take() {
            Some(reader) => Some(reader),
            None => match open_log(session, id).await {
                // Then the end is all there is.
                Err(error) if self.may_be_away => {
                    tracing::warn!(%error, "the log of another host's run");
                    None
                }
                opened => opened?,
            },
        };
        let Some(reader) = reader else { return Ok(None) };
        let (wanted, is_complete) = (self.wanted, self.is_complete);
        let read = tokio::task::spawn_blocking(move || read(reader, wanted, is_complete)).await;
        let (reader, told) = read.unwrap_or_else(|error| Err(io::Error::other(error)))?;
        self.reader = Some(reader);
        match (&told, &mut self.wanted) {
            (Some(Followed::Lines(lines)), Wanted::Lines(next)) => *next += lines.len() as u64,
            (Some(_), Wanted::Length(told)) => *told = true,
            _ => {}
        }
        Ok(told)
    }
}

/// Reads what is new; the last line only when it is whole or nothing more comes. Blocks.
fn read(mut log: LogReader, wanted: Wanted, is_complete: bool) -> io::Result<(LogReader, Option<Followed>)> {
    log.refresh()?;
    let told = match wanted {
        Wanted::Length(_) => Some(Followed::LogLength(log.len())),
        Wanted::Lines(next) => {
            let mut lines = log.lines(next, LINES)?;
            if !is_complete {
                lines.retain(|line| line.whole);
            }
            (!lines.is_empty()).then_some(Followed::Lines(lines))
        }
    };
    Ok((log, told))
}
