//! A followed run that nobody supervises is looked after, once it has been so for a moment.

use crate::{
    domain::id::RunId,
    runs::client::reconcile::{RestoreError, Restored, restore},
    session::Session,
};
use std::{future::pending, time::Duration};
use tokio::{task::JoinHandle, time::Instant};

/// How long a run may be without a supervisor before it is looked after: one may just be starting.
const STARTING: Duration = Duration::from_secs(2);

/// Whether the run is looked after.
#[derive(Debug, Default)]
pub(super) enum Repair {
    /// There is no reason to.
    #[default]
    None,
    /// At this time, unless it is over before.
    At(Instant),
    /// Right now, in a task of its own: it goes on when nobody follows the run any more.
    Now(JoinHandle<Result<Restored, RestoreError>>),
}

impl Repair {
    /// Nobody seems to supervise the run. Whoever follows it from its submission may be faster than its supervisor: the
    /// run is not kept waiting for what is only a suspicion.
    pub(super) fn suspect(&mut self) {
        if matches!(self, Self::None) {
            *self = Self::At(Instant::now() + STARTING);
        }
    }

    /// Why the run could not be put right; waits for ever where there is nothing to say. Cancel safe.
    pub(super) async fn next(&mut self, session: &Session, run: Option<RunId>) -> RestoreError {
        loop {
            match (&mut *self, run) {
                (Self::At(at), Some(run)) => {
                    tokio::time::sleep_until(*at).await;
                    let session = session.clone();
                    *self = Self::Now(tokio::spawn(async move { restore(&session, run, None).await }));
                }
                (Self::Now(task), _) => {
                    let done = task.await;
                    *self = Self::None;
                    match done {
                        Ok(Err(error)) => return error,
                        Ok(Ok(restored)) => tracing::info!(?restored, "a run without a supervisor was looked after"),
                        Err(error) => tracing::error!(%error, "a run without a supervisor is not looked after"),
                    }
                }
                _ => return pending().await,
            }
        }
    }
}
