//! The database: entities, queries by noun, and the embedded file.
//!
//! One code path serves SQLite and PostgreSQL; what differs (the spelling of times, the name search, the opening of
//! a file) sits in one place each. Every write that reads first runs in an immediate transaction: a deferred one
//! fails with "database is locked" as soon as two processes do it at once.

pub mod calculations;
pub mod changes;
pub mod entity;
pub mod files;
pub mod filesystem;
pub mod health;
pub mod partitions;
pub mod runs;
pub mod tools;
pub mod users;

mod address;
mod error;
mod facts;
mod isolation;
mod limits;
mod open;
mod options;
mod server_error;
mod time;
mod url;
mod validate;

pub use address::{Access, Address};
pub use error::DbError;
pub use facts::{Facts, facts};
pub use options::Options;
pub use time::Timestamp;

/// Connections without a look at the schema, for `crate::admin`: the database that it looks after may have any.
pub(crate) mod connect {
    pub(crate) use super::{
        open::{alone, keep_copy, libpq, server_alone},
        url::{DatabaseUrl, Server, parse},
    };
}

use chrono::NaiveDateTime;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use std::sync::Arc;

/// An open database of the present schema; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: DatabaseConnection,
    place: String,
    notes: Vec<String>,
    /// Whom it keeps apart.
    found: isolation::Found,
    /// What leads to a server.
    access: Option<Access>,
    /// Dropped with the rest.
    _reaper: Option<open::Reaper>,
    /// Whoever watches for changes lets go when this becomes true.
    closing: tokio::sync::watch::Sender<bool>,
}

impl Db {
    /// Where the data is: the file's path or the server's address, for people.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// What the opening has to tell: a network file system, a copy kept before a migration.
    pub fn notes(&self) -> &[String] {
        &self.0.notes
    }

    /// Tells `observer` each statement from now on, its values included, once it was answered: for whoever measures.
    /// `false`, and nothing is told, where others have the database already.
    pub fn observe(&mut self, observer: impl Fn(&str) + Send + Sync + 'static) -> bool {
        let inner = Arc::get_mut(&mut self.0);
        inner.is_some_and(|inner| {
            inner.connection.set_metric_callback(move |asked| observer(&asked.statement.to_string()));
            true
        })
    }

    /// Closes every connection; the write-ahead log is folded into the file.
    pub async fn close(&self) -> Result<(), DbError> {
        self.0.closing.send_replace(true);
        // A watcher that does not listen must not keep the program: then the log is folded in the next time.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), self.0.closing.closed()).await;
        self.0.connection.close_by_ref().await.explain(self)
    }

    /// Puts what was committed on the disk. A commit alone outlasts the process but, on SQLite in WAL mode, not a
    /// loss of power.
    pub fn sync(&self) -> Result<(), DbError> {
        if self.is_shared() {
            // A server sees to it itself.
            return Ok(());
        }
        match std::fs::File::open(format!("{}-wal", self.place())).and_then(|log| log.sync_data()) {
            // No write-ahead log: a database in memory, or one on a network.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(DbError::Open { place: self.place().to_owned(), problem: error.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// The partitions of `calculations` on a server; `None` where it is one table.
    pub async fn partitions(&self) -> Result<Option<partitions::Partitions>, DbError> {
        partitions::look(self.connection()).await.explain(self)
    }

    fn connection(&self) -> &DatabaseConnection {
        &self.0.connection
    }

    /// Waits a moment for a connection that is on its way back to the pool, where one statement follows another: it is
    /// there sooner than a new one could be made.
    async fn wait_for_idle(&self) {
        if self.is_shared() {
            open::wait_for_idle(self.connection().get_postgres_connection_pool()).await;
        }
    }

    /// A transaction that holds the write lock from its start.
    async fn begin(&self) -> Result<DatabaseTransaction, DbError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.connection().begin_with_options(options).await.explain(self)
    }

    /// Keeps other mecapys from what `work` names until the transaction ends; on SQLite each transaction of ours does.
    /// No lock of a table: that takes a right to all of its columns.
    async fn alone(&self, transaction: &DatabaseTransaction, work: &str) -> Result<(), DbError> {
        if self.connection().get_database_backend() == DbBackend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock(hashtextextended('mecapy {work}', 0))");
            transaction.execute_unprepared(&lock).await.explain(self)?;
        }
        Ok(())
    }

    fn time(&self, at: NaiveDateTime) -> Timestamp {
        Timestamp::new(self.connection().get_database_backend(), at)
    }

    fn now(&self) -> Timestamp {
        self.time(time::now())
    }
}

/// Turns an error of the driver into one that names the database it came from.
trait ExplainError<T> {
    fn explain(self, db: &Db) -> Result<T, DbError>;
}

impl<T> ExplainError<T> for Result<T, DbErr> {
    fn explain(self, db: &Db) -> Result<T, DbError> {
        self.map_err(|error| DbError::explain(db.place(), error))
    }
}

#[cfg(test)]
mod plans;
