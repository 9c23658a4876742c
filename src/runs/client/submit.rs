//! Asking for a run.

use super::engines;
use crate::{
    config::Engine,
    db::{self, DbError},
    domain::{
        FieldError,
        calculation::{self, Calculation},
        format,
        id::{CalculationId, RunId},
        parameters,
        tool::DEFAULT_IMAGE,
    },
    runs::{
        host, queue,
        secrets::Secrets,
        spool::{Bounds, Input, LockedSpool, Request, Spool, SpoolError, make_private},
        supervisor,
    },
    sandbox::{self, About, Chosen, EngineError, Wish, docker::Reference},
    session::Session,
    storage::StoreError,
};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

/// What may be said about one run beyond its calculation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The interpreter; the configured one, else `python3` of the PATH.
    pub python: Option<PathBuf>,
    /// The engine; the configured one without.
    pub engine: Option<Engine>,
    /// The image; the tool's without one.
    pub image: Option<String>,
    /// Fetch the image where it is not here, however large.
    pub pull: bool,
    /// The mecapy that supervises; this very program without one.
    pub program: Option<PathBuf>,
}

/// Why a run was not started.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// There is no such calculation.
    #[error("calculation {0} does not exist, or is not yours")]
    NotFound(CalculationId),
    /// The code, the parameters or a limit.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// An input file.
    #[error("input {name}: {problem}")]
    Input {
        /// What the code calls it.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The disk.
    #[error(
        "only {} free in {}; a run needs {} there to begin with. Free some space, or move mecapy's state \
         (MECAPY_PATHS_STATE)", format::bytes(*.free), .folder.display(), format::bytes(*.needed)
    )]
    NoSpace {
        /// Where.
        folder: PathBuf,
        /// Bytes.
        free: u64,
        /// Bytes.
        needed: u64,
    },
    /// No engine for it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A database that no other process can open.
    #[error("the database {0} is no file: a run's supervisor could not open it")]
    NoFile(String),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The spool.
    #[error("the run cannot be put down: {0}")]
    Spool(#[from] SpoolError),
    /// The queue.
    #[error("the run cannot be queued in {folder}: {source}")]
    Queue {
        /// The queue's folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is queued, and waits for a supervisor.
    #[error(
        "calculation {calculation} is queued, but its supervisor does not start: {source}. The next start of mecapy tries again"
    )]
    Start {
        /// What is to be run.
        calculation: CalculationId,
        /// What the system said.
        source: io::Error,
    },
}

/// Less free space than this, and a run is not begun.
const NEEDED: u64 = 64 << 20;

/// Queues a calculation and starts its supervisor.
///
/// When this returns the run goes on whatever happens to this process: it is in the database and, whole and on the
/// disk, in its spool.
pub async fn submit(session: &Session, id: CalculationId, options: &RunOptions) -> Result<RunId, SubmitError> {
    let request = request(session, id, options).await?;
    let root = session.config.paths.spool();
    check_space(&root, request.inputs.iter().map(|input| input.size).sum())?;
    // The spool first: a queued row without one would never be run, a spool without a row is swept away.
    let spool = LockedSpool::create(&root, &request)?;
    let queued = queue::enter(&request).map_err(|source| SubmitError::Queue { folder: request.queue.clone(), source });
    let recorded = match queued {
        Ok(()) => {
            let limits = &request.limits;
            db::runs::submit(&session.db, session.user.id, id, request.run, &request.host, limits)
                .await
                .map_err(Into::into)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = recorded {
        queue::leave(&request);
        spool.remove()?;
        return Err(error);
    }
    if let Chosen::Docker(choice) = &request.engine
        && let Err(error) = engines::remember(&session.config.paths.state, &choice.endpoint)
    {
        tracing::warn!(%error, "which engine it is, is not remembered for `sandbox prune`");
    }
    // The state is for the eye; on a full disk the run goes on without.
    if let Err(error) = spool.write_state(&request.first_state()) {
        tracing::warn!(%error, "live state not written");
    }
    let secrets = Secrets::of(session, &request);
    start(spool.unlock(), options.program.clone(), secrets)
        .await
        .map_err(|source| SubmitError::Start { calculation: id, source })?;
    tracing::info!(calculation = %id, run = %request.run, "submitted");
    Ok(request.run)
}

/// Starts a supervisor, off the async threads: it waits for a short-lived process.
pub(super) async fn start(spool: Spool, program: Option<PathBuf>, secrets: Secrets) -> io::Result<()> {
    let started = tokio::task::spawn_blocking(move || supervisor::start(&spool, program.as_deref(), &secrets));
    started.await.map_err(io::Error::other)?
}

/// The queue of this user on this host.
pub(super) fn queue_folder(session: &Session) -> PathBuf {
    session.config.paths.state.join("queue").join(host::name())
}

/// Checks everything that can be wrong, and puts together what the supervisor will need.
async fn request(session: &Session, id: CalculationId, options: &RunOptions) -> Result<Request, SubmitError> {
    let config = &session.config;
    let row = db::calculations::get(&session.db, session.user.id, id).await?.ok_or(SubmitError::NotFound(id))?;
    let wish = wish(session, &row, options).await?;
    if wish.own_command {
        tracing::debug!(image = wish.image, "no code: the image's own command");
    } else {
        calculation::check_code("code", &row.code)?;
    }
    let text = row.parameters.unwrap_or_default();
    parameters::parse(&text)?;
    let limits = row.limits.unwrap_or(config.limits.default);
    limits.check(&config.limits.maximum)?;
    let (engine, note) = sandbox::choose(config, &wish).await?;
    Ok(Request {
        run: RunId::new(),
        calculation: id,
        user: session.user.id,
        keycloak_id: session.user.identity.keycloak_id.clone(),
        host: host::name(),
        submitted_at: chrono::Utc::now().naive_utc(),
        code: row.code,
        parameters: text,
        inputs: inputs(session, id).await?,
        limits,
        caps: config.caps,
        bounds: Bounds { per_user: config.runs.max_per_user, per_host: config.runs.max_per_host },
        python: wish.python,
        allow_unisolated: config.sandbox.allow_unisolated,
        engine,
        notes: note.into_iter().collect(),
        database: session.db.address().ok_or_else(|| SubmitError::NoFile(session.db.place().to_owned()))?,
        store: session.store.address(),
        queue: queue_folder(session),
    })
}

/// What it is to be run with: its tool's image, and where it has no code, that image's own command; which Python.
async fn wish(session: &Session, row: &Calculation, options: &RunOptions) -> Result<Wish, SubmitError> {
    let image = match &options.image {
        Some(image) => image.clone(),
        None => usual_image(session, row).await?,
    };
    let own_command = row.code.trim().is_empty() && image != DEFAULT_IMAGE;
    let requires_container = calculation::requires_container("code", &row.code)?;
    let python = options.python.clone().or_else(|| session.config.sandbox.python.clone()).map(absolute);
    Ok(Wish { engine: options.engine, image, python, own_command, requires_container, pull: options.pull })
}

/// The image of the run that this is a copy of, where that was given another one than its tool's; else the tool's.
async fn usual_image(session: &Session, row: &Calculation) -> Result<String, SubmitError> {
    let (db, user) = (&session.db, session.user.id);
    let of_tool = match row.tool_id {
        Some(tool) => db::tools::image(db, tool, row.tool_version_id).await?,
        None => None,
    };
    let usual = of_tool.unwrap_or_else(|| DEFAULT_IMAGE.to_owned());
    let before = match row.parent_id {
        Some(parent) => db::runs::get(db, user, parent).await?,
        None => None,
    };
    let before = before.and_then(|run| run.interpreter);
    let given = before.as_deref().and_then(About::image_in);
    let expected = if usual == DEFAULT_IMAGE { &session.config.sandbox.image } else { &usual };
    let same = |one: &str| match (Reference::parse(one), Reference::parse(expected)) {
        (Ok(one), Ok(other)) => one.full() == other.full(),
        _ => one == expected,
    };
    Ok(given.filter(|given| !same(given)).map(str::to_owned).unwrap_or(usual))
}

/// A path as the supervisor, which works elsewhere, understands it; a bare name that is no folder here is looked up in
/// the PATH.
fn absolute(path: PathBuf) -> PathBuf {
    if path.components().count() == 1 && !path.is_dir() { path } else { std::path::absolute(&path).unwrap_or(path) }
}

/// The input files, each of which must still be there as it was stored.
async fn inputs(session: &Session, id: CalculationId) -> Result<Vec<Input>, SubmitError> {
    let mut inputs = Vec::new();
    let mut names = BTreeSet::new();
    for linked in db::calculations::files(&session.db, session.user.id, id).await? {
        if !linked.file_role.is_read() {
            continue;
        }
        let file = linked.file;
        let name = Input::name_of(&file, linked.alias.as_deref());
        let bad = |problem: String| SubmitError::Input { name: name.clone(), problem };
        let found = session.store.size(&file.s3_key).await.map_err(|error: StoreError| bad(error.to_string()))?;
        let size = u64::try_from(file.file_size).unwrap_or_default();
        if found != size {
            return Err(bad(format!("{found} bytes lie in the store where {size} were stored")));
        }
        if !names.insert(name.clone()) {
            return Err(bad("two input files have this name; give one of them another".to_owned()));
        }
        inputs.push(Input { name, key: file.s3_key, size, hash: file.file_hash, role: linked.file_role });
    }
    Ok(inputs)
}

fn check_space(root: &Path, inputs: u64) -> Result<(), SubmitError> {
    let failed = |source| SpoolError::Io { path: root.to_owned(), source };
    make_private(root).map_err(failed)?;
    let disk = rustix::fs::statvfs(root).map_err(|error| failed(error.into()))?;
    let (free, needed) = (disk.f_bavail.saturating_mul(disk.f_frsize), NEEDED.saturating_add(inputs));
    if free < needed { Err(SubmitError::NoSpace { folder: root.to_owned(), free, needed }) } else { Ok(()) }
}
