//! Effects become tasks: one a request, with its slot, its time limit and its reply on the queue.

use super::{changes::Own, outlook::Outlook, requests};
use crate::{
    session::{Session, agreement},
    tui::{
        effect::{Request, Slot, Ticket},
        msg::{Failure, Msg, Reply},
        panes::{calculations, tools},
    },
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinSet},
    time::Instant,
};

/// How long a request that only reads may take.
const READ_TIME: Duration = Duration::from_secs(30);
/// How long one that changes something may take.
const WRITE_TIME: Duration = Duration::from_mins(2);
/// How long a selection must rest before its detail is read: a held key does not load what it passes.
const REST: Duration = Duration::from_millis(60);

/// A request that takes longer than this makes one ask whether the database is there.
const SUSPICION: Duration = Duration::from_secs(1);
/// The pauses between two looks whether it is back: from the first to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Runs requests.
pub struct Executor {
    /// Where their tasks run: not on the thread that draws.
    services: Handle,
    session: Option<Session>,
    read_only: bool,
    queue: mpsc::Sender<Msg>,
    slots: HashMap<Slot, AbortHandle>,
    /// Details that are read once their selection has rested, the first one first. No task waits for that: a held key
    /// would start and stop one for each row that it passes.
    resting: VecDeque<(Instant, Ticket, Slot, Request)>,
    /// Tasks that change something: they are waited for before the program ends.
    changing: JoinSet<()>,
    /// Ends with the newest draft task: the next one waits for it, so that an older text never comes out on top.
    draft: Option<oneshot::Receiver<()>>,
    /// Whether a task looks already whether the database answers.
    doubted: Arc<AtomicBool>,
    /// Told where something was refused.
    outlook: Arc<Outlook>,
    own: Arc<Own>,
}

/// Finds out whether the database is why a request failed or takes long, tells so, and tells when it is back.
#[derive(Clone)]
struct Doubt {
    session: Session,
    queue: mpsc::Sender<Msg>,
    raised: Arc<AtomicBool>,
}

impl Doubt {
    /// Looks, unless somebody does already. An embedded file is never away.
    fn raise(self) {
        if !self.session.db.is_shared() || self.raised.swap(true, Ordering::AcqRel) {
            return;
        }
        tokio::spawn(async move {
            let mut pause = PAUSE;
            let mut is_away = false;
            while let Some(error) = self.session.db.trouble().await {
                if !is_away && self.queue.send(Msg::Away(Some(error.to_string()))).await.is_err() {
                    return;
                }
                is_away = true;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            self.raised.store(false, Ordering::Release);
            if is_away {
                let _ = self.queue.send(Msg::Away(None)).await;
            }
        });
    }
}

impl Executor {
    /// An executor whose tasks run on `services` and answer on `queue`.
    ///
    /// What they change is told to `own`.
    pub fn new(
        services: Handle,
        queue: mpsc::Sender<Msg>,
        outlook: Arc<Outlook>,
        own: Arc<Own>,
        read_only: bool,
    ) -> Self {
        Self {
            services,
            session: None,
            read_only,
            queue,
            slots: HashMap::new(),
            resting: VecDeque::new(),
            changing: JoinSet::new(),
            draft: None,
            doubted: Arc::default(),
            outlook,
            own,
        }
    }

    /// The database is open.
    pub fn open(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Remembers what the person agreed to. Where that fails it is asked again the next time.
    pub fn agree(&mut self) {
        let Some(session) = self.session.clone() else { return };
        let remember = move || {
            if let Err(error) = agreement::remember(&session) {
                tracing::warn!(%error, "agreement not kept");
            }
        };
        self.changing.spawn_blocking_on(remember, &self.services);
    }

    /// Starts a request, that of a list's detail after a rest; an older one of the same slot is stopped.
    pub fn start(&mut self, ticket: Ticket, slot: Slot, request: Request) {
        self.cancel(slot);
        if let Slot::Detail(pane) = slot
            && (pane == calculations::PANE.id || pane == tools::PANE.id)
        {
            self.resting.push_back((Instant::now() + REST, ticket, slot, request));
        } else {
            self.begin(ticket, slot, request);
        }
    }

    /// When the next one has rested.
    pub fn rests_until(&self) -> Option<Instant> {
        self.resting.front().map(|(until, ..)| *until)
    }

    /// Starts the one that rested longest.
    pub fn start_rested(&mut self) {
        if let Some((_, ticket, slot, request)) = self.resting.pop_front() {
            self.begin(ticket, slot, request);
        }
    }

    fn begin(&mut self, ticket: Ticket, slot: Slot, request: Request) {
        let queue = self.queue.clone();
        let refused = if self.read_only && request.changes_rows() {
            Some("mecapy was started with --read-only; nothing was changed")
        } else {
            self.session.is_none().then_some("the database is not open")
        };
        let (None, Some(session)) = (refused, self.session.clone()) else {
            let reply = Err(Failure::new(refused.unwrap_or_default()));
            // A task, as the queue may be full.
            self.services.spawn(async move { queue.send(Msg::Reply(ticket, reply)).await });
            return;
        };
        if slot == Slot::Watch {
            let watch = self.services.spawn(requests::watch(session, ticket, request, queue));
            self.slots.insert(slot, watch.abort_handle());
            return;
        }
        let changes = slot == Slot::Free || slot == Slot::Draft;
        let changing = request.changes_rows().then(|| self.own.begin());
        let (done, ended) = oneshot::channel();
        let before = if slot == Slot::Draft { self.draft.replace(ended) } else { None };
        let doubt = Doubt { session: session.clone(), queue: self.queue.clone(), raised: self.doubted.clone() };
        let outlook = self.outlook.clone();
        let work = async move {
            let _done: oneshot::Sender<()> = done; // dropped at the end, whatever the end
            if let Some(before) = before {
                let _ = before.await;
            }
            let what = format!("{request:?}").chars().take(120).collect::<String>();
            let limit = if changes { WRITE_TIME } else { READ_TIME };
            // A task of its own, so that a panic in it is an answer too.
            let mut task = JoinSet::new();
            task.spawn(requests::run(session, request, queue.clone()));
            let answer = tokio::time::timeout(limit, task.join_next());
            tokio::pin!(answer);
            let answer = tokio::select! {
                answer = &mut answer => answer,
                // The pool goes on trying meanwhile; only the words come from here.
                () = tokio::time::sleep(SUSPICION) => {
                    doubt.clone().raise();
                    answer.await
                }
            };
            let reply = match answer {
                Ok(Some(Ok(reply))) => reply,
                Ok(_) => Err(Failure::new("mecapy failed here; the log file says how")),
                Err(_) => Err(Failure::new(format!("no answer for {} s; try again", limit.as_secs()))),
            };
            if let Err(failure) | Ok(Reply::NotStarted(_, failure)) = &reply {
                tracing::error!(what, "{failure}");
                doubt.raise();
            }
            if changes && matches!(reply, Err(_) | Ok(Reply::NotStarted(..) | Reply::ImageMissing(..))) {
                outlook.doubt();
            }
            let changing = changing.filter(|_| reply.is_ok());
            // The screen is gone only when the program ends.
            let _ = queue.send(Msg::Reply(ticket, reply)).await;
            if let Some(changing) = changing {
                changing.done();
            }
        };
        if changes {
            self.changing.spawn_on(work, &self.services);
            while self.changing.try_join_next().is_some() {}
        } else {
            self.slots.insert(slot, self.services.spawn(work).abort_handle());
        }
    }

    /// Stops what runs in a slot.
    pub fn cancel(&mut self, slot: Slot) {
        self.resting.retain(|(_, _, resting, _)| *resting != slot);
        if let Some(task) = self.slots.remove(&slot) {
            task.abort();
        }
    }

    /// Waits until everything that changes something is done, but not for ever.
    pub async fn finish(mut self) {
        for (_, task) in self.slots.drain() {
            task.abort();
        }
        let all = async { while self.changing.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(10), all).await.is_err() {
            tracing::error!("left while something was still being written");
        }
        if let Some(session) = self.session {
            let _ = tokio::time::timeout(Duration::from_secs(1), session.db.close()).await;
        }
    }
}
