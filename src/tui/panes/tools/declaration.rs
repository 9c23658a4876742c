//! What the pane tells the program of itself: its tab, its commands, what it does for others.

use super::Tools;
use crate::tui::{
    action::{Action, Command, Context},
    pane::{Intent, PaneId, PaneSpec},
};

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: ID,
    title: "Tools",
    short_title: "Tools",
    doc: "The tools",
    contexts: &[CONTEXT],
    takes: |intent| matches!(intent, Intent::ChooseTool),
    make: || Box::<Tools>::default(),
};

pub(super) const ID: PaneId = PaneId("tools");

/// The catalogue.
pub(super) const CONTEXT: Context = Context {
    name: "tools",
    title: "Tools",
    commands: &[
        Command::new(Action::Open, "use", &["enter", "n"], "Make a calculation from it").hint("make a calculation"),
        Command::new(Action::Filter, "filter", &["/"], "Only tools that contain a text").hint("filter"),
        Command::new(Action::Copy, "copy", &["y"], "Copy its code to the clipboard").hint("copy code"),
        Command::new(Action::Zoom, "zoom", &["z"], "Give the detail the whole body, or take it back"),
        Command::new(Action::Reload, "reload", &["ctrl-r"], "Load the list again"),
    ],
};
