//! Telling database and store how a run ended, as often as it takes.
//!
//! Every step can be done again without harm: objects have keys that follow from the run, rows are
//! known by their keys, and the first end recorded stays. So whoever is interrupted, anybody may begin again.

use crate::{
    db::{self, Db, DbError},
    domain::{
        check_length,
        file::{self, FileRole, NewFile},
        id::{CalculationId, RunId},
    },
    runs::{
        removal,
        spool::{Final, LockedSpool, Request, SpoolError, log},
    },
    storage::{ABANDONED, Store, StoreError, StoreSecrets, content_type},
};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Why the end of a run could not be told yet. All of it stays in the spool.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The log could not be packed.
    #[error("the log in {folder} cannot be packed: {source}")]
    Pack {
        /// The spool folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The database does not know the run: it was put back from a copy, or replaced.
    #[error("{database} does not know this run of calculation {calculation}; its files are kept in {folder}")]
    Unknown {
        /// The database.
        database: String,
        /// What was run.
        calculation: CalculationId,
        /// The spool folder.
        folder: PathBuf,
    },
}

/// One file to deliver.
struct FileToStore {
    /// Where it lies.
    path: PathBuf,
    /// Its name as the code gave it.
    name: String,
    role: FileRole,
}

/// Tells database and store; afterwards the spool is of no more use.
///
/// Where the calculation was deleted meanwhile, nothing of the run stays in the store.
pub(in crate::runs) async fn deliver(
    spool: &LockedSpool,
    request: &Request,
    end: &Final,
    db: &Db,
    store: &Store,
) -> Result<(), DeliverError> {
    match store_and_record(spool, request, end, db, store).await {
        Err(_) if spool.is_deleted() && !is_known(request, db).await? => withdraw(request, end, store).await,
        done => done,
    }
}

async fn is_known(request: &Request, db: &Db) -> Result<bool, DbError> {
    let record = db::runs::get(db, request.user, request.calculation).await?;
    if record.is_none() {
        // A person who was switched off sees nothing; that is no deletion.
        db.still_somebody().await?;
    }
    Ok(record.is_some_and(|record| record.id == request.run))
}

/// Removes whatever of the run may have reached the store without a row that says so.
async fn withdraw(request: &Request, end: &Final, store: &Store) -> Result<(), DeliverError> {
    let outputs = end.outcome.outputs.iter().map(|output| output.name.clone());
    for (number, name) in outputs.chain([log_name(request)]).enumerate() {
        store.remove(&key(request, number, &name)).await?;
    }
    Ok(())
}

async fn store_and_record(
    spool: &LockedSpool,
    request: &Request,
    end: &Final,
    db: &Db,
    store: &Store,
) -> Result<(), DeliverError> {
    if !is_known(request, db).await? {
        if end.outcome.usage.is_none() {
            // Deleted while it waited: there is nobody to tell, and nothing.
            return Ok(());
        }
        let (database, folder) = (db.place().to_owned(), spool.folder().to_owned());
        return Err(DeliverError::Unknown { database, calculation: request.calculation, folder });
    }
    for (number, file) in files(spool, request, end)?.iter().enumerate() {
        send(request, file, &key(request, number, &file.name), db, store).await?;
        crate::faults::at("delivering");
    }
    db::runs::finish(db, request.run, &end.outcome, end.completed_at).await?;
    // The folder goes next, so what was told must outlast a loss of power.
    db.sync()?;
    Ok(())
}

async fn send(request: &Request, file: &FileToStore, key: &str, db: &Db, store: &Store) -> Result<(), DeliverError> {
    let path = &file.path;
    if !path.exists() {
        // Removed by hand: it can never be delivered, and must not hold up the rest.
        tracing::error!(path = %path.display(), "an output is gone from the spool");
        return Ok(());
    }
    let stored = store.put_file(key, path).await?;
    crate::faults::at("stored");
    let name = fitting(&file.name);
    let row = NewFile {
        user_id: request.user,
        content_type: content_type(&name).to_owned(),
        filename: name.clone(),
        original_filename: name,
        file_size: i64::try_from(stored.size).unwrap_or(i64::MAX),
        s3_key: stored.key,
        s3_bucket: stored.bucket,
        s3_url: stored.url,
        file_hash: Some(stored.hash),
        description: None,
    };
    db::files::record_written(db, request.calculation, &row, &file.role).await?;
    Ok(())
}

/// The key of a run's file; the log comes after all others.
fn key(request: &Request, number: usize, name: &str) -> String {
    file::storage_key(&request.keycloak_id, object(request.run, number), name)
}

fn log_name(request: &Request) -> String {
    format!("calculation-{}.log.gz", request.calculation)
}

/// The id in the key of a run's file: the same whenever and by whomever it is delivered.
fn object(run: RunId, number: usize) -> uuid::Uuid {
    let hash = Sha256::digest(format!("{run}/{number}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // Version 8 (RFC 9562 section 5.8): an id made by a rule of one's own.
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The files to deliver, always in the same order.
fn files(spool: &LockedSpool, request: &Request, end: &Final) -> Result<Vec<FileToStore>, DeliverError> {
    // What was collected is elsewhere; on a full disk the packed log may need this space.
    if let Err(error) = removal::remove(&spool.work()) {
        tracing::warn!(%error, "the run's folders stay until the end");
    }
    let mut files: Vec<_> = end
        .outcome
        .outputs
        .iter()
        .map(|output| FileToStore {
            path: spool.collected().join(&output.stored),
            name: output.name.clone(),
            role: if output.artifact { FileRole::Artifact } else { FileRole::Output },
        })
        .collect();
    if spool.log_size() > 0 {
        let path = spool.packed_log();
        log::pack(spool.folder(), &path)
            .map_err(|source| DeliverError::Pack { folder: spool.folder().to_owned(), source })?;
        files.push(FileToStore { path, name: log_name(request), role: FileRole::Log });
    }
    Ok(files)
}

/// A name as its column takes it: at most 255 characters, the end kept, where the extension is.
fn fitting(name: &str) -> String {
    let name: String = name.chars().map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect();
    match check_length("filename", &name, 255) {
        Ok(()) if name.is_empty() => "file".to_owned(),
        Ok(()) => name,
        Err(_) => {
            let count = name.chars().count();
            name.chars().skip(count - 254).fold(String::from("…"), |mut text, c| {
                text.push(c);
                text
            })
        }
    }
}

/// Removes what interrupted uploads of this person left in the store. Once a day, and after a delivery: nobody waits
/// for it.
pub(in crate::runs) fn sweep_store(request: &Request, secrets: Option<&StoreSecrets>) {
    let marker = request.queue.join("store.swept");
    let last = std::fs::metadata(&marker).and_then(|marker| marker.modified());
    if last.is_ok_and(|last| last.elapsed().is_ok_and(|age| age < ABANDONED)) {
        return;
    }
    // Noted first: a store that cannot be swept is not tried at each run.
    if std::fs::write(&marker, "").is_err() {
        return;
    }
    let swept = Store::open(&request.store, secrets).and_then(|store| store.sweep(&request.keycloak_id, ABANDONED));
    match swept {
        Ok(0) => {}
        Ok(parts) => tracing::info!(parts, "parts of interrupted uploads removed"),
        Err(error) => tracing::warn!(%error, "the store is not swept"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_run_always_becomes_the_same_object() {
        let (one, other) = (RunId::new(), RunId::new());
        assert_eq!(object(one, 0), object(one, 0));
        assert!(object(one, 0) != object(one, 1) && object(one, 0) != object(other, 0));
    }

    #[test]
    fn names_fit_their_column_and_keep_their_extension() {
        assert_eq!(fitting("a/b.csv"), "a/b.csv");
        assert_eq!(fitting(""), "file");
        let long = fitting(&format!("{}.vtk", "é".repeat(300)));
        assert_eq!((long.chars().count(), &long[long.len() - 4..]), (255, ".vtk"));
    }
}
