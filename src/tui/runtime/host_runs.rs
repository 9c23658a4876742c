//! Runs that begin and end beside the screen: its own, those of other screens and of the command line.

use super::outlook::Outlook;
use crate::{
    runs::{HostRun, HostRuns},
    session::Session,
    tui::msg::Msg,
};
use std::{io, sync::Arc};
use tokio::sync::mpsc;

/// Tells the screen of every run of this host and database until the queue is gone.
pub async fn tell(session: Session, queue: mpsc::Sender<Msg>, outlook: Arc<Outlook>) {
    if let Err(error) = pass_on(session, &queue, &outlook).await {
        // The lists are then refreshed by what this screen does, and by the key for it.
        tracing::warn!(%error, "runs of other programs go unnoticed");
    }
}

async fn pass_on(session: Session, queue: &mpsc::Sender<Msg>, outlook: &Outlook) -> io::Result<()> {
    let mut runs = HostRuns::open(session)?;
    loop {
        let msg = match runs.next().await? {
            HostRun::Began => Msg::Changed,
            HostRun::Changed => {
                outlook.hope();
                Msg::Changed
            }
            HostRun::Recorded(id) => Msg::RunEnded(id),
        };
        if queue.send(msg).await.is_err() {
            return Ok(());
        }
    }
}
