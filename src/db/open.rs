//! Opening a database.

use super::{
    Db, DbError, Inner,
    url::{self, Target},
};
use migrations::{Migrator, MigratorTrait};
use sea_orm::{
    SqliteTransactionMode, SqlxSqliteConnector, TransactionOptions, TransactionTrait,
    sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{path::Path, sync::Arc, time::Duration};

impl Db {
    /// Opens the database at `url`: `sqlite:///./relative.db`, `sqlite:////absolute.db`, `sqlite::memory:`.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        match url::parse(url)? {
            Target::File(path) => Self::open_embedded(&path).await,
            Target::Memory => Self::open_embedded(Path::new(":memory:")).await,
        }
    }

    /// Opens the embedded file, made where it is not there, and brings it to the present schema.
    pub async fn open_embedded(path: &Path) -> Result<Self, DbError> {
        let place = path.display().to_string();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| DbError::Open { place: place.clone(), problem: error.to_string() })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|error| {
                DbError::explain(&place, sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(Arc::new(error))))
            })?;
        let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let explain = |error| DbError::explain(&place, error);
        let transaction = connection.begin_with_options(options).await.map_err(explain)?;
        Migrator::up(&transaction, None).await.map_err(explain)?;
        transaction.commit().await.map_err(explain)?;
        Ok(Self(Arc::new(Inner { connection, place, notes: Vec::new() })))
    }
}
