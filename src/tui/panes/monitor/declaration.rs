//! What the pane tells the program of itself: its tab, its commands, what it does for others.

use super::MonitorPane;
use crate::tui::{
    action::{Action, Command, Context},
    pane::{Intent, PaneId, PaneSpec},
};

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: ID,
    title: "Monitor",
    short_title: "Monitor",
    doc: "The runs",
    contexts: &[CONTEXT],
    takes: |intent| matches!(intent, Intent::Watch(_)),
    make: || Box::<MonitorPane>::default(),
};

pub(super) const ID: PaneId = PaneId("monitor");

/// Stop it.
pub(super) const STOP: Action = Action::Own("stop");
/// Follow the end of the log.
pub(super) const FOLLOW: Action = Action::Own("follow");
/// Only the lines that contain a text.
pub(super) const FILTER_LINES: Action = Action::Own("filter-lines");
/// Wrap long lines.
pub(super) const WRAP: Action = Action::Own("wrap");
/// Show when each line arrived.
pub(super) const TIMES: Action = Action::Own("times");
/// An edited copy, every setting copied.
pub(super) const RUN_EDITED: Action = Action::Own("run-edited");
/// Go to the code.
pub(super) const EDIT: Action = Action::Own("edit");
/// Write the log to a file.
pub(super) const EXPORT: Action = Action::Own("export");

/// Runs and their logs.
pub(super) const CONTEXT: Context = Context {
    name: "monitor",
    title: "Monitor",
    commands: &[
        Command::new(STOP, "stop", &["x"], "Stop it: gently, then by force").hint("stop"),
        Command::new(FOLLOW, "follow", &["f"], "Follow the end of the log").hint("follow"),
        Command::new(Action::Open, "open", &["enter"], "The log; then the result, or the line that failed")
            .hint("open"),
        Command::new(Action::Find, "find", &["/"], "Find text in the log").hint("find"),
        Command::new(Action::FindNext, "find-next", &["n"], "The next match"),
        Command::new(Action::FindPrevious, "find-previous", &["N"], "The match before"),
        Command::new(FILTER_LINES, "filter-lines", &["&"], "Only lines with a text; Esc goes back to where one stands")
            .hint("only lines"),
        Command::new(WRAP, "wrap", &["w"], "Wrap long lines").hint("wrap"),
        Command::new(TIMES, "times", &["t"], "Show when each line arrived").hint("times"),
        Command::new(Action::Zoom, "zoom", &["z"], "Only the log").hint("zoom"),
        Command::new(RUN_EDITED, "run-edited", &["R"], "Edit a copy, every setting copied").hint("re-run edited"),
        Command::new(EDIT, "edit", &["e"], "Go to the code, at the line of the error"),
        Command::new(Action::Copy, "copy", &["y"], "Copy the visible lines of the log"),
        Command::new(EXPORT, "export", &["s"], "Write the log to a file"),
    ],
};
