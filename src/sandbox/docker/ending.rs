//! Waits for a container's end, passes orders on meanwhile, and finds out how it ended.

use super::{
    Identity,
    client::{settled, words},
    identity::is_missing,
    reader::Files,
};
use crate::{
    domain::run::Usage,
    sandbox::{Ended, Exit, Stopped, from_shim, wire::Report},
};
use bollard::{
    Docker,
    errors::Error,
    query_parameters::{KillContainerOptionsBuilder, WaitContainerOptionsBuilder},
};
use futures_util::StreamExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};

/// Seconds after the grace that the shim has to end it; then the engine does.
const SHIM_PATIENCE: u64 = 5;
/// How long the last output may take once the container is over.
const LAST_OUTPUT: Duration = Duration::from_secs(30);
/// Pauses while the engine does not answer.
pub(super) const AWAY: [u64; 5] = [100, 250, 500, 1_000, 2_000];

/// What the tasks have learnt of the end.
pub(super) type End = Option<Result<Ended, String>>;

/// What a container is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// To end; the first reason counts.
    Stop(Stopped),
    /// To end at once, whatever is left of its grace.
    Now,
}

/// Who waits for a container's end.
pub(super) struct EndWaiter {
    pub(super) client: Docker,
    pub(super) identity: Identity,
    pub(super) orders: mpsc::UnboundedReceiver<Order>,
    pub(super) reading: tokio::task::JoinHandle<()>,
    /// What the shim says of the end.
    pub(super) last: watch::Receiver<Option<Report>>,
    pub(super) usage: watch::Receiver<Usage>,
    /// All output files, where the shim told them.
    pub(super) outputs: watch::Receiver<Option<Files>>,
    /// Told why, while the engine does not answer.
    pub(super) away: watch::Sender<Option<String>>,
    pub(super) end: watch::Sender<End>,
}

/// Waits for the end, and passes orders on meanwhile.
pub(super) async fn wait_for_end(it: EndWaiter) {
    let EndWaiter { client, identity, mut orders, mut reading, last, usage, outputs, away, end } = it;
    let container = &identity.name.container;
    let mut stopped: Option<Stopped> = None;
    let mut killed: Option<Stopped> = None;
    // The shim holds the clock; this is for a shim that is held up itself.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let deadline = tokio::time::sleep(Duration::from_secs(identity.name.deadline.saturating_sub(now)));
    let kill = tokio::time::sleep(Duration::from_hours(24 * 365));
    tokio::pin!(deadline, kill);
    let over = wait(&client, container, &away);
    tokio::pin!(over);
    let (mut listening, mut read) = (true, false);
    loop {
        tokio::select! {
            () = &mut over => break,
            _ = &mut reading, if !read => {
                read = true;
                // Nothing is left that the engine would have to be asked for.
                if matches!(*last.borrow(), Some(Report::Ended(..))) && outputs.borrow().is_some() {
                    break;
                }
            }
            order = orders.recv(), if listening => {
                let Some(order) = order else { listening = false; continue };
                let why = match order {
                    Order::Stop(_) if stopped.is_some() => continue,
                    Order::Stop(why) => why,
                    Order::Now => stopped.unwrap_or(Stopped::Cancelled),
                };
                stopped = Some(why);
                let (name, patience) = match order {
                    Order::Now => ("SIGQUIT", SHIM_PATIENCE),
                    Order::Stop(Stopped::Cancelled | Stopped::Timeout) => {
                        ("SIGTERM", u64::from(identity.grace) + SHIM_PATIENCE)
                    }
                    Order::Stop(Stopped::Log | Stopped::Memory) => ("SIGUSR1", SHIM_PATIENCE),
                    Order::Stop(Stopped::Files) => ("SIGUSR2", SHIM_PATIENCE),
                };
                signal(&client, container, name).await;
                kill.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(patience));
            }
            () = &mut kill, if stopped.is_some() && killed.is_none() => {
                killed = stopped;
                signal(&client, container, "SIGKILL").await;
            }
            () = &mut deadline, if killed.is_none() => {
                killed = Some(Stopped::Timeout);
                signal(&client, container, "SIGKILL").await;
            }
        }
    }
    // End of the container is not the end of its output.
    if !read && tokio::time::timeout(LAST_OUTPUT, reading).await.is_err() {
        tracing::warn!("the last output did not come");
    }
    let report = last.borrow().clone();
    let ended = match (report, killed) {
        (Some(Report::Ended(exit, reason, oom, sample)), _) => Ok(from_shim::ended(exit, reason, oom, sample)),
        (_, Some(why)) => {
            Ok(Ended { exit: Exit::Signal(9), stopped: Some(why), oom_killed: false, usage: *usage.borrow() })
        }
        _ => Err(fate(&client, container).await),
    };
    end.send_replace(Some(ended));
}

async fn signal(client: &Docker, container: &str, name: &str) {
    let options = KillContainerOptionsBuilder::new().signal(name).build();
    if let Err(error) = client.kill_container(container, Some(options)).await {
        // It ended by itself meanwhile, or the engine is away; the next step comes anyway.
        tracing::info!(%error, name, "not signalled");
    }
}

/// Returns once the container does not run any more, or is gone.
async fn wait(client: &Docker, container: &str, away: &watch::Sender<Option<String>>) {
    let mut pauses = AWAY.iter().chain(std::iter::repeat(&AWAY[AWAY.len() - 1]));
    loop {
        let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
        let answer = Box::pin(client.wait_container(container, Some(options))).next().await;
        match answer {
            // Any exit code but 0 comes as an error: a normal end.
            Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => return,
            Some(Err(error)) if is_missing(&error) => return,
            Some(Err(error)) => tracing::warn!(%error, "waiting for the container broke off"),
            None => {}
        }
        tokio::time::sleep(Duration::from_millis(*pauses.next().unwrap_or(&1_000))).await;
        match settled(|| client.inspect_container(container, None)).await {
            Ok(found) if !found.state.as_ref().and_then(|state| state.running).unwrap_or(false) => return,
            Ok(_) => _ = away.send_if_modified(|away| away.take().is_some()),
            Err(error) if is_missing(&error) => return,
            Err(error) => _ = away.send_replace(Some(words(&error))),
        }
    }
}

/// What the engine knows of an end that the shim did not tell.
async fn fate(client: &Docker, container: &str) -> String {
    match settled(|| client.inspect_container(container, None)).await {
        Ok(found) => {
            let state = found.state.unwrap_or_default();
            let code = state.exit_code.unwrap_or_default();
            let reason = state.error.filter(|error| !error.is_empty()).map(|error| format!(": {error}"));
            format!(
                "the container ended with code {code} and its supervisor process had no time to say why{}; was the \
                 engine or the host restarted, or the container killed?",
                reason.unwrap_or_default()
            )
        }
        Err(error) if is_missing(&error) => "the container was removed by somebody else".to_owned(),
        Err(error) => format!("the engine does not say: {}", words(&error)),
    }
}
