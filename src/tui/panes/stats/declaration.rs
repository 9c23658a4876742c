//! What the pane tells the program of itself: its tab, its commands, what it does for others.

use super::Stats;
use crate::tui::{
    action::{Action, Command, Context},
    pane::{PaneId, PaneSpec},
};

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: ID,
    title: "Stats",
    short_title: "Stats",
    doc: "Own figures and the database's health",
    contexts: &[CONTEXT],
    takes: |_| false,
    make: || Box::<Stats>::default(),
};

pub(super) const ID: PaneId = PaneId("stats");

/// Figures.
pub(super) const CONTEXT: Context = Context {
    name: "stats",
    title: "Stats",
    commands: &[Command::new(Action::Reload, "reload", &["ctrl-r"], "Load the figures again").hint("load again")],
};
