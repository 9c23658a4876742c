//! The middle of a run's life: prepared, claimed, started, sandbox_end, collected.

use super::{
    claim::{Claimed, claim, provenance},
    drain::drain,
    life::Life,
    waiting::{Pause, Paused, engine_patience},
};
use crate::{
    db,
    domain::{run::ErrorKind, run_state::Phase, status::Status},
    runs::{
        ending::{self, cancelled, discard, never_began},
        removal,
        spool::{Final, LockedSpool, SandboxEnd, SpoolError, log::LogWriter, make_private},
    },
    sandbox::{
        Adopted, Belongs, Engine, EngineError, Identity, Job, Running,
        contract::{self, PrepareError},
    },
    storage::{Store, StoreError},
};
use chrono::Utc;
use std::{
    io,
    path::{Path, PathBuf},
    time::Instant,
};

/// What came of running it, or of going on with it.
pub(super) enum WorkResult {
    /// It is over.
    Ended(Final),
    /// It could not be claimed: nothing has happened, and a later start tries again.
    NotClaimed,
    /// It goes on, or waits to be collected, without this process: a later start takes it over.
    LeftRunning,
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
pub(super) async fn run(life: &mut Life) -> Result<WorkResult, SpoolError> {
    life.state.change(|state| {
        state.phase = Phase::Preparing;
        state.waiting_reason = None;
    });
    life.state.write();
    // Of a supervisor before this one, which ended before any code ran.
    discard(&life.spool).await;
    let (request, asked) = (&life.request, life.request.asked());
    // Claiming needs it, which is beside the making of the sandbox; it tries again where it could not be opened.
    let database = life.database.clone();
    tokio::spawn(async move { database.get().await.map(drop) });
    let found = tokio::join!(Engine::open(&request.engine, &asked), prepare(life));
    let engine = match (found.0, found.1) {
        (Ok(engine), Ok(())) => engine,
        (Err(error), _) => return Ok(WorkResult::Ended(refused(&error.into()))),
        (_, Err(refusal)) => return Ok(WorkResult::Ended(refused(&refusal))),
    };
    let job = Job {
        run: life.request.run,
        folder: life.spool.work(),
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
    let mut made = None;
    let mut making = |identity: &Identity| {
        made = Some(identity.clone());
        note_sandbox(&spool, identity);
    };
    // Made ahead: the database is told meanwhile.
    let (created, claimed) = tokio::join!(engine.create(&job, &mut making), claim(life, &provenance, started_at));
    life.sandbox = made;
    match claimed {
        Claimed::Ours => {}
        Claimed::Cancelled => return Ok(WorkResult::Ended(cancelled())),
        Claimed::NotNow => return Ok(WorkResult::NotClaimed),
    }
    let created = match created {
        Ok(created) => created,
        Err(error) => return Ok(WorkResult::Ended(refused(&error.into()))),
    };
    crate::faults::at("claimed");
    life.state.change(|state| {
        state.status = Status::Running;
        state.started_at = Some(started_at);
        state.isolation = Some((about.level, about.guarantee));
    });
    life.spool.mark_starting()?;
    crate::faults::at("starting");
    let log = life.spool.new_log(life.request.caps.log_bytes)?;
    let running = match created.start(&mut |identity| note_sandbox(&spool, identity)).await {
        Ok(running) => running,
        Err(error) => return Ok(WorkResult::Ended(refused(&error.into()))),
    };
    crate::faults::at("started");
    see_to_end(life, running, log).await
}

/// Goes on with a run that an earlier supervisor started.
pub(super) async fn resume(life: &mut Life) -> Result<WorkResult, SpoolError> {
    let identity = match life.spool.sandbox() {
        Ok(Some(identity)) if identity.outlives_supervisor() => identity,
        _ => return ending::recover(&life.spool, &life.request).await.map(WorkResult::Ended),
    };
    if let Ok(Some(sandbox_end)) = life.spool.sandbox_end() {
        return collect(life, &identity, None, sandbox_end).await;
    }
    life.sandbox = Some(identity.clone());
    let folder = life.spool.work();
    let adopted = retry(life, "the engine does not answer", async || identity.adopt(&folder).await).await;
    let running = match adopted {
        Retried::Done(Adopted::Running(running)) => running,
        Retried::Done(Adopted::NeverStarted) => return Ok(WorkResult::NeverStarted),
        // In the second case it says itself that the engine is away.
        Retried::Done(Adopted::Over(_)) | Retried::GivenUp(_) => {
            return ending::recover(&life.spool, &life.request).await.map(WorkResult::Ended);
        }
        Retried::Left => return Ok(WorkResult::LeftRunning),
    };
    let record = match life.database.get().await {
        Ok(db) => db::runs::get(&db, life.request.user, life.request.calculation).await.ok().flatten(),
        Err(_) => None,
    };
    life.state.change(|state| {
        state.status = Status::Running;
        state.started_at = record.as_ref().and_then(|record| record.started_at);
        state.isolation = record.and_then(|record| record.level.zip(record.guarantee));
    });
    // The engine has kept the whole of it.
    let log = life.spool.new_log(life.request.caps.log_bytes)?;
    see_to_end(life, running, log).await
}

/// Sees a started sandbox to its end, and what it left to the spool.
async fn see_to_end(life: &mut Life, mut running: Running, log: LogWriter) -> Result<WorkResult, SpoolError> {
    life.state.change(|state| state.phase = Phase::Running);
    life.state.write();
    life.sandbox = Some(running.identity());
    let Some(mut sandbox_end) = drain(life, &mut running, log).await else {
        if !life.spool.folder().exists() {
            // What cannot be told to anybody shall not go on.
            running.stop_now();
        }
        return Ok(WorkResult::LeftRunning);
    };
    sandbox_end.notes.extend(running.notes());
    if let Err(error) = life.spool.write_sandbox_end(&sandbox_end) {
        tracing::warn!(%error, "how the sandbox ended is not written down");
    }
    crate::faults::at("ended");
    let identity = running.identity();
    collect(life, &identity, Some(&running), sandbox_end).await
}

/// Brings home what a sandbox that is over has left, and judges it.
async fn collect(
    life: &mut Life,
    identity: &Identity,
    running: Option<&Running>,
    sandbox_end: SandboxEnd,
) -> Result<WorkResult, SpoolError> {
    let folder = life.spool.work();
    let brought = match running {
        Some(running) => running.bring(&folder).await,
        None => None,
    };
    let fetched = match brought {
        Some(Ok(notes)) => Retried::Done(notes),
        // The engine keeps them, and says what is wrong as often as it is asked.
        _ => retry(life, "its outputs cannot be read yet", async || identity.fetch(&folder).await).await,
    };
    let notes = match fetched {
        Retried::Done(notes) => notes,
        Retried::Left => return Ok(WorkResult::LeftRunning),
        Retried::GivenUp(error) => vec![format!("its outputs could not be read: {error}")],
    };
    crate::faults::at("fetched");
    let (spool, request) = (life.spool.clone(), life.request.clone());
    let collected = tokio::task::spawn_blocking(move || ending::collect(sandbox_end, &spool, &request)).await;
    let mut end = collected.unwrap_or_else(|error| {
        never_began(ErrorKind::Engine, format!("what the run left could not be read: {error}"))
    });
    end.outcome.notes.extend(notes);
    Ok(WorkResult::Ended(end))
}

/// What came of trying again and again.
enum Retried<T> {
    Done(T),
    /// This process shall end first, or the engine has been away for too long.
    Left,
    /// The run was stopped twice: it shall end with what there is.
    GivenUp(EngineError),
}

/// Tries again where the engine is away, and says so.
async fn retry<T>(life: &mut Life, what: &str, mut attempt: impl AsyncFnMut() -> Result<T, EngineError>) -> Retried<T> {
    let mut pause = Pause::new();
    let began = Instant::now();
    loop {
        let error = match attempt().await {
            Ok(done) => {
                life.state.change(|state| state.waiting_reason = None);
                return Retried::Done(done);
            }
            Err(error) => error,
        };
        tracing::warn!(%error, "{what}");
        if life.spool.is_asked_to_end_now() {
            return Retried::GivenUp(error);
        }
        life.state.change(|state| state.waiting_reason = Some(format!("{what}: {error}")));
        life.state.write();
        let is_too_long = began.elapsed() > engine_patience();
        if is_too_long || pause.wait(&life.spool, &mut life.terminate).await == Paused::GiveUp {
            return Retried::Left;
        }
    }
}

/// Writes down which sandbox it is.
fn note_sandbox(spool: &LockedSpool, identity: &Identity) {
    if let Err(error) = spool.write_sandbox(identity) {
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
async fn prepare(life: &Life) -> Result<(), Refusal> {
    let (spool, request) = (&life.spool, &life.request);
    let (work, fetched) = (spool.work(), spool.inputs());
    // A supervisor before this one may have got half-way.
    removal::remove(&work)?;
    removal::remove(&fetched)?;
    let mut inputs: Vec<(PathBuf, String)> = Vec::new();
    if !request.inputs.is_empty() {
        make_private(&fetched)?;
        let store = Store::open(&request.store, life.secrets.store.as_ref())?;
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
    Ok(removal::remove(&fetched)?)
}
