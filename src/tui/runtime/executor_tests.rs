//! What the executor does with policies. Time is paused: it passes when everybody waits.

use super::*;
use crate::{
    domain::id::CalculationId,
    tui::{
        pane::PaneId,
        request::{Draft, DraftKey},
    },
};
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;

const LIST: Slot = Slot { pane: PaneId("calculations"), name: "list" };
const OTHER: Slot = Slot { pane: PaneId("monitor"), name: "list" };

/// An executor whose requests are run by the test.
struct Bench {
    executor: Executor,
    messages: mpsc::Receiver<Msg>,
    /// Requests that were begun, in order.
    begun: Arc<Mutex<Vec<Request>>>,
    /// Those that were run to their end.
    ended: Arc<Mutex<Vec<Request>>>,
    /// How often somebody wanted to know whether the database answers.
    checks: Arc<AtomicUsize>,
    number: u64,
}

impl Bench {
    /// Requests are run by `run`; the database is open.
    fn new<F>(run: impl Fn(Request, Replies) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Reply, Failure>> + Send + 'static,
    {
        let mut bench = Self::closed(false);
        bench.open(run);
        bench
    }

    fn closed(read_only: bool) -> Self {
        let (queue, messages) = mpsc::channel(256);
        let executor = Executor::new(Handle::current(), queue, Arc::default(), Arc::default(), read_only);
        Self { executor, messages, begun: Arc::default(), ended: Arc::default(), checks: Arc::default(), number: 0 }
    }

    fn open<F>(&mut self, run: impl Fn(Request, Replies) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Reply, Failure>> + Send + 'static,
    {
        let (begun, ended, checks) = (self.begun.clone(), self.ended.clone(), self.checks.clone());
        self.executor.open(Backend {
            run: Arc::new(move |request, replies| {
                begun.lock().unwrap().push(request.clone());
                let (work, ended) = (run(request.clone(), replies), ended.clone());
                Box::pin(async move {
                    let reply = work.await;
                    ended.lock().unwrap().push(request);
                    reply
                })
            }),
            check_database: Arc::new(move || {
                checks.fetch_add(1, Ordering::Relaxed);
            }),
        });
    }

    /// Starts a request as its own policy says.
    fn start(&mut self, slot: Slot, request: Request) -> Ticket {
        let policy = request.policy();
        self.start_as(policy, slot, request)
    }

    fn start_as(&mut self, policy: Policy, slot: Slot, request: Request) -> Ticket {
        self.number += 1;
        let ticket = Ticket { pane: slot.pane, number: self.number };
        self.executor.schedule(Job { ticket, slot, request, policy });
        ticket
    }

    /// Lets the tasks run until each of them waits, as long as no time passes.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    /// The next reply.
    async fn reply(&mut self) -> (Ticket, Result<Reply, Failure>) {
        match self.messages.recv().await {
            Some(Msg::Reply(ticket, reply)) => (ticket, reply),
            other => panic!("{other:?}"),
        }
    }

    fn begun(&self) -> Vec<Request> {
        self.begun.lock().unwrap().clone()
    }

    fn checks(&self) -> usize {
        self.checks.load(Ordering::Relaxed)
    }
}

fn load(id: i64) -> Request {
    Request::LoadCalculation(CalculationId(id))
}

fn forget(id: i64) -> Request {
    Request::ForgetDraft(DraftKey::Saved(CalculationId(id)))
}

/// Runs nothing to its end.
async fn forever(_: Request, _: Replies) -> Result<Reply, Failure> {
    std::future::pending().await
}

async fn done(_: Request, _: Replies) -> Result<Reply, Failure> {
    Ok(Reply::Done)
}

#[tokio::test(start_paused = true)]
async fn what_has_no_time_limit_reports_its_progress_for_an_hour() {
    let mut bench = Bench::new(|_, replies| async move {
        for minute in 1..=60 {
            sleep(Duration::from_mins(1)).await;
            replies.send(Reply::LogLength(minute)).await;
        }
        Ok(Reply::Done)
    });
    let upload = Policy { time_limit: None, replies: ReplyCount::Many, ..Policy::CHANGE };
    let began = Instant::now();
    let ticket = bench.start_as(upload, LIST, load(1));
    for minute in 1..=60 {
        assert_eq!(bench.reply().await, (ticket, Ok(Reply::LogLength(minute))));
        assert_eq!(began.elapsed().as_secs(), minute * 60);
    }
    assert_eq!(bench.reply().await, (ticket, Ok(Reply::Done)));
    assert_eq!(bench.checks(), 0, "it goes on, so the database answers");
}

#[tokio::test(start_paused = true)]
async fn what_has_one_is_given_up_and_the_database_is_checked_first_when_it_is_late() {
    let mut bench = Bench::new(forever);
    let began = Instant::now();
    let ticket = bench.start(LIST, load(1));
    sleep(Duration::from_millis(999)).await;
    assert_eq!(bench.checks(), 0);
    sleep(Duration::from_millis(2)).await;
    assert_eq!(bench.checks(), 1);
    let (replied, reply) = bench.reply().await;
    assert_eq!((replied, reply.unwrap_err().message.as_str()), (ticket, "no answer for 30 s; try again"));
    assert_eq!((began.elapsed().as_secs(), bench.checks()), (30, 2));
    // What needs no database says nothing about it.
    bench.start(LIST, Request::ListDrafts);
    assert!(bench.reply().await.1.is_err());
    assert_eq!(bench.checks(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_newer_one_of_a_slot_replaces_the_older_in_each_pane_by_itself() {
    let go = Arc::new(Semaphore::new(0));
    let gate = go.clone();
    let mut bench = Bench::new(move |_, _| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(Reply::Done)
        }
    });
    // Two panes follow a run each, under the same name.
    let watch = |id| Request::Watch(CalculationId(id));
    bench.start(LIST, watch(1));
    let other = bench.start(OTHER, watch(2));
    bench.settle().await;
    let newer = bench.start(LIST, watch(3));
    bench.settle().await;
    assert_eq!(bench.begun(), [watch(1), watch(2), watch(3)]);
    go.add_permits(3);
    let mut replied = [bench.reply().await.0, bench.reply().await.0];
    replied.sort_by_key(|ticket| ticket.number);
    assert_eq!(replied, [other, newer], "the first one was stopped, the other pane's was not");
    bench.settle().await;
    assert!(bench.messages.try_recv().is_err());
    // Stopped by name, in one pane only.
    go.forget_permits(1);
    bench.start(LIST, watch(4));
    let kept = bench.start(OTHER, watch(5));
    bench.settle().await;
    bench.executor.cancel(LIST);
    go.add_permits(2);
    assert_eq!(bench.reply().await, (kept, Ok(Reply::Done)));
    bench.settle().await;
    assert!(bench.messages.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_free_runs_beside_others_of_its_slot() {
    let mut bench = Bench::new(forever);
    let stop = |id| Request::Stop { id: CalculationId(id), now: false };
    bench.start(LIST, stop(1));
    bench.start(LIST, stop(2));
    bench.start(LIST, load(3));
    bench.start(LIST, load(4));
    bench.settle().await;
    assert_eq!(bench.begun(), [stop(1), stop(2), load(4)], "a load that had not begun was replaced");
    assert_eq!(bench.executor.tasks.iter().filter(|task| !task.handle.is_finished()).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn ordered_ones_run_one_after_the_other() {
    // The first takes longest; the second one panics, and the third runs all the same.
    let mut bench = Bench::new(|request, _| async move {
        if request == forget(1) {
            sleep(Duration::from_secs(9)).await;
        }
        assert_ne!(request, forget(2), "planted");
        Ok(Reply::Done)
    });
    let began = Instant::now();
    let tickets = [1, 2, 3].map(|id| bench.start(LIST, forget(id)));
    let other = bench.start(OTHER, forget(4));
    assert_eq!(bench.reply().await, (other, Ok(Reply::Done)), "another slot does not wait");
    assert_eq!(bench.begun(), [forget(1), forget(4)]);
    assert_eq!(bench.reply().await, (tickets[0], Ok(Reply::Done)));
    let (ticket, reply) = bench.reply().await;
    assert_eq!((ticket, reply.is_err()), (tickets[1], true));
    assert_eq!(bench.reply().await, (tickets[2], Ok(Reply::Done)));
    assert_eq!(bench.begun(), [forget(1), forget(4), forget(2), forget(3)]);
    assert_eq!(began.elapsed().as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn quitting_waits_for_what_says_so_and_for_nothing_else() {
    let mut bench = Bench::new(|_, _| async {
        sleep(Duration::from_secs(3)).await;
        Ok(Reply::Done)
    });
    let draft = Request::KeepDraft(Box::new(Draft {
        key: DraftKey::Saved(CalculationId(1)),
        kept_at: chrono::NaiveDateTime::default(),
        calculation: crate::domain::calculation::NewCalculation {
            name: String::new(),
            description: None,
            code: String::new(),
            parameters: None,
            limits: crate::domain::limits::Limits::default(),
            tool_id: None,
            tool_version_id: None,
            parent_id: None,
            inputs: Vec::new(),
        },
    }));
    let remove = Request::DeleteCalculations(Vec::new());
    bench.start(LIST, load(1));
    bench.start(OTHER, Request::Watch(CalculationId(1)));
    bench.start(LIST, draft.clone());
    bench.start(LIST, remove.clone());
    let late = Policy { debounce: Duration::from_secs(1), ..Policy::WRITE };
    bench.start_as(late, OTHER, forget(1));
    bench.settle().await;
    let (began, ended) = (Instant::now(), bench.ended.clone());
    bench.executor.finish().await;
    assert_eq!(*ended.lock().unwrap(), [draft, remove, forget(1)], "what was to start later, too");
    assert_eq!(began.elapsed().as_secs(), 3);
    // But not for ever, and not for what only reads.
    let mut bench = Bench::new(forever);
    bench.start(LIST, load(1));
    let began = Instant::now();
    bench.executor.finish().await;
    assert!(began.elapsed().is_zero());
    let mut bench = Bench::new(forever);
    bench.start(LIST, Request::StopAll(Vec::new()));
    let began = Instant::now();
    bench.executor.finish().await;
    assert_eq!(began.elapsed(), QUIT_TIME);
}

#[tokio::test(start_paused = true)]
async fn read_only_refuses_what_changes_rows() {
    let mut bench = Bench::closed(true);
    let (ticket, reply) = (bench.start(LIST, load(1)), bench.reply().await);
    assert_eq!((reply.0, reply.1.unwrap_err().message.as_str()), (ticket, "the database is not open"));
    bench.open(done);
    let submit = Request::Submit { id: CalculationId(1), pull: false };
    for refused in [submit, Request::RunAgain(CalculationId(1)), Request::DeleteCalculations(Vec::new())] {
        bench.start(LIST, refused);
        assert!(bench.reply().await.1.unwrap_err().message.contains("--read-only"));
    }
    let export = Request::ExportLog { id: CalculationId(1), path: "a.log".into() };
    for allowed in [load(1), forget(1), export] {
        bench.start(LIST, allowed);
        assert_eq!(bench.reply().await.1, Ok(Reply::Done));
    }
    assert_eq!(bench.begun().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_selection_that_rests_is_loaded_once() {
    let mut bench = Bench::new(done);
    let select = |id| Request::LoadSelected(CalculationId(id));
    let began = Instant::now();
    for id in 1..=10 {
        bench.start(LIST, select(id));
        sleep(Duration::from_millis(20)).await;
    }
    bench.start(OTHER, select(11));
    assert!(bench.begun().is_empty());
    let times = [0, 0].map(|_| {
        let at = bench.executor.next_start().unwrap();
        bench.executor.start_next();
        (at - began).as_millis()
    });
    assert_eq!(times, [180 + 60, 200 + 60]);
    assert_eq!(bench.executor.next_start(), None);
    bench.settle().await;
    assert_eq!(bench.begun(), [select(10), select(11)]);
    // What is asked for by name does not wait.
    bench.start(LIST, load(12));
    bench.settle().await;
    assert_eq!(bench.begun().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_refused_run_are_answers() {
    let mut bench = Bench::new(|request, _| async move {
        match request {
            Request::RunAgain(id) => Ok(Reply::NotStarted(id, Failure::new("no engine is here"))),
            _ => panic!("planted"),
        }
    });
    let ticket = bench.start(LIST, load(1));
    let (replied, reply) = bench.reply().await;
    assert_eq!((replied, bench.checks()), (ticket, 1));
    assert_eq!(reply.unwrap_err().message, "mecapy failed here; the log file says how");
    bench.start(LIST, Request::RunAgain(CalculationId(2)));
    assert!(matches!(bench.reply().await.1, Ok(Reply::NotStarted(..))));
    assert_eq!(bench.checks(), 2);
}
