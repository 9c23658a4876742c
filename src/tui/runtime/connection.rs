//! Whether the database answers: looked at when a request failed or is late, and told until it answers again.

use crate::{session::Session, tui::msg::Msg};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// The pauses between two looks whether it is back: from the first to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Finds out whether the database answers.
pub struct ConnectionCheck {
    session: Session,
    queue: mpsc::Sender<Msg>,
    is_running: Arc<AtomicBool>,
}

impl ConnectionCheck {
    /// A check of this session's database, which tells `queue`.
    pub fn new(session: Session, queue: mpsc::Sender<Msg>) -> Self {
        Self { session, queue, is_running: Arc::default() }
    }

    /// Checks in a task, unless one does already. An embedded file is never away.
    pub fn start(&self) {
        if !self.session.db.is_shared() || self.is_running.swap(true, Ordering::AcqRel) {
            return;
        }
        let (session, queue, is_running) = (self.session.clone(), self.queue.clone(), self.is_running.clone());
        tokio::spawn(async move {
            let mut pause = PAUSE;
            let mut is_lost = false;
            while let Some(error) = session.db.trouble().await {
                if !is_lost && queue.send(Msg::ConnectionLost(error.to_string())).await.is_err() {
                    return;
                }
                is_lost = true;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            is_running.store(false, Ordering::Release);
            if is_lost {
                let _ = queue.send(Msg::ConnectionRestored).await;
            }
        });
    }
}
