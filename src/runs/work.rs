//! The middle of a run's life: prepared, claimed, started, drained, collected.

use super::{
    live::{Phase, StateFile},
    log::{LogWriter, Stream},
    notify::Notify,
    pump::{Joiner, Pipe},
    recover::{self, Drained, never_began},
    request::Request,
    spool::{Final, Spool, SpoolError},
    supervisor::{Life, Pause, Paused},
};
use crate::{
    db,
    domain::{
        run::{ErrorKind, Provenance, Usage},
        status::Status,
    },
    sandbox::{
        About, Adopted, Belongs, Engine, EngineError, Identity, Job, Outputs, Running, Stopped,
        contract::{self, PrepareError, ProgressReader},
    },
    storage::{Store, StoreError},
};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use inotify::WatchMask;
use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Once nothing of a sandbox is left, its pipes are empty and closed; this only guards against a surprise.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// Figures of memory and CPU are passed on this often: a screen that watches ten runs sleeps in between.
const USAGE_EVERY: Duration = Duration::from_secs(1);

/// What is said of an end that nobody here asked for.
const ORDERED: &str = "the run was told to end by something else than mecapy: the container engine or the host was \
                       stopped; what it left was collected";

/// How many lines of the progress file that are none get a mark in the log.
const MAX_SKIPPED: usize = 10;

/// What came of a turn.
pub(super) enum Stage {
    /// It is over.
    Ended(Final),
    /// It could not be claimed: nothing has happened, and a later start tries again.
    StaysQueued,
    /// It goes on, or waits to be collected, without this process: a later start takes it over.
    GoesOn,
    /// What an earlier supervisor made was never started.
    NeverStarted,
}

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error("input {name}: {source}")]
    Input { name: String, source: StoreError },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Refusal {
    /// Whose fault it is.
    const fn kind(&self) -> ErrorKind {
        match self {
            Self::Engine(EngineError::Refused(_))
            | Self::Prepare(PrepareError::Nul { .. } | PrepareError::InputName { .. })
            | Self::Input { source: StoreError::Missing { .. } | StoreError::Changed { .. }, .. } => ErrorKind::Refused,
            _ => ErrorKind::Engine,
        }
    }
}

/// Runs a run whose turn it is.
pub(super) async fn run(life: &mut Life) -> Result<Stage, SpoolError> {
    life.state.change(|state| {
        state.phase = Phase::Preparing;
        state.waiting_reason = None;
    });
    life.state.write();
    if let Some(stage) = super::fetch::image(life).await {
        return Ok(stage);
    }
    // Of a supervisor before this one, which ended before any code ran.
    recover::discard(&life.spool).await;
    let (request, asked) = (&life.request, life.request.asked());
    let opening = life.database();
    let found = tokio::join!(Engine::open(&request.engine, &asked), prepare(&life.spool, request), opening);
    let engine = match (found.0, found.1) {
        (Ok(engine), Ok(())) => engine,
        (Err(error), _) => return Ok(Stage::Ended(refused(&error.into()))),
        (_, Err(refusal)) => return Ok(Stage::Ended(refused(&refusal))),
    };
    // Where it could not be opened, claiming tries again and says why.
    drop(found.2);
    let job = Job {
        run: life.request.run,
        folder: life.spool.path(recover::WORK),
        program: engine.program(),
        limits: life.request.limits,
        caps: life.request.caps,
        belongs: Belongs {
            owner: life.request.keycloak_id.clone(),
            host: life.request.host.clone(),
            spools: life.spool.folder().parent().map(Path::to_owned).unwrap_or_default(),
        },
    };
    let started_at = Utc::now().naive_utc();
    let (spool, about) = (life.spool.clone(), engine.about(life.request.run));
    let provenance = provenance(&life.request, about.clone());
    let mut note = |identity: &Identity| note(&spool, identity);
    // Made ahead: the database is told meanwhile.
    let (created, claimed) = tokio::join!(engine.create(&job, &mut note), claim(life, &provenance, started_at));
    match claimed {
        Claimed::Ours => {}
        Claimed::Cancelled => return Ok(Stage::Ended(recover::cancelled())),
        Claimed::NotNow => return Ok(Stage::StaysQueued),
    }
    let created = match created {
        Ok(created) => created,
        Err(error) => return Ok(Stage::Ended(refused(&error.into()))),
    };
    crate::faults::at("claimed");
    life.state.change(|state| {
        state.status = Status::Running;
        state.started_at = Some(started_at);
        state.isolation = Some((about.level, about.guarantee));
    });
    // Not forced to the disk: a host that goes down takes the code along, which then simply runs again.
    life.spool.write(recover::STARTING, &())?;
    crate::faults::at("starting");
    let log = new_log(life)?;
    let running = match created.start(&mut note).await {
        Ok(running) => running,
        Err(error) => return Ok(Stage::Ended(refused(&error.into()))),
    };
    crate::faults::at("started");
    attend(life, running, log).await
}

/// Goes on with a run that an earlier supervisor started.
pub(super) async fn resume(life: &mut Life) -> Result<Stage, SpoolError> {
    let identity = match life.spool.read::<Identity>(recover::SANDBOX) {
        Ok(Some(identity)) if identity.outlives_supervisor() => identity,
        _ => return recover::recover(&life.spool, &life.request).await.map(Stage::Ended),
    };
    if let Ok(Some(drained)) = life.spool.read::<Drained>(recover::ENDED) {
        return collect(life, &identity, drained).await;
    }
    let folder = life.spool.path(recover::WORK);
    let adopted = patiently(life, "the engine does not answer", async || identity.adopt(&folder).await).await;
    let running = match adopted {
        Some(Adopted::Running(running)) => running,
        Some(Adopted::NeverStarted) => return Ok(Stage::NeverStarted),
        Some(Adopted::Over(_)) => return recover::recover(&life.spool, &life.request).await.map(Stage::Ended),
        None => return Ok(Stage::GoesOn),
    };
    let record = match life.database().await {
        Ok(db) => db::runs::get(&db, life.request.user, life.request.calculation).await.ok().flatten(),
        Err(_) => None,
    };
    life.state.change(|state| {
        state.status = Status::Running;
        state.started_at = record.as_ref().and_then(|record| record.started_at);
        state.isolation = record.and_then(|record| record.level.zip(record.guarantee));
    });
    // The engine has kept the whole of it.
    let log = new_log(life)?;
    attend(life, running, log).await
}

/// Sees a started sandbox to its end, and what it left to the spool.
async fn attend(life: &mut Life, mut running: Running, log: LogWriter) -> Result<Stage, SpoolError> {
    life.state.change(|state| state.phase = Phase::Running);
    life.state.write();
    let Some(mut drained) = drain(life, &mut running, log).await else { return Ok(Stage::GoesOn) };
    drained.notes = running.notes();
    if let Err(error) = life.spool.write(recover::ENDED, &drained) {
        tracing::warn!(%error, "how the sandbox ended is not written down");
    }
    crate::faults::at("ended");
    collect(life, &running.identity(), drained).await
}

/// Brings home what a sandbox that is over has left, and judges it.
async fn collect(life: &mut Life, identity: &Identity, drained: Drained) -> Result<Stage, SpoolError> {
    let folder = life.spool.path(recover::WORK);
    let fetched = patiently(life, "its outputs cannot be read yet", async || identity.fetch(&folder).await).await;
    let Some(notes) = fetched else { return Ok(Stage::GoesOn) };
    crate::faults::at("fetched");
    let (spool, request) = (life.spool.clone(), life.request.clone());
    let collected = tokio::task::spawn_blocking(move || drained.collect(&spool, &request)).await;
    let mut end = collected.unwrap_or_else(|error| {
        never_began(ErrorKind::Engine, format!("what the run left could not be read: {error}"))
    });
    end.outcome.notes.extend(notes);
    Ok(Stage::Ended(end))
}

/// Tries again where the engine is away, and says so; `None` where this process shall end first.
async fn patiently<T>(
    life: &mut Life,
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<T, EngineError>,
) -> Option<T> {
    let mut pause = Pause::new();
    loop {
        let error = match attempt().await {
            Ok(done) => {
                life.state.change(|state| state.waiting_reason = None);
                return Some(done);
            }
            Err(error) => error,
        };
        tracing::warn!(%error, "{what}");
        life.state.change(|state| state.waiting_reason = Some(format!("{what}: {error}")));
        life.state.write();
        if pause.wait(&life.spool, &mut life.terminate).await == Paused::GiveUp {
            return None;
        }
    }
}

fn new_log(life: &Life) -> Result<LogWriter, SpoolError> {
    LogWriter::create(life.spool.folder(), life.request.caps.log_bytes)
        .map_err(|source| SpoolError::Io { path: life.spool.path(super::log::LOG), source })
}

/// Writes down which sandbox it is.
fn note(spool: &Spool, identity: &Identity) {
    if let Err(error) = spool.write(recover::SANDBOX, identity) {
        tracing::warn!(%error, "which sandbox it is, is not written down");
    }
}

fn refused(refusal: &Refusal) -> Final {
    let mut end = never_began(refusal.kind(), refusal.to_string());
    if let Refusal::Prepare(error) = refusal {
        end.outcome.error_line = error.line();
    }
    end
}

/// Makes the folders of the contract, with the input files from the store, each with the hash it had.
async fn prepare(spool: &Spool, request: &Request) -> Result<(), Refusal> {
    let (work, fetched) = (spool.path(recover::WORK), spool.path("inputs"));
    // A supervisor before this one may have got half-way.
    super::trash::remove(&work)?;
    super::trash::remove(&fetched)?;
    let mut inputs: Vec<(PathBuf, String)> = Vec::new();
    if !request.inputs.is_empty() {
        super::spool::make_private(&fetched)?;
        let store = Store::local(&request.store)?;
        for (number, input) in request.inputs.iter().enumerate() {
            let path = fetched.join(number.to_string());
            let named = |source| Refusal::Input { name: input.name.clone(), source };
            store.fetch(&input.key, input.hash.as_deref(), &path).await.map_err(named)?;
            inputs.push((path, input.name.clone()));
        }
    }
    let (code, parameters) = (request.code.clone(), request.parameters.clone());
    let prepared = tokio::task::spawn_blocking(move || contract::prepare(&work, &code, &parameters, &inputs));
    prepared.await.map_err(io::Error::other)??;
    Ok(super::trash::remove(&fetched)?)
}

fn provenance(request: &Request, about: About) -> Provenance {
    Provenance {
        run: request.run,
        engine: about.engine,
        level: about.level,
        guarantee: about.guarantee,
        host: request.host.clone(),
        interpreter: about.interpreter,
        image_digest: about.image_digest,
        container: about.container,
        limits: request.limits,
    }
}

enum Claimed {
    Ours,
    Cancelled,
    NotNow,
}

/// How long a database that refuses is asked; the turn is held meanwhile.
const CLAIM_PATIENCE: Duration = Duration::from_mins(10);

/// Takes the run in the database.
async fn claim(life: &mut Life, provenance: &Provenance, started_at: NaiveDateTime) -> Claimed {
    let mut pause = Pause::new();
    let began = Instant::now();
    loop {
        let error = match try_claim(life, provenance, started_at).await {
            Ok(claimed) => return claimed,
            Err(error) => error,
        };
        tracing::warn!(%error, "not claimed yet");
        life.state.change(|state| state.waiting_reason = Some(format!("the database refuses: {error}")));
        life.state.write();
        if life.spool.is_asked_to_stop() {
            return Claimed::Cancelled;
        }
        if began.elapsed() > CLAIM_PATIENCE || pause.wait(&life.spool, &mut life.terminate).await == Paused::GiveUp {
            return Claimed::NotNow;
        }
    }
}

async fn try_claim(
    life: &mut Life,
    provenance: &Provenance,
    started_at: NaiveDateTime,
) -> Result<Claimed, db::DbError> {
    let db = life.database().await?;
    if db::runs::claim(&db, life.request.run, provenance, started_at).await? {
        life.state.change(|state| state.waiting_reason = None);
        return Ok(Claimed::Ours);
    }
    let record = db::runs::get(&db, life.request.user, life.request.calculation).await?;
    Ok(match record {
        // Claimed by a supervisor of this very run that ended before it started anything.
        Some(record) if record.id == life.request.run && record.status == Status::Running => Claimed::Ours,
        // Cancelled, or deleted with its calculation.
        _ => Claimed::Cancelled,
    })
}

/// Reads everything that comes out of a sandbox until it is over; `None` where this process shall end before a
/// sandbox that goes on without it.
async fn drain(life: &mut Life, running: &mut Running, log: LogWriter) -> Option<Drained> {
    let Outputs { stdout, stderr } = running.take_output().expect("taken once");
    let (mut out, mut err) = (Pipe::new(stdout), Pipe::new(stderr));
    let mut joiner = Joiner::new(log);
    let mut meter = Meter::new(ProgressReader::new(&life.spool.path(recover::WORK)));
    let mut usage = running.watch_usage();
    let mut asked = Notify::new([(life.spool.folder(), WatchMask::CREATE)]).ok();
    let (mut stopped, mut terminated, mut over) = (false, false, false);
    let mut ended = None;
    let mut give_up = None;
    if life.spool.is_asked_to_stop() {
        stopped = stop(&mut life.state, running);
    }
    while ended.is_none() || !(out.is_over() && err.is_over()) {
        let due = [joiner.due(), life.state.due()].into_iter().flatten().min();
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
            () = change(&mut asked), if !stopped => {
                if life.spool.is_asked_to_stop() {
                    stopped = stop(&mut life.state, running);
                }
            }
            _ = life.terminate.recv(), if !terminated => {
                if running.identity().outlives_supervisor() {
                    tracing::info!("told to end; the run goes on, and the next start of mecapy takes it over");
                    return None;
                }
                terminated = true;
                stopped = stop(&mut life.state, running);
            }
            () = until(due) => joiner.tick(),
            () = until(give_up) => break,
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
        Some(Ok(ended)) if ended.stopped == Some(Stopped::Cancelled) && !stopped => (ended, Some(ORDERED.to_owned())),
        Some(Ok(ended)) => (ended, None),
        Some(Err(error)) => (recover::unknown(usage), Some(error.to_string())),
        None => (recover::unknown(usage), Some("the sandbox does not say how it ended".to_owned())),
    };
    let told = "the supervisor was told to end (SIGTERM; is the host going down?)";
    let trouble = if terminated { Some(told.to_owned()) } else { trouble };
    life.state.change(|state| {
        state.phase = Phase::Collecting;
        state.usage = Some(ended.usage);
        state.log_bytes = log.size();
    });
    life.state.write();
    Some(Drained { ended, trouble, tail, lost, notes: Vec::new(), completed_at: Utc::now().naive_utc() })
}

fn stop(state: &mut StateFile, running: &Running) -> bool {
    running.stop(Stopped::Cancelled);
    state.change(|state| {
        state.phase = Phase::Stopping;
        state.killed_at.get_or_insert(Utc::now().naive_utc() + TimeDelta::seconds(state.caps.grace.into()));
    });
    state.write();
    true
}

pub(super) async fn change(notify: &mut Option<Notify>) {
    match notify {
        Some(notify) => notify.changed().await,
        None => tokio::time::sleep(Duration::from_secs(1)).await,
    }
}

pub(super) async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// Passes figures and progress on, as often as anybody can see.
struct Meter {
    progress: ProgressReader,
    skipped: usize,
    told: Option<Instant>,
}

impl Meter {
    const fn new(progress: ProgressReader) -> Self {
        Self { progress, skipped: 0, told: None }
    }

    fn read(&mut self, usage: Usage, state: &mut StateFile, joiner: &mut Joiner) {
        self.look(state, joiner);
        if self.told.is_some_and(|told| told.elapsed() < USAGE_EVERY) {
            return;
        }
        // Time passes by itself, and shared pages cost less as others start who share them: a run that does nothing
        // changes nothing.
        let changed = state.get().usage.is_none_or(|before| {
            let enough = (before.memory / 100).max(2 << 20);
            usage.memory.abs_diff(before.memory) >= enough || usage.cpu_time - before.cpu_time >= 0.01
        });
        if changed {
            self.told = Some(Instant::now());
            state.change(|state| state.usage = Some(usage));
        }
    }

    /// Whether there was anything new.
    fn look(&mut self, state: &mut StateFile, joiner: &mut Joiner) -> bool {
        let update = self.progress.poll();
        let is_new = !update.lines.is_empty() || !update.skipped.is_empty();
        for line in update.skipped {
            self.skipped += 1;
            if self.skipped <= MAX_SKIPPED {
                joiner.note(&format!("out/progress.jsonl: no JSON object, skipped: {line}"));
            }
        }
        if let Some(newest) = update.lines.into_iter().next_back() {
            state.change(|state| state.progress = Some(newest));
        }
        is_new
    }

    fn last(&mut self, state: &mut StateFile, joiner: &mut Joiner) {
        // Bounded, whatever the file holds: a look reads up to 1 MiB.
        for _ in 0..64 {
            if !self.look(state, joiner) {
                break;
            }
        }
    }
}
