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
//! 1. Write `panes/<name>/`: `declaration.rs` (a [`pane::PaneSpec`]: name, tab, contexts with their commands, the
//!    intents that it takes), `mod.rs` (state and update: implement [`pane::Pane`]), `view.rs`, `tests.rs`. An action that
//!    other panes know too is one of [`action::Action`]'s; the pane's own are constants, `Action::Own("follow")`.
//! 2. Name the module in [`panes`], and
//! 3. put its declaration into [`panes::PANES`], at the place of its tab. Digit key, help, hint bar, palette,
//!    `keymap.toml` and the table of keys in the README follow from that
//!    (`MECAPY_UPDATE_README=1 cargo test --test it the_readme_shows_the_keys` writes the table anew).
//! 4. Say what it asks of the world: a variant of [`request::Request`] with its [`policy::Policy`] and its
//!    [`request::Reply`], run in `runtime/requests`. What the program asks for already, as the list of calculations,
//!    needs nothing. The names of its slots are constants of the pane.
//!
//! What other panes may want of it is a variant of [`pane::Intent`]; a test holds that one pane takes each.
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
