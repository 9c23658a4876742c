//! The supervisor: one process a run, from its turn to its delivery.

use super::{
    beat,
    deliver::{deliver, sweep_store},
    detach, drain, fetch,
    live::{self, LiveState, Phase, StateFile},
    pause::{Pause, Paused, engine_patience},
    queue, recover,
    request::Request,
    spool::{Final, Spool, SpoolError, SpoolLock},
    work::{self, Stage},
};
use crate::{
    db::{self, Access, Address, Db, DbError},
    domain::{run::ErrorKind, status::Status},
    sandbox::{Identity, builtin},
    storage::Store,
};
use std::{
    ffi::OsStr,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::OnceCell,
};

/// Which process supervises: its name in a spool folder.
pub(super) const WHO: &str = "supervisor.json";

/// How long another process may look at the spool before this one gives up: whoever has it longer supervises it.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// How long a supervisor tries to deliver; after that, any later start of mecapy does.
const DELIVERY_PATIENCE: Duration = Duration::from_mins(30);

/// How long it tries to leave nothing behind where nobody wants to know any more.
const LAST_PATIENCE: Duration = Duration::from_secs(30);

/// Becomes a supervisor where the arguments of this process ask for one: `mecapy supervise FOLDER`.
///
/// Looked at before anything else: a supervisor has no settings but its request.
pub fn requested() -> Option<ExitCode> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.iter().map(AsRef::as_ref).collect::<Vec<&OsStr>>()[..] {
        [word, folder] if word == detach::SUPERVISE => Some(report(leave(Path::new(folder)))),
        [word, detached, folder] if word == detach::SUPERVISE && detached == detach::DETACHED => {
            Some(main(Path::new(folder)))
        }
        _ => None,
    }
}

/// Supervises the run in `folder` in this process, to its end.
pub fn main(folder: &Path) -> ExitCode {
    say_to_stderr();
    let _ = rustix::thread::set_name(c"mecapy-run");
    report(supervise(folder))
}

fn leave(folder: &Path) -> Result<(), Trouble> {
    say_to_stderr();
    Ok(detach::detach(&Spool::open(folder)?)?)
}

/// Its standard error is a file in the spool. Where that cannot be written (a full disk), silence is better than the
/// panic with which a subscriber would say so.
fn say_to_stderr() {
    let _ =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).log_internal_errors(false).try_init();
}

fn report(done: Result<(), Trouble>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What keeps a supervisor from its work. The spool stays, and the next start of mecapy goes on from it.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn supervise(folder: &Path) -> Result<(), Trouble> {
    let access = detach::handed_over();
    let spool = Spool::open(folder)?;
    crate::faults::at("awake");
    let Some(lock) = patient_lock(&spool)? else {
        tracing::info!("another process supervises this run");
        return Ok(());
    };
    spool.write(WHO, &builtin::Identity::of(rustix::process::getpid().as_raw_pid())?)?;
    // One thread does all of it; the few things that block have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let request = spool.request()?;
        let request_database = request.database.clone();
        let state = StateFile::new(spool.clone(), live::first(&request));
        let life = Life {
            spool,
            request,
            state,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            db: Database::new(request_database, access.clone()),
            access,
            sandbox: None,
        };
        Box::pin(life.live(lock)).await
    })
}

fn patient_lock(spool: &Spool) -> Result<Option<SpoolLock>, SpoolError> {
    let began = Instant::now();
    loop {
        if let Some(lock) = spool.try_lock()? {
            return Ok(Some(lock));
        }
        if began.elapsed() > LOCK_PATIENCE {
            return Ok(None);
        }
        #[expect(clippy::disallowed_methods, reason = "the supervisor has no runtime yet")]
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The run's database, opened when it is first needed, once for all who need it.
#[derive(Clone, Debug)]
pub(super) struct Database(Arc<(Address, Option<Access>, OnceCell<Db>)>);

impl Database {
    fn new(address: Address, access: Option<Access>) -> Self {
        Self(Arc::new((address, access, OnceCell::new())))
    }

    pub(super) async fn get(&self) -> Result<Db, DbError> {
        let (address, access, opened) = &*self.0;
        opened.get_or_try_init(|| address.open(access.as_ref())).await.cloned()
    }

    /// The same, where it was needed before.
    fn opened(&self) -> Option<Db> {
        self.0.2.get().cloned()
    }
}

/// A run's life as its supervisor sees it.
pub(super) struct Life {
    pub(super) spool: Spool,
    pub(super) request: Request,
    pub(super) state: StateFile,
    /// Only has to exist: a hang-up then does nothing.
    #[expect(dead_code, reason = "its being there is what it does")]
    hangup: Signal,
    pub(super) terminate: Signal,
    db: Database,
    /// What opens a shared database.
    pub(super) access: Option<Access>,
    /// Its sandbox, so far as there is anything of it.
    pub(super) sandbox: Option<Identity>,
}

impl Life {
    async fn live(mut self, _lock: SpoolLock) -> Result<(), Trouble> {
        let _beat = beat::start(&mut self);
        let end = self.reach_end().await;
        if !self.spool.folder().exists() {
            self.forsaken().await;
            return Ok(());
        }
        // Without an end it is not this process that sees to it.
        let Some(end) = end? else { return Ok(()) };
        crate::faults::at("final");
        self.tell(&end).await
    }

    /// The end, from wherever in its life the run is.
    async fn reach_end(&mut self) -> Result<Option<Final>, Trouble> {
        if let Some(end) = self.spool.outcome()? {
            return Ok(Some(end));
        }
        if self.spool.path(recover::STARTING).exists() {
            // An earlier supervisor got this far, and no further.
            return Box::pin(self.resume()).await;
        }
        self.begin().await
    }

    /// Somebody removed the spool with everything in it: there is nobody to report to, and nothing may stay.
    async fn forsaken(&mut self) {
        tracing::warn!("the spool was removed: the run is ended");
        queue::leave(&self.request);
        let began = Instant::now();
        let mut pause = Duration::from_millis(100);
        while let Some(sandbox) = &self.sandbox
            && let Err(error) = sandbox.discard().await
        {
            tracing::warn!(%error, "the sandbox is not removed");
            if began.elapsed() > crate::faults::patience(LAST_PATIENCE) {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        // Only where it is open: the database may have been removed as well.
        if let Some(db) = self.db.opened() {
            let words = "the folder in which mecapy kept this run was removed by somebody; the run was ended";
            let end = recover::never_began(ErrorKind::Engine, words.to_owned());
            let told = db::runs::finish(&db, self.request.run, &end.outcome, end.completed_at);
            if let Ok(Err(error)) = tokio::time::timeout(LAST_PATIENCE, told).await {
                tracing::warn!(%error, "its end is not recorded");
            }
        }
    }

    /// Waits for the turn, runs, and writes the final record.
    async fn begin(&mut self) -> Result<Option<Final>, Trouble> {
        self.state.write();
        crate::faults::at("waiting");
        // Without a turn: an image takes minutes, and the engine does the work.
        if let Some(stage) = fetch::image(self).await {
            return match stage {
                Stage::Ended(end) => self.conclude(end).await.map(Some),
                Stage::StaysQueued | Stage::NeverStarted | Stage::GoesOn => Ok(None),
            };
        }
        let turn = match self.turn().await? {
            Waited::Turn(turn) => turn,
            Waited::Cancelled => return self.conclude(recover::cancelled()).await.map(Some),
            Waited::Terminated => return Ok(None),
        };
        let end = match work::run(self).await? {
            Stage::Ended(end) => end,
            Stage::StaysQueued | Stage::NeverStarted => {
                recover::discard(&self.spool).await;
                return Ok(None);
            }
            Stage::GoesOn => return Ok(None),
        };
        let end = self.conclude(end).await?;
        // The next one may begin; delivery needs no turn.
        drop(turn);
        Ok(Some(end))
    }

    /// Goes on where an earlier supervisor stopped.
    async fn resume(&mut self) -> Result<Option<Final>, Trouble> {
        let turn = queue::hold(self.request.clone());
        let stage = {
            tokio::pin!(turn);
            tokio::select! {
                stage = work::resume(self) => stage?,
                never = &mut turn => match never {},
            }
        };
        let end = match stage {
            Stage::Ended(end) => end,
            Stage::StaysQueued | Stage::GoesOn => return Ok(None),
            Stage::NeverStarted => {
                std::fs::remove_file(self.spool.path(recover::STARTING))?;
                return self.begin().await;
            }
        };
        self.conclude(end).await.map(Some)
    }

    async fn turn(&mut self) -> Result<Waited, Trouble> {
        let mut place = queue::Place::of(&self.request)?;
        let mut asked = drain::notes_of(self.spool.folder());
        let state = &mut self.state;
        let notes = place.note().map(str::to_owned).into_iter().chain(detach::note());
        state.change(|state| state.notes.extend(notes));
        let turn = place.turn(|reason| {
            state.change(|state| state.waiting_reason = Some(reason.to_owned()));
            state.write();
        });
        tokio::pin!(turn);
        loop {
            if self.spool.is_asked_to_stop() {
                queue::leave(&self.request);
                return Ok(Waited::Cancelled);
            }
            if !self.spool.folder().exists() {
                return Ok(Waited::Terminated);
            }
            tokio::select! {
                turn = &mut turn => return Ok(Waited::Turn(turn?)),
                () = drain::change(&mut asked) => {}
                _ = self.terminate.recv() => return Ok(Waited::Terminated),
            }
        }
    }

    /// Writes the end down, however long the disk refuses.
    async fn conclude(&mut self, mut end: Final) -> Result<Final, Trouble> {
        for note in &self.request.notes {
            if !end.outcome.notes.contains(note) {
                end.outcome.notes.push(note.clone());
            }
        }
        let mut pause = Pause::new();
        while let Err(error) = self.spool.finish(&end) {
            tracing::warn!(%error, "the end is not written down yet");
            self.state.change(|state| state.waiting_reason = Some(format!("the end cannot be written: {error}")));
            self.state.write();
            if pause.wait(&self.spool, &mut self.terminate).await == Paused::GiveUp {
                return Err(error.into());
            }
        }
        Ok(end)
    }

    /// Delivers, with pauses that grow, and removes the spool.
    async fn tell(mut self, end: &Final) -> Result<(), Trouble> {
        self.state.change(|state| {
            state.phase = Phase::Delivering;
            state.status = end.outcome.status;
            state.waiting_reason = None;
        });
        self.state.write();
        let mut attempted = self.attempt(end).await;
        if attempted.is_ok() {
            crate::faults::at("recorded");
            // Whoever waits for the end need not wait for the engine, which takes as long again.
            let sandbox = self.spool.read::<Identity>(recover::SANDBOX).ok().flatten();
            self.state.change(|state| state.recorded = sandbox.is_some_and(|sandbox| sandbox.outlives_supervisor()));
            self.state.write();
        }
        crate::faults::at("clearing");
        // A database that is away does not keep the container.
        let mut gone = recover::discard(&self.spool).await;
        crate::faults::at("discarded");
        let mut pause = Pause::new();
        let began = Instant::now();
        while let Err(error) = attempted {
            tracing::warn!(%error, "not delivered yet");
            self.state.change(|state| state.waiting_reason = Some(format!("not recorded yet: {error}")));
            self.state.write();
            let gave_up = began.elapsed() > DELIVERY_PATIENCE;
            if gave_up || pause.wait(&self.spool, &mut self.terminate).await == Paused::GiveUp {
                tracing::warn!("the next start of mecapy delivers it");
                return Ok(());
            }
            attempted = self.attempt(end).await;
        }
        crate::faults::at("delivered");
        // Once the spool is gone nobody knows of the container. Where its engine was given up, that was said.
        let (mut pause, began) = (Pause::new(), Instant::now());
        while !gone && !self.spool.is_asked_to_end_now() {
            let words = "its container cannot be removed: the engine does not answer";
            self.state.change(|state| state.waiting_reason = Some(words.to_owned()));
            self.state.write();
            let gave_up = began.elapsed() > engine_patience();
            if gave_up || pause.wait(&self.spool, &mut self.terminate).await == Paused::GiveUp {
                tracing::warn!("the next start of mecapy removes it");
                return Ok(());
            }
            gone = recover::discard(&self.spool).await;
        }
        queue::leave(&self.request);
        self.spool.remove()?;
        sweep_store(&self.request);
        Ok(())
    }

    async fn attempt(&mut self, end: &Final) -> Result<(), super::deliver::DeliverError> {
        let db = self.database().await?;
        let store = Store::local(&self.request.store)?;
        deliver(&self.spool, &self.request, end, &db, &store).await
    }

    /// The database, opened when it is first needed.
    pub(super) async fn database(&self) -> Result<Db, DbError> {
        self.db.get().await
    }

    /// The same for a task beside this one.
    pub(super) fn shared_database(&self) -> Database {
        self.db.clone()
    }
}

enum Waited {
    Turn(queue::Turn),
    Cancelled,
    Terminated,
}

impl LiveState {
    /// Whether nobody will change it any more but to say why it is not recorded.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Delivering && self.status != Status::Running
    }
}
