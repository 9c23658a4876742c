//! The requests, how each is run, and the replies they give.
//!
//! To add one: its variant, its [`Policy`], its [`Reply`] and, where that holds a value of a new kind, a line in the
//! table below; then the arm that runs it in `runtime/requests`.

use super::{
    msg::{Failure, LogFiltered, LogLine},
    policy::{Order, Policy},
};
use crate::domain::{
    calculation::{CalculationRow, NewCalculation},
    detail::CalculationDetail,
    id::{CalculationId, RunId, ToolId},
    page::{CalculationQuery, Page, PageRequest},
    run_state::RunState,
    statistics::{Figures, Health},
    tool::Tool,
};
use std::{path::PathBuf, time::Duration};

/// How long a selection must rest before its detail is read.
const REST: Duration = Duration::from_millis(60);

/// What a task is to do. The replies it gives are named beside it.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// A window of the list of calculations: `Reply::Calculations`.
    ListCalculations {
        /// Which rows, in which order.
        query: CalculationQuery,
        /// Which window.
        page: PageRequest,
    },
    /// How many there are: `Reply::Count`.
    CountCalculations(CalculationQuery),
    /// One with everything that belongs to it: `Reply::Calculation`.
    LoadCalculation(CalculationId),
    /// The same of the one that a list's selection rests on: `Reply::Calculation`.
    LoadSelected(CalculationId),
    /// Save a calculation, new (`id` is `None`) or a draft not yet started: `Reply::Saved`.
    SaveCalculation {
        /// The row to change.
        id: Option<CalculationId>,
        /// Everything in it.
        calculation: Box<NewCalculation>,
        /// Queue a run of it, too: `Reply::Submitted` instead, or `Reply::NotStarted`.
        run: bool,
    },
    /// Queue a run of a calculation not yet started: `Reply::Submitted`, or `Reply::ImageMissing` where its image is
    /// not here.
    Submit {
        /// Which one.
        id: CalculationId,
        /// Fetch the image where it is not here.
        pull: bool,
    },
    /// Make a copy of a finished one and queue that: `Reply::Submitted` with the copy, or `Reply::NotStarted`.
    RunAgain(CalculationId),
    /// Stop a waiting or running one: `Reply::Done`.
    Stop {
        /// The calculation.
        id: CalculationId,
        /// Without a grace, or without what is left of it.
        now: bool,
    },
    /// Stop these, gently at first, those that were told before at once: `Reply::Stopped`.
    StopAll(Vec<CalculationId>),
    /// Delete them with their outputs and logs: `Reply::Deleted`. Running ones are refused.
    DeleteCalculations(Vec<CalculationId>),
    /// A window of the catalogue: `Reply::Tools`.
    ListTools {
        /// Only names that contain this.
        text: String,
        /// Which window.
        page: PageRequest,
    },
    /// One tool: `Reply::Tool`.
    LoadTool(ToolId),
    /// Keep the editor's unsaved text where a dropped connection does not reach: `Reply::DraftKept`.
    KeepDraft(Box<Draft>),
    /// Forget the kept text: `Reply::Done`.
    ForgetDraft(DraftKey),
    /// The texts kept by earlier sessions, newest first: `Reply::Drafts`.
    ListDrafts,
    /// Follow a calculation's run: `Reply::Live` now and at each change, `Reply::LogLength` when its log grew, and
    /// `Reply::Done` when it is over.
    Watch(CalculationId),
    /// Lines of its log: `Reply::LogLines`.
    LogLines {
        /// Whose log.
        id: CalculationId,
        /// The first line, from 0.
        from: u64,
        /// At most so many.
        count: u32,
    },
    /// Lines that contain the text, whatever its case: `Reply::LogMatches`.
    SearchLog {
        /// Whose log.
        id: CalculationId,
        /// What to look for.
        text: String,
        /// At most so many line numbers are given back; the count is always whole.
        limit: u32,
        /// Only lines with this text count, and are numbered among themselves.
        within: Option<String>,
    },
    /// Which lines of its log have a text, from one line on, a few megabytes far: `Reply::LogFiltered`.
    FilterLog {
        /// Whose log.
        id: CalculationId,
        /// What the lines have, whatever its case.
        text: String,
        /// The first line to look at, from 0.
        from: u64,
    },
    /// Lines of its log that have a text: `Reply::LogLines`.
    FilteredLines {
        /// Whose log.
        id: CalculationId,
        /// What the lines have.
        text: String,
        /// From which line on, and how many; one after the other.
        parts: Vec<(u64, u32)>,
    },
    /// Write the whole log to a file of the user: `Reply::Written`.
    ExportLog {
        /// Whose log.
        id: CalculationId,
        /// Where to; never over an existing file.
        path: PathBuf,
    },
    /// Waiting and running calculations, newest first: `Reply::Calculations`.
    ListActive,
    /// The user's own figures and the newest calculations: `Reply::Figures`.
    LoadFigures,
    /// The size, load and upkeep of the database: `Reply::Health`.
    LoadHealth,
}

impl Request {
    /// How it is run.
    pub const fn policy(&self) -> Policy {
        match self {
            Self::ListCalculations { .. }
            | Self::CountCalculations(_)
            | Self::LoadCalculation(_)
            | Self::ListTools { .. }
            | Self::LoadTool(_)
            | Self::LogLines { .. }
            | Self::SearchLog { .. }
            | Self::FilterLog { .. }
            | Self::FilteredLines { .. }
            | Self::ListActive
            | Self::LoadFigures
            | Self::LoadHealth => Policy::READ,
            Self::LoadSelected(_) => Policy { debounce: REST, ..Policy::READ },
            Self::Watch(_) => Policy::FOLLOW,
            Self::SaveCalculation { .. }
            | Self::Submit { .. }
            | Self::RunAgain(_)
            | Self::Stop { .. }
            | Self::StopAll(_)
            | Self::DeleteCalculations(_) => Policy::CHANGE,
            Self::ExportLog { .. } => Policy::WRITE,
            Self::ListDrafts => Policy { checks_database: false, ..Policy::READ },
            // One after the other, so that an older text never comes out on top.
            Self::KeepDraft(_) | Self::ForgetDraft(_) => {
                Policy { order: Order::InTurn, checks_database: false, ..Policy::WRITE }
            }
        }
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
    /// The size, load and upkeep of the database.
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
    Written(PathBuf),
    /// The text as `$EDITOR` left it; `None` where it is unchanged.
    Edited(Option<String>),
    /// Done.
    Done,
}

impl Reply {
    /// The value of the kind that was asked for; another kind is [`Self::unexpected`].
    pub fn value<T: FromReply>(self) -> Result<T, Failure> {
        T::from_reply(self).map_err(|other| other.unexpected())
    }

    /// The failure to show for a reply that nobody asked for: a fault of the program, and in the log.
    pub fn unexpected(&self) -> Failure {
        // Its name alone: what it holds is the user's.
        let whole = format!("{self:?}");
        let reply = whole.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        tracing::error!(reply, "a reply of a kind that was not asked for");
        Failure::new("mecapy answered itself something else than was asked for; the log file says what")
    }

    /// Why a reply is of none of the kinds that were asked for: its failure, or [`Self::unexpected`].
    pub fn failed(reply: Result<Self, Failure>) -> Failure {
        reply.map_or_else(|failure| failure, |other| other.unexpected())
    }

    /// What failed although something else was done.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::NotStarted(_, failure) => Some(failure),
            _ => None,
        }
    }

    /// Whether a run was asked for and is not queued.
    pub const fn is_not_started(&self) -> bool {
        matches!(self, Self::NotStarted(..) | Self::ImageMissing(..))
    }
}

/// What one kind of reply holds.
pub trait FromReply: Sized {
    /// Takes it out; a reply of another kind comes back as it is.
    fn from_reply(reply: Reply) -> Result<Self, Reply>;
}

/// `type: reply => value;` for each kind that is asked for alone.
macro_rules! kinds {
    ($($type:ty: $reply:pat => $value:expr;)*) => {
        $(impl FromReply for $type {
            fn from_reply(reply: Reply) -> Result<Self, Reply> {
                match reply {
                    $reply => Ok($value),
                    other => Err(other),
                }
            }
        })*
    };
}

kinds! {
    Page<CalculationRow>: Reply::Calculations(page) => page;
    u64: Reply::Count(count) => count;
    CalculationDetail: Reply::Calculation(detail) => *detail;
    Page<Tool>: Reply::Tools(page) => page;
    DraftKey: Reply::DraftKept(key) => key;
    Vec<Draft>: Reply::Drafts(drafts) => drafts;
    Figures: Reply::Figures(figures) => *figures;
    Health: Reply::Health(health) => *health;
    Vec<LogLine>: Reply::LogLines(lines) => lines;
    (Vec<u64>, u64): Reply::LogMatches(lines, total) => (lines, total);
    LogFiltered: Reply::LogFiltered(found) => found;
    Option<String>: Reply::Edited(text) => text;
}

/// Which unsaved text: of a saved calculation, or of a new one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftKey {
    /// Edits of this row.
    Saved(CalculationId),
    /// A calculation that is no row yet; named when it was begun.
    New(uuid::Uuid),
}

/// The editor's unsaved text.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Draft {
    /// Which.
    pub key: DraftKey,
    /// UTC, when it was kept.
    pub kept_at: chrono::NaiveDateTime,
    /// Everything typed so far, valid or not.
    pub calculation: NewCalculation,
}
