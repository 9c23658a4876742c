//! One module a pane: `declaration.rs` says what it is called, its commands and what it does for others, `mod.rs` holds
//! state and update, `view.rs` draws. No pane names another.

pub mod calculations;
pub mod editor;
pub mod monitor;
pub mod stats;
pub mod tools;

#[cfg(test)]
mod tests;

use super::pane::PaneSpec;

/// The panes, in the order of their tabs; the first is in front at the start.
pub const PANES: &[&PaneSpec] = &[&calculations::PANE, &tools::PANE, &editor::PANE, &monitor::PANE, &stats::PANE];
