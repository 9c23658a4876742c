//! Runs that begin and end beside the screen: its own, those of other screens and of the command line.
//!
//! A run has a folder in the spool while it lives. The kernel tells when one appears; nothing is asked meanwhile.

use super::sandbox_check::SandboxCheck;
use crate::{
    domain::id::{CalculationId, RunId},
    runs::{Event, Watch, notify::Notify, spool::Spool},
    session::Session,
    tui::msg::Msg,
};
use inotify::WatchMask;
use std::{collections::HashSet, fs, io, os::unix::fs::DirBuilderExt as _, path::Path, sync::Arc};
use tokio::sync::mpsc;

/// Attends to every run of this database until the queue is gone.
pub async fn attend(session: Session, queue: mpsc::Sender<Msg>, sandbox: Arc<SandboxCheck>) {
    if let Err(error) = look_after(&session, &queue, &sandbox).await {
        // The lists are then refreshed by what this screen does, and by the key for it.
        tracing::warn!(%error, "runs of other programs go unnoticed");
    }
}

async fn look_after(session: &Session, queue: &mpsc::Sender<Msg>, sandbox: &Arc<SandboxCheck>) -> io::Result<()> {
    let root = session.config.paths.spool();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
    let mut notify = Notify::new([(root.as_path(), WatchMask::CREATE | WatchMask::MOVED_TO)])?;
    let mut known = HashSet::new();
    loop {
        let present: HashSet<RunId> = Spool::list(&root).map_err(io::Error::other)?.into_iter().collect();
        for run in &present - &known {
            let Some(id) = calculation(session, &root, run) else { continue };
            if queue.send(Msg::Changed).await.is_err() {
                return Ok(());
            }
            let (queue, sandbox, folder) = (queue.clone(), sandbox.clone(), crate::runs::folder(&root, run));
            tokio::spawn(async move { tell(&folder, id, &queue, &sandbox).await });
        }
        known = present;
        notify.changed().await;
    }
}

/// The calculation of a run, if it is one of this database.
fn calculation(session: &Session, root: &Path, run: RunId) -> Option<CalculationId> {
    let request = Spool::of(root, run).request().ok()?;
    request.belongs_to(&session.db).then_some(request.calculation)
}

/// Tells each change of a run's state, and its end once it is in the database.
async fn tell(folder: &Path, id: CalculationId, queue: &mpsc::Sender<Msg>, sandbox: &SandboxCheck) {
    let Ok(mut watch) = Watch::steps(folder) else { return };
    let mut status = None;
    while let Some(event) = watch.next().await {
        let msg = match event {
            Event::State(state) if status.replace(state.status) != Some(state.status) => {
                sandbox.request_if_unavailable();
                Msg::Changed
            }
            Event::Delivered => Msg::RunEnded(id),
            _ => continue,
        };
        if queue.send(msg).await.is_err() {
            return;
        }
    }
}
