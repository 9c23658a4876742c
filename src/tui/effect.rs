//! What the screen asks of the world: plain data that tests compare and the executor runs.

use super::pane::PaneId;
use crate::domain::{
    calculation::NewCalculation,
    id::{CalculationId, ToolId},
    page::{CalculationQuery, PageRequest},
};

/// Names one request, so that its replies find who asked and stale ones are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Who asked, and alone hears the reply.
    pub pane: PaneId,
    /// Never given twice.
    pub number: u64,
}

/// What a request competes for: a newer request of the same slot cancels the older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// Never cancelled: what changes something runs to its end.
    Free,
    /// The window of a pane's list.
    List(PaneId),
    /// The total of a pane's list.
    Count(PaneId),
    /// The one thing that a pane shows.
    Detail(PaneId),
    /// Events of the run that the monitor shows; replies until cancelled.
    Watch,
    /// Log lines in the monitor's window.
    LogLines,
    /// A search through a log.
    LogSearch,
    /// Finding the lines of a log that a filter leaves.
    LogFilter,
    /// The autosaved draft of the editor.
    Draft,
}

/// One request to the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Run it; its replies carry the ticket.
    Start {
        /// Whose reply it is.
        ticket: Ticket,
        /// What it competes for.
        slot: Slot,
        /// What to do.
        request: Request,
    },
    /// Stop what runs in the slot; no reply comes.
    Cancel(Slot),
    /// Send text to the terminal's clipboard (OSC 52); nobody can know whether it arrived.
    Copy(String),
    /// Hand the terminal to `$VISUAL`/`$EDITOR`; answered by [`super::msg::Reply::Edited`].
    OpenEditor {
        /// Whose reply it is.
        ticket: Ticket,
        /// What to edit.
        text: String,
        /// Names the temporary file, so that the editor knows the language: `py`, `json`.
        extension: &'static str,
        /// Where to put the cursor, from 1.
        line: u32,
    },
    /// Ring the bell and send a notification (OSC 9).
    Notify(String),
    /// Turn mouse reports on or off.
    Mouse(bool),
    /// Draw everything anew.
    Redraw,
    /// Ctrl-Z: give the terminal back to the shell until it continues us.
    Suspend,
    /// Remember that the person agreed to work in a database that keeps nobody apart.
    Agree,
    /// Leave.
    Quit,
}

/// What a task is to do. The reply it gives is named beside it.
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
    /// Follow a calculation's run: `Reply::Live` now and at each change, `Reply::LogLength` when its log grew.
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
        path: std::path::PathBuf,
    },
    /// Waiting and running calculations, newest first: `Reply::Calculations`.
    ListActive,
    /// The user's own figures and the newest calculations: `Reply::Figures`.
    LoadFigures,
    /// How the database feels: `Reply::Health`.
    LoadHealth,
}

impl Request {
    /// Whether it changes the database: what `--read-only` refuses.
    pub const fn changes_rows(&self) -> bool {
        matches!(
            self,
            Self::SaveCalculation { .. }
                | Self::Submit { .. }
                | Self::RunAgain(_)
                | Self::Stop { .. }
                | Self::StopAll(_)
                | Self::DeleteCalculations(_)
        )
    }
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
