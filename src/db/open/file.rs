//! The embedded file and its folder, before SQLite sees them.

use super::{DbError, filesystem};
use crate::db::filesystem::FileSystem;
use rustix::fs::Access;
use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Makes the folder (0700) and an empty file (0600) where they are missing, and checks that both can be written.
///
/// SQLite gives the write-ahead log the permissions of the file. Returns what it all stands on.
pub(super) fn prepare(path: &Path, place: &str) -> Result<FileSystem, DbError> {
    let refused = |error: &io::Error| trouble(place, error);
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| refused(&error))?;
    let size = match path.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            return Err(DbError::Open { place: place.to_owned(), problem: "it is a folder".to_owned() });
        }
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(refused(&error)),
    };
    let log = beside(path, "-wal");
    if size == 0 && log.metadata().is_ok_and(|metadata| metadata.len() > 0) && !has_grown(path) {
        // SQLite would throw the log away together with what it holds.
        return Err(DbError::Damaged {
            place: place.to_owned(),
            detail: format!("the file is empty, but {} holds changes to it", log.display()),
        });
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refused(&error)),
    }
    for checked in [path, folder] {
        rustix::fs::access(checked, Access::WRITE_OK).map_err(|error| refused(&error.into()))?;
    }
    filesystem::of(folder).map_err(|error| refused(&error))
}

/// Whether a log with changes to the file lies beside it: somebody has it open, or ended without closing it.
pub(super) fn has_log(path: &Path) -> bool {
    ["-wal", "-journal"].iter().any(|suffix| beside(path, suffix).metadata().is_ok_and(|log| log.len() > 0))
}

/// Whether the file has content by now: another process may be making it.
fn has_grown(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

/// `path` with something behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The system's refusal in our words.
pub(super) fn trouble(place: &str, error: &io::Error) -> DbError {
    let place = place.to_owned();
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => DbError::ReadOnly { place },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DbError::NoSpace { place },
        _ => DbError::Open { place, problem: error.to_string() },
    }
}
