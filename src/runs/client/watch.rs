//! Watching a run from outside: its spool folder tells, nobody asks.

use crate::{
    domain::{id::RunId, run_state::RunState},
    runs::{
        notify::Notify,
        spool::{Final, Spool, SpoolError},
    },
};
use inotify::WatchMask;
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::Instant;

/// The shortest time between two words about a log that grows line by line,
const QUICK: Duration = Duration::from_millis(50);

/// and the longest, while it grows faster than anybody reads.
const SLOW: Duration = Duration::from_millis(400);

/// Bytes of a log between two words about it that are more than a screen shows: a flood.
const FLOOD: u64 = 32 << 10;

/// The steps of a life: files that are replaced, and the folder's end.
const STEPS: WatchMask = WatchMask::MOVED_TO.union(WatchMask::CLOSE_WRITE).union(WatchMask::MOVE_SELF);

/// What a watched run did.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Its live state changed.
    State(Box<RunState>),
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
    state: Option<RunState>,
    /// How far the log was told, and how fast it is told on; `None` where nobody wants to know.
    log: Option<(u64, Pace)>,
    /// Whether growing files wake, too.
    listening: bool,
    ended: bool,
    unsupervised: bool,
    over: bool,
}

/// The spool folder of a run below `root`.
pub fn folder(root: &Path, run: RunId) -> PathBuf {
    Spool::of(root, run).folder().to_owned()
}

impl Watch {
    /// Watches the spool in `folder`; one that is not there was delivered.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        Self::with(folder, Some((0, Pace::default())))
    }

    /// The same without a word about the log, however fast it grows.
    pub fn steps(folder: &Path) -> Result<Self, SpoolError> {
        Self::with(folder, None)
    }

    fn with(folder: &Path, log: Option<(u64, Pace)>) -> Result<Self, SpoolError> {
        let notify = match Notify::new([(folder, STEPS)]) {
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
        let (state, listening, ended, unsupervised) = (None, false, false, false);
        Ok(Self { spool, notify, state, log, listening, ended, unsupervised, over })
    }

    /// The next thing that happened; `None` after [`Event::Delivered`]. Cancel safe.
    ///
    /// The first bytes of output are told at once, those behind them together; a flood a few times a second. Nothing else
    /// waits for that.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let quiet = self.log.as_ref().and_then(|(_, pace)| pace.quiet_until(Instant::now()));
            // Before the look, so that nothing comes between the two.
            self.listen(self.log.is_some() && quiet.is_none());
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
            let Some(notify) = &mut self.notify else { continue };
            match quiet {
                Some(until) => _ = tokio::time::timeout_at(until, notify.changed()).await,
                None => notify.changed().await,
            }
        }
    }

    /// Whether growing files wake: while the log is not to be told, its writer need not say each time that it writes.
    fn listen(&mut self, listening: bool) {
        if let Some(notify) = &self.notify
            && std::mem::replace(&mut self.listening, listening) != listening
        {
            let mask = if listening { STEPS | WatchMask::MODIFY } else { STEPS };
            notify.watch_for(self.spool.folder(), mask);
        }
    }

    /// What is new, the first of it.
    fn look(&mut self) -> Option<Event> {
        // What a reader would miss: files that are replaced or removed while it looks are looked at again.
        if !self.spool.folder().is_dir() {
            return Some(Event::Delivered);
        }
        if let Ok(Some(state)) = self.spool.state()
            && !self.state.as_ref().is_some_and(|before| is_same(before, &state))
        {
            self.state = Some(state.clone());
            return Some(Event::State(Box::new(state)));
        }
        // The end first: a log that is looked at after it is whole.
        let end = if self.ended { None } else { self.spool.outcome().ok().flatten() };
        if let Some((told, pace)) = &mut self.log {
            let size = self.spool.log_size();
            let now = Instant::now();
            if size > *told && (end.is_some() || pace.quiet_until(now).is_none()) {
                pace.told(size - *told, now);
                *told = size;
                return Some(Event::Log(size));
            }
        }
        if let Some(end) = end {
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

/// Whether nothing changed but what the log itself tells.
fn is_same(before: &RunState, state: &RunState) -> bool {
    *before == RunState { log_bytes: before.log_bytes, ..state.clone() }
}

/// How fast a growing log is told: each line soon, a flood seldom.
#[derive(Clone, Copy, Debug)]
struct Pace {
    pause: Duration,
    told: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pause: QUICK, told: None }
    }
}

impl Pace {
    /// Until when nothing is told, where it is too early now.
    fn quiet_until(&self, now: Instant) -> Option<Instant> {
        self.told.map(|told| told + self.pause).filter(|until| *until > now)
    }

    /// It was told that the log grew by so much.
    fn told(&mut self, grown: u64, now: Instant) {
        self.pause = if grown < FLOOD { QUICK } else { (self.pause * 2).min(SLOW) };
        self.told = Some(now);
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
