//! Copies of a database: written whole or not at all, verified, and put back in one transaction.
//!
//! SQLite is copied by its own online means while others write; PostgreSQL by `pg_dump` and `psql`, which get the
//! connection in private files. Either can be had as SQL. The bytes of files are in the object store and not in here.

mod dump;
mod file;
mod postgres;
mod script;
mod sqlite;

pub use file::Format;

use super::{Admin, AdminError, run};
use chrono::NaiveDateTime;
use file::Finished;
use migrations::Dialect;
use std::path::{Path, PathBuf};

/// A copy that was written or put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of the file.
    pub size: u64,
    /// The newest migration in it, where it has any.
    pub schema: Option<String>,
    /// What was there before a restore, where it was a file.
    pub before: Option<PathBuf>,
    /// What is not in it, or is to be done.
    pub notes: Vec<String>,
}

/// The name of a copy that was given none, as the platform's description has it.
pub fn default_name(dialect: Dialect, plain: bool, now: NaiveDateTime) -> PathBuf {
    let kind = match (dialect, plain) {
        (_, true) => "sql.gz",
        (Dialect::Sqlite, false) => "db",
        (Dialect::Postgres, false) => "dump",
    };
    PathBuf::from(format!("mecapy_backup_{}.{kind}", now.format("%Y%m%d_%H%M%S")))
}

/// Writes a copy to `path`, which must not exist unless `overwrite`.
pub(super) async fn backup(admin: &Admin, path: &Path, overwrite: bool) -> Result<Copied, AdminError> {
    let format = Format::of_name(path, admin.dialect)?;
    if !overwrite && path.exists() {
        return Err(file::trouble(path, "it is there already; choose another name"));
    }
    let part = file::Part::beside(path)?;
    let mut notes = vec!["the bytes of files are not in it: they are in the object store".to_owned()];
    match admin.dialect {
        Dialect::Sqlite => notes.extend(sqlite::backup(admin, part.path(), format).await?),
        Dialect::Postgres => postgres::backup(admin, part.path(), format).await?,
    }
    let schema = admin.standing().await?.current().map(str::to_owned);
    let Finished { size } = part.finish(path, overwrite)?;
    Ok(Copied { size, schema, before: None, notes })
}

/// Puts the copy at `path` in the place of everything that the database holds.
pub(super) async fn restore(admin: &Admin, path: &Path) -> Result<Copied, AdminError> {
    let format = Format::of_content(path)?;
    let (before, told) = match admin.dialect {
        Dialect::Sqlite => (sqlite::restore(admin, path, format).await?, Vec::new()),
        Dialect::Postgres => (None, run::under_lock(admin, postgres::restore(admin, path, format)).await?),
    };
    let standing = admin.standing().await?;
    let mut notes = vec!["the bytes of files are not in a copy: they are in the object store".to_owned()];
    notes.extend(told);
    if !standing.missing().is_empty() {
        notes.push("it is of an older schema; mecapy db upgrade brings it to the present one".to_owned());
    }
    let size = path.metadata().map_err(|error| file::trouble(path, &error))?.len();
    Ok(Copied { size, schema: standing.current().map(str::to_owned), before, notes })
}
