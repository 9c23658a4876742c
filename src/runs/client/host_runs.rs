//! The runs of this host, whoever submitted them: when they begin, change and are recorded.
//!
//! A run has a folder in the spool while it lives. The kernel tells when one appears; nothing is asked meanwhile.

use super::watch::{Event, Watch};
use crate::{
    domain::id::{CalculationId, RunId},
    runs::{
        notify::Notify,
        spool::{Spool, SpoolError, make_private},
    },
    session::Session,
};
use inotify::WatchMask;
use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

/// What happened to a run of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostRun {
    /// It was submitted, or it was there at first.
    Began,
    /// Its status changed.
    Changed,
    /// Its end is in the database.
    Recorded(CalculationId),
}

/// Tells of every run of this host and of the session's database.
#[derive(Debug)]
pub struct HostRuns {
    session: Session,
    root: PathBuf,
    notify: Notify,
    known: HashSet<RunId>,
    sender: mpsc::Sender<HostRun>,
    events: mpsc::Receiver<HostRun>,
}

/// The runs below `root` that are not recorded yet, oldest first.
pub fn spooled(root: &Path) -> Result<Vec<RunId>, SpoolError> {
    Spool::list(root)
}

impl HostRuns {
    /// Begins to watch the host's spool.
    pub fn open(session: Session) -> io::Result<Self> {
        let root = session.config.paths.spool();
        make_private(&root)?;
        let notify = Notify::new([(root.as_path(), WatchMask::CREATE | WatchMask::MOVED_TO)])?;
        // Small: each run waits until what it told was taken.
        let (sender, events) = mpsc::channel(1);
        let mut runs = Self { session, root, notify, known: HashSet::new(), sender, events };
        runs.look()?;
        Ok(runs)
    }

    /// What happens next. Cancel safe.
    pub async fn next(&mut self) -> io::Result<HostRun> {
        loop {
            tokio::select! {
                Some(event) = self.events.recv() => return Ok(event),
                () = self.notify.changed() => self.look()?,
            }
        }
    }

    /// Watches the runs that are new.
    fn look(&mut self) -> io::Result<()> {
        let present: HashSet<RunId> = Spool::list(&self.root).map_err(io::Error::other)?.into_iter().collect();
        for run in &present - &self.known {
            if let Some(id) = self.calculation(run) {
                let (folder, sender) = (Spool::of(&self.root, run).folder().to_owned(), self.sender.clone());
                tokio::spawn(async move { watch(&folder, id, &sender).await });
            }
        }
        self.known = present;
        Ok(())
    }

    /// The calculation of a run, if it is one of this database.
    fn calculation(&self, run: RunId) -> Option<CalculationId> {
        let request = Spool::of(&self.root, run).request().ok()?;
        request.belongs_to(&self.session.db).then_some(request.calculation)
    }
}

/// Tells that a run began, each change of its status, and its end once it is in the database; until nobody listens.
async fn watch(folder: &Path, id: CalculationId, sender: &mpsc::Sender<HostRun>) {
    if sender.send(HostRun::Began).await.is_err() {
        return;
    }
    let Ok(mut watch) = Watch::steps(folder) else { return };
    let mut status = None;
    while let Some(event) = watch.next().await {
        let event = match event {
            Event::State(state) if status.replace(state.status) != Some(state.status) => HostRun::Changed,
            Event::Delivered => HostRun::Recorded(id),
            _ => continue,
        };
        if sender.send(event).await.is_err() {
            return;
        }
    }
}
