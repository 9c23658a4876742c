//! The screen: everything that knows ratatui and crossterm.
//!
//! ```text
//! key -> keymap (context: top dialog, text field, focused pane) -> Action -> Pane::update -> Effect (plain data)
//!     -> runtime::executor runs it as a task, as its policy says -> Msg::Reply(ticket, ..) on one queue
//!     -> Pane::update drops what is stale -> one frame when the queue is empty and something changed
//! ```
//!
//! `runtime -> app -> panes -> widgets`. Panes, app and widgets are synchronous: no input or output, no tokio, no
//! database, no clock; the time comes with each message. No pane names another pane: a pane sends an
//! [`pane::Intent`] and the app delivers it, or hears a [`pane::Fact`] that the app tells everybody.
//!
//! # To add a pane
//!
//! 1. Give it a variant in [`pane::PaneId`] and a context in [`action::Context`].
//! 2. Declare its commands in [`action::COMMANDS`], once: hint bar, help, palette, `keymap.toml` and the README's
//!    table of keys all read that list.
//! 3. Declare what it asks of the world in [`request`], each [`request::Request`] with its [`policy::Policy`] and its
//!    [`request::Reply`], and run it in `runtime/requests`. The names of its slots are constants of the pane.
//! 4. Write `panes/<name>/` (`mod.rs` state and update, `view.rs` drawing, `tests.rs`) and implement [`pane::Pane`].
//! 5. Put it into the array of panes in `app`.
//!
//! Test it as `panes/tools/tests.rs` does: `testing::Bench` feeds keys and replies, collects
//! effects and gives the screen as text.

pub mod action;
pub mod app;
pub mod effect;
pub mod keymap;
pub mod msg;
pub mod pane;
pub mod panes;
pub mod policy;
pub mod remote;
pub mod request;
pub mod runtime;
#[cfg(test)]
pub mod testing;

pub mod theme;
pub mod widgets;

pub use runtime::{End, ScreenError, run};
