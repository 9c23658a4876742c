//! Waiting before the next try, and knowing when to give up.

use super::{
    drain::{change, notes_of},
    spool::Spool,
};
use std::time::Duration;
use tokio::signal::unix::Signal;

/// Pauses between tries, from a tenth of a second to a minute.
pub(super) struct Pause(Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paused {
    Over,
    /// Told to end, or there is nothing left to do it with.
    GiveUp,
}

impl Pause {
    pub(super) const fn new() -> Self {
        Self(Duration::from_millis(100))
    }

    /// A spool that somebody removed with everything in it is no reason to stay; one whose calculation was deleted is
    /// seen to at once, and so is one that was told to end at once.
    pub(super) async fn wait(&mut self, spool: &Spool, terminate: &mut Signal) -> Paused {
        let pause = self.0;
        self.0 = (pause * 2).min(Duration::from_mins(1));
        let said = || [spool.is_forgotten(), spool.is_asked_to_end_now(), !spool.folder().exists()];
        let before = said();
        let noted = async {
            let mut notes = notes_of(spool.folder());
            while said() == before {
                change(&mut notes).await;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = noted => {}
            _ = terminate.recv() => return Paused::GiveUp,
        }
        if spool.folder().exists() { Paused::Over } else { Paused::GiveUp }
    }
}

/// How long an engine may be away without a break; after that, the next start of mecapy goes on with the run.
pub(super) fn engine_patience() -> Duration {
    crate::faults::patience(Duration::from_mins(30))
}
