//! What the pane tells the program of itself: its tab, its commands, what it does for others.

use super::Calculations;
use crate::tui::{
    action::{Action, Command, Context},
    pane::{Intent, PaneId, PaneSpec},
};

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: ID,
    title: "Calculations",
    short_title: "Calc",
    doc: "The calculations",
    contexts: &[CONTEXT],
    takes: |intent| matches!(intent, Intent::Show(_)),
    make: || Box::<Calculations>::default(),
};

pub(super) const ID: PaneId = PaneId("calculations");

/// A new calculation from a tool.
pub(super) const FROM_TOOL: Action = Action::Own("from-tool");
/// Run it.
pub(super) const RUN: Action = Action::Own("run");
/// An edited copy, every setting copied.
pub(super) const RUN_EDITED: Action = Action::Own("run-edited");
/// Edit it while it was not started.
pub(super) const EDIT: Action = Action::Own("edit");
/// Stop it.
pub(super) const STOP: Action = Action::Own("stop");
/// Watch its run.
pub(super) const WATCH: Action = Action::Own("watch");
/// Choose which states to show.
pub(super) const FILTER_STATUS: Action = Action::Own("filter-status");
/// Choose the order.
pub(super) const SORT: Action = Action::Own("sort");

/// The list of calculations and its detail.
pub(super) const CONTEXT: Context = Context {
    name: "calculations",
    title: "Calculations",
    commands: &[
        Command::new(Action::Open, "open", &["enter"], "Open: the run while it lives, else the result").hint("open"),
        Command::new(RUN, "run", &["r", "f5"], "Run it; a finished one is run again as a copy").hint("run"),
        Command::new(Action::New, "new", &["n"], "Write a new calculation").hint("new"),
        Command::new(FROM_TOOL, "from-tool", &["t"], "Make a calculation from a tool").hint("from tool"),
        Command::new(RUN_EDITED, "run-edited", &["R"], "Edit a copy, every setting copied").hint("re-run edited"),
        Command::new(EDIT, "edit", &["e"], "Edit it while it was not started").hint("edit"),
        Command::new(STOP, "stop", &["x"], "Stop it, or the marked ones, after a question").hint("stop"),
        Command::new(Action::Filter, "filter", &["/"], "Only names that contain a text").hint("filter"),
        Command::new(FILTER_STATUS, "filter-status", &["s"], "Choose which states to show").hint("states"),
        Command::new(SORT, "sort", &["o"], "Choose the order").hint("sort"),
        Command::new(Action::Mark, "mark", &["space"], "Mark or unmark it").hint("mark"),
        Command::new(Action::Delete, "delete", &["D"], "Delete it, or the marked ones, after a question")
            .hint("delete"),
        Command::new(WATCH, "watch", &["w"], "Watch its run and read its log").hint("log"),
        Command::new(Action::Zoom, "zoom", &["z"], "Give the detail the whole body, or take it back"),
        Command::new(Action::Copy, "copy", &["y"], "Copy its result to the clipboard"),
        Command::new(Action::Reload, "reload", &["ctrl-r"], "Load the list again"),
    ],
};
