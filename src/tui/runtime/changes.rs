//! Changes to the rows become messages: the lists follow what other programs do.

use crate::{
    db::{
        DbError,
        changes::{Change, Changes},
    },
    tui::msg::Msg,
};
use std::time::Duration;
use tokio::sync::mpsc;

/// A stream of changes reloads a list no more often; they add up meanwhile.
const PACE: Duration = Duration::from_millis(300);

/// Tells the screen what the database tells, until either is gone.
pub async fn tell_changes(changes: Result<Changes, DbError>, queue: mpsc::Sender<Msg>) {
    let mut changes = match changes {
        Ok(changes) => changes,
        Err(error) => {
            tracing::warn!(%error, "changes of other programs go unnoticed");
            let _ = queue.send(Msg::Silent(Some(silence(&error.to_string())))).await;
            return;
        }
    };
    let mut is_silent = false;
    while let Some(change) = changes.next().await {
        let msg = match change {
            Change::Rows(kinds) => {
                if std::mem::take(&mut is_silent) && queue.send(Msg::Silent(None)).await.is_err() {
                    return;
                }
                Msg::Rows(kinds)
            }
            Change::Silent(why) => {
                tracing::warn!(why, "changes of other programs go unnoticed");
                is_silent = true;
                Msg::Silent(Some(silence(&why)))
            }
        };
        if queue.send(msg).await.is_err() {
            return;
        }
        if changes.pause(PACE).await {
            return;
        }
    }
}

fn silence(why: &str) -> String {
    format!("The lists do not follow other programs now: {why}. Ctrl-R loads again.")
}
