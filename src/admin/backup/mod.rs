//! Copies of a database: written whole or not at all, verified, and put back in one transaction.
//!
//! SQLite is copied by its own online means while others write; PostgreSQL by `pg_dump` and `psql`, which get the
//! connection in private files. Either can be had as SQL. The bytes of files are in the object store and not in here.

mod dump;
mod file;
mod postgres;
mod script;
mod sqlite;

use super::{connection::Admin, error::AdminError, execute};
use chrono::NaiveDateTime;
use file::{Finished, Format};
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

impl Admin {
    /// Writes a copy of everything to `path`, which must not exist unless `overwrite`; verified before it has its name.
    pub async fn backup(&self, path: &Path, overwrite: bool) -> Result<Copied, AdminError> {
        backup(self, path, overwrite).await
    }

    /// Puts a copy in the place of everything that the database holds, all or nothing.
    pub async fn restore(&self, path: &Path) -> Result<Copied, AdminError> {
        restore(self, path).await
    }
}

async fn backup(admin: &Admin, path: &Path, overwrite: bool) -> Result<Copied, AdminError> {
    let format = Format::of_name(path, admin.dialect)?;
    if !overwrite && path.exists() {
        return Err(file::file_error(path, "it is there already; choose another name"));
    }
    let part = file::PartialFile::beside(path)?;
    let mut notes = vec!["the bytes of files are not in it: they are in the object store".to_owned()];
    match admin.dialect {
        Dialect::Sqlite => notes.extend(sqlite::backup(admin, part.path(), format).await?),
        Dialect::Postgres => postgres::backup(admin, part.path(), format).await?,
    }
    let schema = admin.migration_status().await?.current().map(str::to_owned);
    let Finished { size } = part.finish(path, overwrite)?;
    Ok(Copied { size, schema, before: None, notes })
}

async fn restore(admin: &Admin, path: &Path) -> Result<Copied, AdminError> {
    let format = Format::of_content(path)?;
    let (before, told) = match admin.dialect {
        Dialect::Sqlite => (sqlite::restore(admin, path, format).await?, Vec::new()),
        Dialect::Postgres => (None, execute::under_lock(admin, postgres::restore(admin, path, format)).await?),
    };
    let status = admin.migration_status().await?;
    let mut notes = vec!["the bytes of files are not in a copy: they are in the object store".to_owned()];
    notes.extend(told);
    if !status.missing().is_empty() {
        notes.push("it is of an older schema; mecapy db upgrade brings it to the present one".to_owned());
    }
    let size = path.metadata().map_err(|error| file::file_error(path, &error))?.len();
    Ok(Copied { size, schema: status.current().map(str::to_owned), before, notes })
}
