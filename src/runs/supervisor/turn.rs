//! Waiting for the run's turn, and for whoever stops it meanwhile.

use super::{
    life::{Life, Trouble},
    start,
    waiting::{note_left, watch_notes},
};
use crate::runs::queue::{self, Entry, Turn};

/// What came of waiting.
pub(super) enum Waited {
    Turn(Turn),
    Cancelled,
    /// This process is to end; the run stays queued.
    Terminated,
}

/// Waits for the turn.
pub(super) async fn wait(life: &mut Life) -> Result<Waited, Trouble> {
    let mut entry = Entry::of(&life.request)?;
    let mut left = watch_notes(life.spool.folder());
    let state = &mut life.state;
    let notes = entry.note().map(str::to_owned).into_iter().chain(start::note());
    state.change(|state| state.notes.extend(notes));
    let turn = entry.turn(|reason| {
        state.change(|state| state.waiting_reason = Some(reason.to_owned()));
        state.write();
    });
    tokio::pin!(turn);
    loop {
        if life.spool.is_asked_to_stop() {
            queue::leave(&life.request);
            return Ok(Waited::Cancelled);
        }
        if !life.spool.folder().exists() {
            return Ok(Waited::Terminated);
        }
        tokio::select! {
            turn = &mut turn => return Ok(Waited::Turn(turn?)),
            () = note_left(&mut left) => {}
            _ = life.terminate.recv() => return Ok(Waited::Terminated),
        }
    }
}
