//! What the screen is told: keys, replies, the passing of time.

use super::{effect::Ticket, request::Reply};
use crate::domain::{change::Kinds, id::CalculationId, isolation::Isolation, limits::Limits};
use chrono::NaiveDateTime;

/// Everything that comes through the one queue.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key was pressed.
    Key(super::keymap::Key),
    /// Text was pasted (bracketed paste), as it came.
    Paste(String),
    /// A button of the mouse or its wheel.
    Mouse(Mouse),
    /// The terminal has a new size: columns, rows.
    Resize(u16, u16),
    /// The terminal's window was entered (`true`) or left.
    Focus(bool),
    /// Time passed; sent only while something visible depends on it.
    Tick,
    /// An answer.
    Reply(Ticket, Result<Reply, Failure>),
    /// Database and store are open, or could not be opened.
    Opened(Result<Box<SessionInfo>, Failure>),
    /// The sandbox was looked at.
    Sandbox {
        /// Its level in a word or two, or what is wrong with it.
        name: String,
        /// Whether it would run something.
        ready: bool,
    },
    /// The database does not answer, and why.
    ConnectionLost(String),
    /// The database answers again.
    ConnectionRestored,
    /// Something to know, in a sentence.
    Notice(String),
    /// Rows changed: by a run that ended, by another screen, by the command line.
    Changed,
    /// The database told that rows of these kinds changed, or may have.
    Rows(Kinds),
    /// The database tells no changes any more, and why: what is shown may be old.
    ChangesUnavailable(String),
    /// The database tells changes again.
    ChangesAvailable,
    /// A run that was started from this screen ended.
    RunEnded(CalculationId),
}

/// What the mouse did and where, in screen cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// Left button down.
    Click {
        /// From 0.
        column: u16,
        /// From 0.
        row: u16,
    },
    /// The wheel, lines (up is negative).
    Wheel {
        /// From 0.
        column: u16,
        /// From 0.
        row: u16,
        /// Lines.
        lines: i16,
    },
}

/// What the screen knows of the open session: the header shows it, and panes take their defaults from it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SessionInfo {
    /// The person's name.
    pub person: String,
    /// The database, without secrets, and where that setting came from if it was not the default.
    pub database: String,
    /// What keeps the people of this database apart, as its server says.
    pub isolation: Isolation,
    /// Whether the person is to be asked about that before anything else.
    pub ask: bool,
    /// The sandbox's level in a word or two, or what is wrong with it; empty until it was looked at.
    pub sandbox: String,
    /// Whether it would run something now.
    pub ready: bool,
    /// The limits of a calculation that names none.
    pub limits: Limits,
}

/// A request that failed, in the words to show. Its cause is in the log file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What failed, why, and what to do.
    pub message: String,
    /// The field to go to, where one value was refused.
    pub field: Option<&'static str>,
}

impl Failure {
    /// A failure in these words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), field: None }
    }
}

/// Where a line of a log came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// From 0.
    pub number: u64,
    /// Which stream.
    pub stream: Stream,
    /// UTC, when it arrived.
    pub time: NaiveDateTime,
    /// As written, without the newline; untrusted.
    pub bytes: Vec<u8>,
}

/// What one step of a filter found in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiltered {
    /// Line numbers (from 0), in order.
    pub lines: Vec<u64>,
    /// Whether the last line has the text, too, and may still grow; its number is `next`.
    pub unfinished: bool,
    /// Where to look on.
    pub next: u64,
    /// Whether there is more to look at now.
    pub more: bool,
}
