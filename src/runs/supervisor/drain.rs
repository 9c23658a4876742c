//! What comes out of a started sandbox until it is over: output, figures, progress; and the orders that go in.

use super::{
    life::Life,
    meter::Meter,
    output::{Joiner, Pipe},
    state_file::StateFile,
    waiting::{engine_patience, note_left, until, watch_notes},
};
use crate::{
    domain::run_state::Phase,
    runs::{
        ending::unknown_end,
        spool::{
            SandboxEnd,
            log::{LogWriter, Stream},
        },
    },
    sandbox::{Ended, Outputs, Running, Stopped, contract::ProgressReader},
};
use chrono::{TimeDelta, Utc};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Once nothing of a sandbox is left, its pipes are empty and closed; this only guards against a surprise.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// What is said of an end that nobody here asked for.
const ORDERED: &str = "the run was told to end by something else than mecapy: the container engine or the host was \
                       stopped; what it left was collected";

/// Where the kernel tells nothing: a folder above the spool was moved away.
const LOOK: Duration = Duration::from_mins(1);

/// Reads everything that comes out of a sandbox until it is over; `None` where this process shall end before: a
/// sandbox goes on without it, its engine has been away for too long, or nobody wants to know any more.
pub(super) async fn drain(life: &mut Life, running: &mut Running, log: LogWriter) -> Option<SandboxEnd> {
    let Outputs { stdout, stderr } = running.take_output().expect("taken once");
    let (mut out, mut err) = (Pipe::new(stdout), Pipe::new(stderr));
    let mut joiner = Joiner::new(log);
    let mut meter = Meter::new(ProgressReader::new(&life.spool.work()));
    let mut usage = running.watch_usage();
    let mut outage = EngineOutage::of(running);
    let mut notes = watch_notes(life.spool.folder());
    let mut orders = Orders::default();
    let (mut terminated, mut over) = (false, false);
    let mut ended = None;
    let mut give_up = None;
    let mut look_at = Instant::now() + LOOK;
    orders.look(life, running);
    while ended.is_none() || !(out.is_over() && err.is_over()) {
        let due = [joiner.due(), life.state.due(), outage.until()].into_iter().flatten().min();
        tokio::select! {
            bytes = out.read() => joiner.take_read(Stream::Stdout, bytes),
            bytes = err.read() => joiner.take_read(Stream::Stderr, bytes),
            end = running.wait(), if ended.is_none() => {
                ended = Some(end);
                give_up = Some(Instant::now() + DRAIN_PATIENCE);
            }
            Ok(()) = usage.changed(), if ended.is_none() => {
                meter.read(*usage.borrow_and_update(), &mut life.state, &mut joiner);
            }
            why = outage.changed() => show_outage(&mut life.state, why),
            () = note_left(&mut notes) => orders.look(life, running),
            () = until(Some(look_at)) => {
                look_at = Instant::now() + LOOK;
                orders.look(life, running);
            }
            _ = life.terminate.recv(), if !terminated => {
                if running.identity().outlives_supervisor() {
                    tracing::info!("told to end; the run goes on, and the next start of mecapy takes it over");
                    return None;
                }
                terminated = true;
                orders.stop(&mut life.state, running);
            }
            () = until(due) => joiner.tick(),
            () = until(give_up) => break,
        }
        if orders.is_spool_gone || outage.is_too_long() {
            return None;
        }
        if let Some(why) = outage.why.as_ref().filter(|_| orders.now && ended.is_none()) {
            return Some(end_without_engine(life, joiner, running, why));
        }
        if joiner.log().is_over() && !std::mem::replace(&mut over, true) {
            running.stop(Stopped::Log);
        }
        life.state.change(|state| state.log_bytes = joiner.log().size());
        life.state.flush();
    }
    meter.last(&mut life.state, &mut joiner);
    let usage = running.usage();
    let (log, tail) = joiner.finish();
    let (lost, _) = log.missing();
    let (ended, trouble) = match ended {
        // Nobody here asked for it: an engine that is stopped tells its containers so.
        Some(Ok(ended)) if ended.stopped == Some(Stopped::Cancelled) && !orders.stopped => {
            (ended, Some(ORDERED.to_owned()))
        }
        Some(Ok(ended)) => (ended, None),
        Some(Err(error)) => (unknown_end(usage), Some(error.to_string())),
        None => (unknown_end(usage), Some("the sandbox does not say how it ended".to_owned())),
    };
    let words = "the supervisor was told to end (SIGTERM; is the host going down?)";
    let trouble = if terminated { Some(words.to_owned()) } else { trouble };
    life.state.change(|state| {
        state.phase = Phase::Collecting;
        state.waiting_reason = None;
        state.usage = Some(ended.usage);
        state.log_bytes = log.size();
    });
    life.state.write();
    Some(SandboxEnd { ended, trouble, tail, lost, notes: Vec::new(), completed_at: Utc::now().naive_utc() })
}

/// The end of a run that was stopped twice while its engine does not answer: nobody can end it, nobody waits for it.
fn end_without_engine(life: &Life, joiner: Joiner, running: &Running, why: &str) -> SandboxEnd {
    let (log, tail) = joiner.finish();
    let ended = Ended { stopped: Some(Stopped::Cancelled), ..unknown_end(running.usage()) };
    let note = format!(
        "the engine does not answer ({why}): its container may go on until its time is over, and stays; once the \
         engine is back, `mecapy sandbox prune` removes it"
    );
    tracing::warn!(run = %life.request.run, "{note}");
    let (lost, _) = log.missing();
    SandboxEnd { ended, trouble: None, tail, lost, notes: vec![note], completed_at: Utc::now().naive_utc() }
}

/// What its owner asked for meanwhile.
#[derive(Debug, Default)]
struct Orders {
    /// It was told to end.
    stopped: bool,
    /// And then to end at once.
    now: bool,
    /// The spool is gone, and with it whoever wants to know.
    is_spool_gone: bool,
}

impl Orders {
    fn look(&mut self, life: &mut Life, running: &Running) {
        if !life.spool.folder().exists() {
            self.is_spool_gone = true;
        }
        // What was noted last is looked at first.
        let stop = life.spool.is_asked_to_stop();
        if !self.now && life.spool.is_asked_to_end_now() {
            (self.stopped, self.now) = (true, true);
            running.stop_now();
            life.state.change(|state| {
                state.phase = Phase::Stopping;
                state.killed_at = Some(Utc::now().naive_utc());
            });
            life.state.write();
        } else if !self.stopped && stop {
            self.stop(&mut life.state, running);
        }
    }

    fn stop(&mut self, state: &mut StateFile, running: &Running) {
        self.stopped = true;
        running.stop(Stopped::Cancelled);
        state.change(|state| {
            state.phase = Phase::Stopping;
            state.killed_at.get_or_insert(Utc::now().naive_utc() + TimeDelta::seconds(state.caps.grace.into()));
        });
        state.write();
    }
}

/// Whether the engine answers.
#[derive(Debug)]
struct EngineOutage {
    news: Option<watch::Receiver<Option<String>>>,
    since: Option<Instant>,
    why: Option<String>,
}

impl EngineOutage {
    fn of(running: &Running) -> Self {
        Self { news: running.watch_away(), since: None, why: None }
    }

    /// Why it does not, or that it does again. Cancel safe.
    async fn changed(&mut self) -> Option<String> {
        let Some(news) = &mut self.news else { return std::future::pending().await };
        if news.changed().await.is_err() {
            // The container is over: nobody asks the engine any more.
            return std::future::pending().await;
        }
        self.why.clone_from(&news.borrow_and_update());
        self.since = self.why.as_ref().map(|_| self.since.unwrap_or_else(Instant::now));
        self.why.clone()
    }

    /// When it has been away for too long.
    fn until(&self) -> Option<Instant> {
        self.since.map(|since| since + engine_patience())
    }

    fn is_too_long(&self) -> bool {
        let is = self.until().is_some_and(|until| until <= Instant::now());
        if is {
            tracing::warn!("the engine stays away; the next start of mecapy goes on");
        }
        is
    }
}

fn show_outage(state: &mut StateFile, why: Option<String>) {
    state.change(|state| state.waiting_reason = why.map(|why| format!("the engine does not answer: {why}")));
    state.write();
}
