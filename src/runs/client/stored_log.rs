//! The log of any run: of one that goes on in its spool, of one that is over unpacked from the store.

use crate::{
    db::{self, DbError},
    domain::{
        file::{FileRole, UserFile},
        id::CalculationId,
    },
    runs::{
        removal,
        spool::{
            Spool,
            log::{self, LogReader, PackError},
            make_private,
        },
    },
    session::Session,
    storage::StoreError,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Unpacked logs that are kept in the cache.
const KEPT: usize = 16;

/// More than any configured cap is likely to be; a file that unpacks to more was not made by mecapy.
const LARGEST: u64 = 8 << 30;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored file.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The spool or the cache.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens the log of a calculation's run; `None` where it has none, or none yet.
pub async fn open_log(session: &Session, id: CalculationId) -> Result<Option<LogReader>, LogError> {
    // A run may be delivered between the two looks: then the second try finds it stored.
    for _ in 0..2 {
        let Some(record) = db::runs::get(&session.db, session.user.id, id).await? else { return Ok(None) };
        let spool = Spool::of(&session.config.paths.spool(), record.id);
        match LogReader::open(spool.folder()) {
            Ok(reader) => return Ok(Some(reader)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(LogError::Io { path: spool.folder().to_owned(), source }),
        }
        let files = db::calculations::files(&session.db, session.user.id, id).await?;
        if let Some(stored) = files.into_iter().find(|linked| linked.file_role == FileRole::Log) {
            return open_stored(session, &stored.file).await.map(Some);
        }
    }
    Ok(None)
}

/// Removes the unpacked copy of a log that is deleted.
pub(super) fn remove(session: &Session, file: &UserFile) {
    let folder = unpacked(&root(session), file);
    if folder.is_dir()
        && let Err(error) = removal::remove(&folder)
    {
        tracing::warn!(%error, path = %folder.display(), "the unpacked log of a deleted run stays");
    }
}

/// Where unpacked logs are.
pub(super) fn root(session: &Session) -> PathBuf {
    session.config.paths.cache.join("logs")
}

/// The folder of one. The hash is in the name: another database may give the same number to another file.
pub(super) fn unpacked(root: &Path, file: &UserFile) -> PathBuf {
    let hash = file.file_hash.as_deref().unwrap_or("unknown");
    root.join(format!("{}-{}", file.id, hash.get(..16).unwrap_or(hash)))
}

async fn open_stored(session: &Session, file: &UserFile) -> Result<LogReader, LogError> {
    let root = root(session);
    let folder = unpacked(&root, file);
    let failed = |source| LogError::Io { path: folder.clone(), source };
    if let Ok(reader) = LogReader::open(&folder) {
        let _ = fs::File::open(&folder).and_then(|folder| folder.set_modified(SystemTime::now()));
        return Ok(reader);
    }
    make_private(&root).map_err(failed)?;
    let making = root.join(format!(".{}", uuid::Uuid::new_v4()));
    make_private(&making).map_err(failed)?;
    let unpacked = unpack(session, file, &making).await;
    let placed = match unpacked {
        // Another process may have been faster: its folder holds the same.
        Ok(()) => match fs::rename(&making, &folder) {
            Err(error) if !folder.is_dir() => Err(failed(error)),
            _ => Ok(()),
        },
        Err(error) => Err(error),
    };
    let _ = removal::remove(&making);
    placed?;
    evict(&root, &folder);
    LogReader::open(&folder).map_err(failed)
}

async fn unpack(session: &Session, file: &UserFile, into: &Path) -> Result<(), LogError> {
    let packed = into.join("packed");
    session.store.download(file, &packed).await?;
    let folder = into.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        log::unpack(&packed, &folder, LARGEST)?;
        fs::remove_file(&packed).map_err(PackError::from)
    });
    done.await.map_err(|error| LogError::Io { path: into.to_owned(), source: error.into() })??;
    Ok(())
}

/// Removes the logs that were not looked at for longest, and what interrupted unpacking left.
fn evict(root: &Path, keep: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    let mut known: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .filter(|(_, path)| path != keep)
        .collect();
    known.sort_unstable();
    let many = known.len().saturating_sub(KEPT - 1);
    for (_, path) in known.drain(..many) {
        if let Err(error) = removal::remove(&path) {
            tracing::warn!(%error, path = %path.display(), "cached log not removed");
        }
    }
}
