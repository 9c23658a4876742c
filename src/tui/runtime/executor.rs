//! Requests become tasks, each run as its [`Policy`] says; their replies come on the queue.

use super::{changes::OwnChanges, sandbox_check::SandboxCheck};
use crate::tui::{
    effect::{Slot, Ticket},
    msg::{Failure, Msg},
    policy::{Order, Policy, ReplyCount},
    request::{Reply, Request},
};
use futures_util::future::BoxFuture;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout},
};

/// A reply that takes longer than this is late.
const LATE: Duration = Duration::from_secs(1);
/// How long quitting waits at most.
const QUIT_TIME: Duration = Duration::from_secs(10);

/// Runs a request to its last reply.
pub type RunRequest = dyn Fn(Request, Replies) -> BoxFuture<'static, Result<Reply, Failure>> + Send + Sync;

/// What requests are run with, once the database is open.
#[derive(Clone)]
pub struct Backend {
    /// Runs a request to its last reply.
    pub run: Arc<RunRequest>,
    /// Looks whether the database answers; called where a request failed or is late.
    pub check_database: Arc<dyn Fn() + Send + Sync>,
}

/// Where the replies of one request go while it runs; the last one is what it returns.
#[derive(Clone, Debug)]
pub struct Replies {
    ticket: Ticket,
    count: ReplyCount,
    queue: mpsc::Sender<Msg>,
}

impl Replies {
    /// Sends a reply of many; waits while the screen is behind.
    pub async fn send(&self, reply: Reply) {
        debug_assert_eq!(self.count, ReplyCount::Many, "{reply:?}");
        self.announce(Msg::Reply(self.ticket, Ok(reply))).await;
    }

    /// Sends a message that all panes hear of.
    pub async fn announce(&self, msg: Msg) {
        // The screen is gone only when the program ends.
        let _ = self.queue.send(msg).await;
    }
}

/// A request that is to be run.
struct Job {
    ticket: Ticket,
    slot: Slot,
    request: Request,
    policy: Policy,
}

/// A job that is run.
struct Task {
    slot: Slot,
    policy: Policy,
    handle: AbortHandle,
}

/// Runs requests.
pub struct Executor {
    /// Where their tasks run: not on the thread that draws.
    services: Handle,
    backend: Option<Backend>,
    read_only: bool,
    queue: mpsc::Sender<Msg>,
    /// Jobs that start after a while. No task waits for that: a held key would start and stop one for each row that it
    /// passes.
    debounced: Vec<(Instant, Job)>,
    tasks: Vec<Task>,
    /// Tasks that quitting waits for.
    finishing: JoinSet<()>,
    /// Ends with the newest of a slot's jobs that run one after the other.
    in_turn: HashMap<Slot, oneshot::Receiver<()>>,
    sandbox: Arc<SandboxCheck>,
    own_changes: Arc<OwnChanges>,
}

impl Executor {
    /// An executor whose tasks run on `services` and reply on `queue`.
    ///
    /// `sandbox` is asked for another look where a run is refused; what requests change is told to `own_changes`.
    pub fn new(
        services: Handle,
        queue: mpsc::Sender<Msg>,
        sandbox: Arc<SandboxCheck>,
        own_changes: Arc<OwnChanges>,
        read_only: bool,
    ) -> Self {
        Self {
            services,
            backend: None,
            read_only,
            queue,
            debounced: Vec::new(),
            tasks: Vec::new(),
            finishing: JoinSet::new(),
            in_turn: HashMap::new(),
            sandbox,
            own_changes,
        }
    }

    /// The database is open.
    pub fn open(&mut self, backend: Backend) {
        self.backend = Some(backend);
    }

    /// Starts a request as its policy says.
    pub fn start(&mut self, ticket: Ticket, slot: Slot, request: Request) {
        let policy = request.policy();
        self.schedule(Job { ticket, slot, request, policy });
    }

    /// Runs something of the program's own, which may block its thread; quitting waits for it.
    pub fn run_blocking(&mut self, work: impl FnOnce() + Send + 'static) {
        self.finishing.spawn_blocking_on(work, &self.services);
    }

    fn schedule(&mut self, job: Job) {
        if job.policy.order == Order::Newest {
            self.stop(job.slot, |policy| policy.order == Order::Newest);
        }
        if job.policy.debounce.is_zero() {
            self.begin(job);
        } else {
            self.debounced.push((Instant::now() + job.policy.debounce, job));
        }
    }

    /// When [`Self::start_next`] is to be called.
    pub fn next_start(&self) -> Option<Instant> {
        self.debounced.iter().map(|(at, _)| *at).min()
    }

    /// Starts the debounced request whose time comes first.
    pub fn start_next(&mut self) {
        let next = self.debounced.iter().enumerate().min_by_key(|(_, (at, _))| *at);
        if let Some((place, _)) = next {
            let (_, job) = self.debounced.remove(place);
            self.begin(job);
        }
    }

    fn begin(&mut self, job: Job) {
        let Job { ticket, slot, request, policy } = job;
        let refused = if self.read_only && policy.changes_rows {
            "mecapy was started with --read-only; nothing was changed"
        } else {
            "the database is not open"
        };
        let allowed = self.backend.clone().filter(|_| !(self.read_only && policy.changes_rows));
        let replies = Replies { ticket, count: policy.replies, queue: self.queue.clone() };
        let Some(backend) = allowed else {
            tracing::warn!(?ticket, "{refused}");
            let reply = Err(Failure::new(refused));
            // A task, as the queue may be full.
            self.services.spawn(async move { replies.announce(Msg::Reply(ticket, reply)).await });
            return;
        };
        let change = policy.changes_rows.then(|| self.own_changes.begin());
        let (done, ended) = oneshot::channel::<()>();
        let before = if policy.order == Order::InTurn { self.in_turn.insert(slot, ended) } else { None };
        let sandbox = self.sandbox.clone();
        let work = async move {
            let _done = done; // dropped at the end, whatever the end
            if let Some(before) = before {
                let _ = before.await;
            }
            let what = format!("{request:?}").chars().take(120).collect::<String>();
            let reply = run(&backend, request, policy, replies.clone()).await;
            let failure = reply.as_ref().map_or_else(Some, Reply::failure);
            if let Some(failure) = failure {
                tracing::error!(what, "{failure}");
                if policy.checks_database {
                    (backend.check_database)();
                }
            }
            if policy.checks_sandbox && reply.as_ref().map_or(true, Reply::is_not_started) {
                sandbox.request();
            }
            let change = change.filter(|_| reply.is_ok());
            replies.announce(Msg::Reply(ticket, reply)).await;
            if let Some(change) = change {
                change.done();
            }
        };
        self.tasks.retain(|task| !task.handle.is_finished());
        while self.finishing.try_join_next().is_some() {}
        let handle = if policy.finishes_before_quit {
            self.finishing.spawn_on(work, &self.services)
        } else {
            self.services.spawn(work).abort_handle()
        };
        self.tasks.push(Task { slot, policy, handle });
    }

    /// Stops everything in a slot.
    pub fn cancel(&mut self, slot: Slot) {
        self.stop(slot, |_| true);
    }

    fn stop(&mut self, slot: Slot, which: impl Fn(&Policy) -> bool) {
        self.debounced.retain(|(_, job)| job.slot != slot || !which(&job.policy));
        self.tasks.retain(|task| {
            let stops = task.slot == slot && which(&task.policy);
            if stops {
                task.handle.abort();
            }
            !stops
        });
    }

    /// Waits until what is to be finished is done, but not for ever; everything else is stopped.
    pub async fn finish(mut self) {
        for (_, job) in std::mem::take(&mut self.debounced) {
            if job.policy.finishes_before_quit {
                self.begin(job);
            }
        }
        for task in self.tasks.drain(..).filter(|task| !task.policy.finishes_before_quit) {
            task.handle.abort();
        }
        let all = async { while self.finishing.join_next().await.is_some() {} };
        if timeout(QUIT_TIME, all).await.is_err() {
            tracing::error!("left while something was still being written");
        }
    }
}

/// Runs a request to its last reply.
async fn run(backend: &Backend, request: Request, policy: Policy, replies: Replies) -> Result<Reply, Failure> {
    // A task of its own, so that a panic in it is an answer too.
    let mut task = JoinSet::new();
    task.spawn((backend.run)(request, replies));
    let ended = async {
        match policy.time_limit {
            Some(limit) => timeout(limit, task.join_next())
                .await
                .map_err(|_| Failure::new(format!("no answer for {} s; try again", limit.as_secs()))),
            None => Ok(task.join_next().await),
        }
    };
    tokio::pin!(ended);
    // One that replies many times shows by itself that it goes on.
    let is_checked = policy.checks_database && policy.replies == ReplyCount::One;
    let ended = tokio::select! {
        ended = &mut ended => ended,
        // It goes on trying meanwhile; only the words come from here.
        () = sleep(LATE), if is_checked => {
            (backend.check_database)();
            ended.await
        }
    };
    match ended? {
        Some(Ok(reply)) => reply,
        _ => Err(Failure::new("mecapy failed here; the log file says how")),
    }
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;
