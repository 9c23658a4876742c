//! Runs that begin and end beside the screen: its own, those of other screens and of the command line.

use super::sandbox_check::SandboxCheck;
use crate::{
    runs::{HostRun, HostRuns},
    session::Session,
    tui::msg::Msg,
};
use std::{io, sync::Arc};
use tokio::sync::mpsc;

/// Reports to the screen every run of this host and database until the queue is gone.
pub async fn report(session: Session, queue: mpsc::Sender<Msg>, sandbox: Arc<SandboxCheck>) {
    if let Err(error) = pass_on(session, &queue, &sandbox).await {
        // The lists are then refreshed by what this screen does, and by the key for it.
        tracing::warn!(%error, "runs of other programs go unnoticed");
    }
}

async fn pass_on(session: Session, queue: &mpsc::Sender<Msg>, sandbox: &SandboxCheck) -> io::Result<()> {
    let mut runs = HostRuns::open(session)?;
    loop {
        let msg = match runs.next().await? {
            HostRun::Began => Msg::Changed,
            HostRun::Changed => {
                sandbox.request_if_unavailable();
                Msg::Changed
            }
            HostRun::Recorded(id) => Msg::RunEnded(id),
        };
        if queue.send(msg).await.is_err() {
            return Ok(());
        }
    }
}
