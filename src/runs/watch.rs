//! Watching a run from outside: its spool folder tells, nobody asks.

use super::{
    live::LiveState,
    log,
    notify::Notify,
    spool::{Final, Spool, SpoolError},
};
use crate::domain::id::RunId;
use inotify::WatchMask;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The shortest time between two looks: a flood of output wakes a screen no more often.
const PACE: Duration = Duration::from_millis(50);

/// What a watched run did.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Its live state changed.
    State(Box<LiveState>),
    /// Its log has this many bytes now.
    Log(u64),
    /// It ended like this; database and store are being told.
    Ended(Box<Final>),
    /// Its spool is gone: the end is in the database.
    Delivered,
    /// Its supervisor may be gone: nothing locks the spool any more.
    Unsupervised,
}

/// Tells what a run does, from what it is at first to its delivery.
#[derive(Debug)]
pub struct Watch {
    spool: Spool,
    notify: Option<Notify>,
    state: Option<LiveState>,
    log: u64,
    ended: bool,
    unsupervised: bool,
    over: bool,
    looked: Option<Instant>,
}

/// The spool folder of a run below `root`.
pub fn folder(root: &Path, run: RunId) -> PathBuf {
    Spool::of(root, run).folder().to_owned()
}

impl Watch {
    /// Watches the spool in `folder`; one that is not there was delivered.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        let mask = WatchMask::MODIFY | WatchMask::MOVED_TO | WatchMask::CLOSE_WRITE | WatchMask::MOVE_SELF;
        let notify = match Notify::new([(folder, mask)]) {
            Ok(notify) => Some(notify),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(SpoolError::Io { path: folder.to_owned(), source }),
        };
        let spool = match Spool::open(folder) {
            Err(SpoolError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            spool => Some(spool?),
        };
        let over = notify.is_none() || spool.is_none();
        let spool = spool.unwrap_or_else(|| Spool::at(folder));
        Ok(Self { spool, notify, state: None, log: 0, ended: false, unsupervised: false, over, looked: None })
    }

    /// The next thing that happened; `None` after [`Event::Delivered`]. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.look() {
                Some(Event::Delivered) if self.over && self.notify.is_none() => return None,
                Some(Event::Delivered) => {
                    self.over = true;
                    self.notify = None;
                    return Some(Event::Delivered);
                }
                Some(event) => return Some(event),
                None => {}
            }
            if let Some(notify) = &mut self.notify {
                // The first bytes of output are told at once, those right behind them together; all else at once.
                if !notify.changed_how().await {
                    let left = self.looked.map_or(Duration::ZERO, |looked| PACE.saturating_sub(looked.elapsed()));
                    tokio::time::sleep(left).await;
                }
                self.looked = Some(Instant::now());
            }
        }
    }

    /// What is new, the first of it.
    fn look(&mut self) -> Option<Event> {
        // What a reader would miss: files that are replaced or removed while it looks are looked at again.
        if !self.spool.folder().is_dir() {
            return Some(Event::Delivered);
        }
        if let Ok(Some(state)) = LiveState::read(&self.spool)
            && self.state.as_ref() != Some(&state)
        {
            self.state = Some(state.clone());
            return Some(Event::State(Box::new(state)));
        }
        let size = fs::metadata(self.spool.path(log::LOG)).map_or(0, |log| log.len());
        if size > self.log {
            self.log = size;
            return Some(Event::Log(size));
        }
        if !self.ended
            && let Ok(Some(end)) = self.spool.outcome()
        {
            self.ended = true;
            return Some(Event::Ended(Box::new(end)));
        }
        let unsupervised = !self.spool.is_locked();
        if unsupervised && !std::mem::replace(&mut self.unsupervised, unsupervised) {
            return Some(Event::Unsupervised);
        }
        self.unsupervised = unsupervised;
        None
    }
}
