//! Waiting: for a note, for a moment, for the next try; and knowing when to give up.

use crate::runs::{notify::Notify, spool::Spool};
use inotify::WatchMask;
use std::{
    path::Path,
    time::{Duration, Instant},
};
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
        let said = || [spool.is_deleted(), spool.is_asked_to_end_now(), !spool.folder().exists()];
        let before = said();
        let noted = async {
            let mut notes = watch_notes(spool.folder());
            while said() == before {
                note_left(&mut notes).await;
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

/// Wakes at what others put into a spool, and when it goes.
///
/// That it goes is told by the folder above: a folder in which files are open is not told to be removed itself.
pub(super) fn watch_notes(spool: &Path) -> Option<Notify> {
    let above = spool.parent().unwrap_or(spool);
    Notify::new([(spool, WatchMask::CREATE), (above, WatchMask::DELETE | WatchMask::MOVED_FROM)]).ok()
}

pub(super) async fn note_left(notify: &mut Option<Notify>) {
    match notify {
        Some(notify) => notify.changed().await,
        None => tokio::time::sleep(Duration::from_secs(1)).await,
    }
}

pub(super) async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
