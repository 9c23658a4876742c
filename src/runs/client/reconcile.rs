//! At every start: runs of this host that lost their supervisor get another one, or an end.

use super::submit;
use crate::{
    db::{self, Db, DbError},
    domain::{
        id::{CalculationId, RunId},
        status::Status,
    },
    runs::{
        ending::{cancelled, deliver, discard, recover},
        host, queue, removal,
        secrets::Secrets,
        spool::{Final, LockedSpool, Request, Spool, SpoolError},
    },
    session::Session,
    storage::{Store, StoreError},
};
use std::{path::Path, time::Duration};

/// What a start of mecapy found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Queued runs that got a supervisor again.
    pub restarted: Vec<CalculationId>,
    /// Runs that went on without their supervisor and have one again.
    pub adopted: Vec<CalculationId>,
    /// Runs whose supervisor was gone: ended, collected, recorded.
    pub recovered: Vec<CalculationId>,
    /// Runs that had ended and are recorded now.
    pub delivered: Vec<CalculationId>,
    /// What could not be done, in words; it is tried again at the next start.
    pub left: Vec<String>,
}

impl Report {
    /// Whether there was nothing to do.
    pub const fn is_empty(&self) -> bool {
        self.restarted.is_empty()
            && self.adopted.is_empty()
            && self.recovered.is_empty()
            && self.delivered.is_empty()
            && self.left.is_empty()
    }

    /// A sentence for each thing worth telling.
    pub fn sentences(&self) -> Vec<String> {
        let sentence = |ids: &[CalculationId], what: &str| {
            let ids: Vec<_> = ids.iter().map(|id| format!("#{id}")).collect();
            (!ids.is_empty()).then(|| format!("{} {what}", ids.join(", ")))
        };
        [
            sentence(&self.restarted, "waits for its turn again"),
            sentence(&self.adopted, "went on without its supervisor and has one again"),
            sentence(&self.recovered, "lost its supervisor and was ended; what it left was collected"),
            sentence(&self.delivered, "had ended and is recorded now"),
        ]
        .into_iter()
        .flatten()
        .chain(self.left.iter().cloned())
        .collect()
    }
}

/// What was done about one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Restored {
    /// Its supervisor lives, or it is another host's.
    Untouched,
    /// Nobody wanted it any more.
    Swept,
    /// It has a supervisor again.
    Restarted(CalculationId),
    /// It went on alone, or had ended alone, and has a supervisor again.
    Adopted(CalculationId),
    /// It was ended and recorded.
    Recovered(CalculationId),
    /// Its end is recorded.
    Delivered(CalculationId),
}

/// Why a run could not be put right.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Its end cannot be recorded.
    #[error("calculation {calculation} ended, but is not recorded: {problem}")]
    Deliver {
        /// What was run.
        calculation: CalculationId,
        /// Why not.
        problem: String,
    },
    /// It cannot be started.
    #[error("calculation {calculation} is queued, but its supervisor does not start: {source}")]
    Start {
        /// What is to be run.
        calculation: CalculationId,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Looks after the runs of this host. Cheap where there are none; never fails, but says what it could not do.
pub async fn reconcile(session: &Session) -> Report {
    reconcile_with(session, None).await
}

/// The same, with another program than this one as the supervisor of runs that wait.
pub async fn reconcile_with(session: &Session, program: Option<&Path>) -> Report {
    let mut report = Report::default();
    let root = session.config.paths.spool();
    let runs = match Spool::list(&root) {
        Ok(runs) => runs,
        Err(error) => {
            report.left.push(error.to_string());
            return report;
        }
    };
    for run in runs {
        match restore(session, run, program).await {
            Ok(Restored::Untouched | Restored::Swept) => {}
            Ok(Restored::Restarted(id)) => report.restarted.push(id),
            Ok(Restored::Adopted(id)) => report.adopted.push(id),
            Ok(Restored::Recovered(id)) => report.recovered.push(id),
            Ok(Restored::Delivered(id)) => report.delivered.push(id),
            // Delivered by its own supervisor while it was looked at.
            Err(_) if !Spool::of(&root, run).folder().exists() => {}
            Err(error) => report.left.push(error.to_string()),
        }
    }
    if root.is_dir() {
        if let Err(error) = removal::sweep(&root) {
            tracing::warn!(%error, "remains of removed runs");
        }
        let known = |run: &str| root.join(run).is_dir();
        if let Err(error) = queue::sweep(&submit::queue_folder(session), known) {
            tracing::warn!(%error, "queue not swept");
        }
    }
    lost(session, &mut report).await;
    for sentence in report.sentences() {
        tracing::info!("{sentence}");
    }
    report
}

/// Rows that say they are this host's but have no spool. They may be another state folder's, so they are told, not touched.
async fn lost(session: &Session, report: &mut Report) {
    let root = session.config.paths.spool();
    let unfinished = match db::runs::unfinished_of_host(&session.db, &host::name()).await {
        Ok(unfinished) => unfinished,
        Err(error) => {
            report.left.push(error.to_string());
            return;
        }
    };
    for record in unfinished.iter().filter(|record| record.user_id == session.user.id && !record.status.is_final()) {
        if !Spool::of(&root, record.id).folder().exists() {
            report.left.push(format!(
                "#{} is {} on this host, but nothing of it is in {}; if no other mecapy has it, stop it: mecapy calc cancel {}",
                record.calculation_id,
                record.status,
                root.display(),
                record.calculation_id
            ));
        }
    }
}

/// Puts one run right that nobody supervises.
pub(super) async fn restore(session: &Session, run: RunId, program: Option<&Path>) -> Result<Restored, RestoreError> {
    let spool = Spool::open(Spool::of(&session.config.paths.spool(), run).folder())?;
    let request = spool.request()?;
    if request.host != host::name() {
        return Ok(Restored::Untouched);
    }
    if matches!(request.database, db::Address::Server { .. }) && !request.belongs_to(&session.db) {
        // Whoever works with that database looks after it: nobody else can reach it.
        return Ok(Restored::Untouched);
    }
    let Some(spool) = lock(&spool).await? else { return Ok(Restored::Untouched) };
    if let Some(end) = spool.outcome()? {
        deliver_end(session, spool, &request, &end).await?;
        return Ok(Restored::Delivered(request.calculation));
    }
    if spool.may_have_started() {
        if let Ok(Some(identity)) = spool.sandbox()
            && identity.outlives_supervisor()
        {
            return match restart(session, spool, &request, program).await? {
                Restored::Restarted(calculation) => Ok(Restored::Adopted(calculation)),
                other => Ok(other),
            };
        }
        let end = recover(&spool, &request).await?;
        deliver_end(session, spool, &request, &end).await?;
        return Ok(Restored::Recovered(request.calculation));
    }
    let db = database(session, &request).await?;
    let record = db::runs::get(&db, request.user, request.calculation).await?;
    match record.filter(|record| record.id == request.run) {
        Some(record) if !record.status.is_final() => {
            if spool.is_asked_to_stop() && record.status == Status::Running {
                // Claimed, not started, and not wanted any more.
                let end = cancelled();
                spool.finish(&end)?;
                deliver_end(session, spool, &request, &end).await?;
                return Ok(Restored::Delivered(request.calculation));
            }
            restart(session, spool, &request, program).await
        }
        // Cancelled or deleted while it waited, or never recorded: its submission was interrupted.
        _ => {
            queue::leave(&request);
            discard(&spool).await;
            spool.remove()?;
            Ok(Restored::Swept)
        }
    }
}

async fn restart(
    session: &Session,
    spool: LockedSpool,
    request: &Request,
    program: Option<&Path>,
) -> Result<Restored, RestoreError> {
    let calculation = request.calculation;
    let secrets = Secrets::of(session, request);
    let started = submit::start(spool.unlock(), program.map(Path::to_owned), secrets).await;
    started.map_err(|source| RestoreError::Start { calculation, source })?;
    Ok(Restored::Restarted(calculation))
}

async fn deliver_end(
    session: &Session,
    spool: LockedSpool,
    request: &Request,
    end: &Final,
) -> Result<(), RestoreError> {
    let failed = |problem: String| RestoreError::Deliver { calculation: request.calculation, problem };
    let db = database(session, request).await?;
    let store = store(session, request).map_err(|error| failed(error.to_string()))?;
    discard(&spool).await;
    deliver(&spool, request, end, &db, &store).await.map_err(|error| failed(error.to_string()))?;
    queue::leave(request);
    Ok(spool.remove()?)
}

/// The database that the run belongs to, which the session's settings may have left.
async fn database(session: &Session, request: &Request) -> Result<Db, DbError> {
    if request.belongs_to(&session.db) {
        return Ok(session.db.clone());
    }
    request.database.open(None).await
}

/// The store of the run, which the session's settings may have left as well.
fn store(session: &Session, request: &Request) -> Result<Store, StoreError> {
    if session.store.address() == request.store {
        return Ok(session.store.clone());
    }
    Store::open(&request.store, None)
}

/// The lock, unless somebody keeps it: others look too, for an instant.
async fn lock(spool: &Spool) -> Result<Option<LockedSpool>, SpoolError> {
    for _ in 0..5 {
        if let Some(locked) = spool.try_lock()? {
            return Ok(Some(locked));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(None)
}
