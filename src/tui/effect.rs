//! What the screen asks of the world: plain data that tests compare and the executor runs.

use super::{pane::PaneId, request::Request};

/// Names one request, so that its replies find who asked and stale ones are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Who asked, and alone hears the reply.
    pub pane: PaneId,
    /// Never given twice.
    pub number: u64,
}

/// What a request competes for, as its [`super::policy::Order`] says.
///
/// A pane has as many as it likes: their names are constants beside its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Whose it is: panes never compete with each other.
    pub pane: PaneId,
    /// Which one of the pane's.
    pub name: &'static str,
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
    /// Stop everything in the slot, whatever its order; no reply comes.
    Cancel(Slot),
    /// Send text to the terminal's clipboard (OSC 52); nobody can know whether it arrived.
    Copy(String),
    /// Hand the terminal to `$VISUAL`/`$EDITOR`; answered by [`super::request::Reply::Edited`].
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
