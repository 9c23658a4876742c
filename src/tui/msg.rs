//! What the screen is told: keys, replies, the passing of time.

use super::effect::{Draft, DraftKey, Ticket};
use crate::domain::{
    calculation::{Calculation, CalculationRow},
    change::Kinds,
    file::LinkedFile,
    id::{CalculationId, RunId},
    isolation::Isolation,
    limits::Limits,
    page::Page,
    run_state::RunState,
    statistics::{Figures, Health},
    tool::Tool,
};
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
    Opened(Result<Box<Place>, Failure>),
    /// The sandbox was looked at.
    Sandbox {
        /// Its level in a word or two, or what is wrong with it.
        name: String,
        /// Whether it would run something.
        ready: bool,
    },
    /// The database does not answer, in words; `None` when it does again.
    Away(Option<String>),
    /// Something to know, in a sentence.
    Told(String),
    /// Rows changed: by a run that ended, by another screen, by the command line.
    Changed,
    /// The database told that rows of these kinds changed, or may have.
    Rows(Kinds),
    /// The database tells no changes any more, and why; `None`: it does again.
    Silent(Option<String>),
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

/// Where the program works, for the header line.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Place {
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

/// What a request gives back.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A window of a list.
    Calculations(Page<CalculationRow>),
    /// A total.
    Count(u64),
    /// A calculation with its files and its run.
    Calculation(Box<CalculationDetail>),
    /// It is a row now.
    Saved(CalculationId),
    /// Its run is queued.
    Submitted(CalculationId, RunId),
    /// It is a row now, and its run was refused.
    NotStarted(CalculationId, Failure),
    /// It is saved and not queued: this image would have to be fetched first.
    ImageMissing(CalculationId, String),
    /// So many were told to stop; those that were not, and why.
    Stopped(usize, Vec<(CalculationId, String)>),
    /// So many were deleted; those that were not, and why.
    Deleted(usize, Vec<(CalculationId, String)>),
    /// A window of the catalogue.
    Tools(Page<Tool>),
    /// A tool.
    Tool(Box<Tool>),
    /// The text is safe on disk.
    DraftKept(DraftKey),
    /// Texts of earlier sessions.
    Drafts(Vec<Draft>),
    /// Own figures and the newest calculations.
    Figures(Box<Figures>),
    /// How the database feels.
    Health(Box<Health>),
    /// The state of the watched run.
    Live(Box<RunState>),
    /// The watched run's log has so many lines now.
    LogLength(u64),
    /// Lines of a log, in order; fewer than asked at its end.
    LogLines(Vec<LogLine>),
    /// Line numbers (from 0) in order, and how many lines match in all.
    LogMatches(Vec<u64>, u64),
    /// The lines that one step of a filter found.
    LogFiltered(LogFiltered),
    /// The file that was written.
    Written(std::path::PathBuf),
    /// The text as `$EDITOR` left it; `None` where it is unchanged.
    Edited(Option<String>),
    /// Done.
    Done,
}

/// A calculation with everything that its page shows.
#[derive(Clone, Debug, PartialEq)]
pub struct CalculationDetail {
    /// The row.
    pub calculation: Calculation,
    /// Inputs, outputs, the log.
    pub files: Vec<LinkedFile>,
    /// Its run, where one was asked for.
    pub run: Option<RunInfo>,
    /// The name of the tool it was made from.
    pub tool: Option<String>,
}

/// What is kept about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunInfo {
    /// The run.
    pub id: RunId,
    /// The host it belongs to.
    pub host: String,
    /// UTC.
    pub submitted_at: NaiveDateTime,
    /// `builtin`, `docker`.
    pub engine: Option<String>,
    /// `E0` to `E3`.
    pub level: Option<String>,
    /// What held and what did not, in words.
    pub guarantee: Option<String>,
    /// Path and version.
    pub interpreter: Option<String>,
    /// As run.
    pub limits: Option<Limits>,
    /// The exit code.
    pub exit_code: Option<i32>,
    /// The signal.
    pub signal: Option<i32>,
    /// [`crate::domain::run::ErrorKind::name`].
    pub error_kind: Option<String>,
    /// The line of the user's code, from 1.
    pub error_line: Option<u32>,
    /// Bytes.
    pub peak_memory: Option<u64>,
    /// What else is worth a sentence.
    pub notes: Vec<String>,
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

/// Something that is loaded: what is there, and what is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote<T> {
    value: Option<T>,
    waiting: Option<Ticket>,
    failure: Option<Failure>,
}

impl<T> Default for Remote<T> {
    fn default() -> Self {
        Self { value: None, waiting: None, failure: None }
    }
}

impl<T> Remote<T> {
    /// A request is under way; what was there stays.
    pub fn ask(&mut self, ticket: Ticket) {
        self.waiting = Some(ticket);
    }

    /// Takes the reply of `ticket`; `false` where it is stale and was dropped.
    pub fn accept(&mut self, ticket: Ticket, reply: Result<T, Failure>) -> bool {
        if self.waiting != Some(ticket) {
            return false;
        }
        self.waiting = None;
        match reply {
            Ok(value) => {
                self.value = Some(value);
                self.failure = None;
            }
            Err(failure) => self.failure = Some(failure),
        }
        true
    }

    /// Whether this is the request under way.
    pub fn expects(&self, ticket: Ticket) -> bool {
        self.waiting == Some(ticket)
    }

    /// Forgets value, request and failure.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sets the value without a request.
    pub fn set(&mut self, value: T) {
        *self = Self { value: Some(value), waiting: None, failure: None };
    }

    /// What is there, new or old.
    pub const fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Whether a request is under way.
    pub const fn is_loading(&self) -> bool {
        self.waiting.is_some()
    }

    /// Why the newest finished request failed.
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::pane::PaneId;

    #[test]
    fn remote_keeps_old_values_and_drops_stale_replies() {
        let ticket = |number| Ticket { pane: PaneId::Tools, number };
        let mut remote = Remote::default();
        remote.ask(ticket(1));
        remote.ask(ticket(2));
        assert!(!remote.accept(ticket(1), Ok(1)), "an old reply");
        assert_eq!((remote.value(), remote.is_loading()), (None, true));
        assert!(remote.accept(ticket(2), Ok(2)));
        remote.ask(ticket(3));
        assert_eq!((remote.value(), remote.is_loading()), (Some(&2), true), "old rows stay while reloading");
        assert!(remote.accept(ticket(3), Err(Failure::new("gone"))));
        assert_eq!((remote.value(), remote.failure().map(|f| f.message.as_str())), (Some(&2), Some("gone")));
        assert!(!remote.accept(ticket(3), Ok(4)), "answered already");
    }
}
