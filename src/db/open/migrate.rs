//! Bringing a database to the present schema, after a copy was kept.

use super::{
    DbError, file,
    state::{self, State},
};
use chrono::Utc;
use migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Applies the missing steps in one transaction: all or none. Returns the copy that was kept of a file that held
/// something.
///
/// The write lock is taken first and the state looked at again under it, so that of two programs that start at once
/// one migrates and the other finds it done; the copy is made by a second connection meanwhile, and so holds
/// exactly what the first step found.
pub(super) async fn to_present(
    connection: &DatabaseConnection,
    path: Option<&Path>,
    place: &str,
) -> Result<Option<PathBuf>, DbError> {
    let explain = |error| DbError::explain(place, error);
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = connection.begin_with_options(options).await.map_err(explain)?;
    let mut copy = None;
    match (state::look(&transaction, place).await?, path) {
        (State::Current, _) => return Ok(None),
        (State::Older(first), Some(path)) => copy = Some(keep(connection, path, first, place).await?),
        _ => {}
    }
    Migrator::up(&transaction, None).await.map_err(explain)?;
    transaction.commit().await.map_err(explain)?;
    Ok(copy)
}

/// Copies the database beside itself: `<file>.before-<step>-<UTC time>`, whole or not at all, readable by its owner.
pub(crate) async fn keep(
    connection: &DatabaseConnection,
    path: &Path,
    step: &str,
    place: &str,
) -> Result<PathBuf, DbError> {
    let copy = file::beside(path, &format!(".before-{step}-{}", Utc::now().format("%Y%m%dT%H%M%SZ")));
    let partial = file::beside(&copy, ".partial");
    let kept = fill(connection, &partial, place).await.and_then(|()| {
        fs::rename(&partial, &copy).and_then(|()| sync_folder(&copy)).map_err(|error| file::trouble(place, &error))
    });
    if kept.is_err() {
        // What is there of it is no copy of anything; the error that is told is the first one.
        let _ = fs::remove_file(&partial);
    }
    kept.map(|()| copy)
}

async fn fill(connection: &DatabaseConnection, partial: &Path, place: &str) -> Result<(), DbError> {
    let trouble = |error: io::Error| file::trouble(place, &error);
    // SQLite fills an empty file and keeps its permissions.
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(partial).map_err(trouble)?;
    drop(made);
    let Some(target) = partial.to_str() else {
        let problem = "its path is not UTF-8, so no copy can be kept before the migration".to_owned();
        return Err(DbError::Open { place: place.to_owned(), problem });
    };
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), "VACUUM INTO ?", [target.into()]);
    connection.execute_raw(statement).await.map_err(|error| DbError::explain(place, error))?;
    File::open(partial).and_then(|file| file.sync_all()).map_err(trouble)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().filter(|folder| *folder != Path::new("")).map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
