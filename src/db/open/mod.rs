//! Opening a database: the embedded file is looked at before anything is changed, then brought to the present
//! schema.

mod file;
mod migrate;
mod pool;
mod server;
mod state;

pub(super) use {
    pool::{Reaper, wait_for_idle},
    server::trouble,
};

pub(crate) use {
    migrate::keep as keep_copy,
    server::{libpq, server_alone},
};

use super::{
    Access, Db, DbError, Inner, Options, filesystem,
    isolation::Found,
    url::{self, DatabaseUrl},
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, SqlxSqliteConnector,
    sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use state::State;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// So long a statement waits for another process's write lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// Readers beside the one writer; a connection costs a thread and no server anything.
const CONNECTIONS: u32 = 4;
/// Rows that wait between SQLite's thread and ours.
const PAGE: usize = 256;
/// What a connection keeps of the file, in KiB, negative as SQLite wants it. The system keeps the rest.
const KEPT: &str = "-512";

impl Db {
    /// Opens the database at `url`: `postgresql://user:password@host:5432/database`, `sqlite:///./relative.db`,
    /// `sqlite:////absolute.db`, `sqlite::memory:`. A shared one must have the present schema: it is never changed here.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        Self::open_with(url, &Options::default()).await
    }

    /// The same with other settings of the connections to a server.
    pub async fn open_with(url: &str, options: &Options) -> Result<Self, DbError> {
        match url::parse(url)? {
            DatabaseUrl::Server(server) => server::open(&server, options, Access::new(url, options)).await,
            DatabaseUrl::File(path) => Self::open_embedded(&path).await,
            DatabaseUrl::Memory => open_memory().await,
        }
    }

    /// Opens the embedded file, made where it is not there, and brings it to the present schema after a copy was
    /// kept beside it. A file that cannot or must not be used is left as it is.
    pub async fn open_embedded(path: &Path) -> Result<Self, DbError> {
        open_file(path, PATIENCE).await
    }
}

async fn open_file(path: &Path, patience: Duration) -> Result<Db, DbError> {
    let place = path.display().to_string();
    let kind = file::prepare(path, &place)?;
    let journal = Journal::on(kind.is_network);
    let mut notes = Vec::new();
    if kind.is_network {
        notes.push(format!(
            "the database {place} is on a network file system ({}): slower, and only one host may use it at a time; \
             paths.data names a local folder",
            kind.name
        ));
    }
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(patience);

    // A file of another program or a newer mecapy stays untouched. A connection that may write would fold a log that was
    // left beside it into it: one that cannot looks first then. Without a log it changes nothing by looking, and one
    // opening is enough.
    if file::has_log(path) {
        let looker = pool(options.clone().read_only(true), 1, &place).await?;
        let state = state::look(&looker, &place).await;
        looker.close_by_ref().await.map_err(|error| DbError::explain(&place, error))?;
        state?;
    }
    let connection = pool(writing(options), CONNECTIONS, &place).await?;
    let state = match state::look(&connection, &place).await {
        Ok(state) => state,
        Err(error) => {
            let _ = connection.close_by_ref().await;
            return Err(error);
        }
    };
    let mode = journal.set(&connection, &place, patience).await?;
    if mode != journal.name() {
        notes.push(format!(
            "the database {place} keeps its journal in the mode {mode}: {} does not take the mode {}",
            kind.name,
            journal.name()
        ));
    }
    if state != State::Current
        && let Some(copy) = migrate::to_present(&connection, Some(path), &place).await?
    {
        notes.push(format!("the database was brought to the present schema; as it was before: {}", copy.display()));
    }
    Ok(Db(Arc::new(Inner {
        connection,
        place,
        notes,
        closing: watch::Sender::new(false),
        found: Found::LOCAL,
        access: None,
        _reaper: None,
    })))
}

/// The file for whoever looks after it, whatever schema it has; made where it is not there. References between tables
/// are not enforced: a table may be put in the place of another.
pub(crate) async fn alone(path: &Path, place: &str, connections: u32) -> Result<DatabaseConnection, DbError> {
    file::prepare(path, place)?;
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE);
    pool(writing(options).foreign_keys(false), connections, place).await
}

/// The options of the connections that read and write.
fn writing(options: SqliteConnectOptions) -> SqliteConnectOptions {
    // Full: what was committed survives a power cut, in either journal. The file is not mapped: a count of a million rows
    // would leave 60 MB of it in this process, it would be no faster, and a fault of the disk would end the process
    // instead of failing one statement.
    options.synchronous(SqliteSynchronous::Full).pragma("cache_size", KEPT).foreign_keys(true)
}

/// A database that lives as long as it is open; one connection, since each would see a database of its own.
async fn open_memory() -> Result<Db, DbError> {
    let place = ":memory:".to_owned();
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true);
    let connection = pool(options, 1, &place).await?;
    migrate::to_present(&connection, None, &place).await?;
    Ok(Db(Arc::new(Inner {
        connection,
        place,
        notes: Vec::new(),
        closing: watch::Sender::new(false),
        found: Found::LOCAL,
        access: None,
        _reaper: None,
    })))
}

async fn pool(options: SqliteConnectOptions, connections: u32, place: &str) -> Result<DatabaseConnection, DbError> {
    // A page of a list fits: its rows are handed over at once, not by turns of two threads.
    let options = options.row_buffer_size(PAGE);
    // No idle time and no lifetime: a file's connections do not go stale, and the pool's timers would wake an idle
    // program.
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| DbError::explain(place, DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// How SQLite keeps a transaction whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Journal {
    /// Readers and a writer at once; shared memory between processes of one host.
    WriteAhead,
    /// A rollback journal beside the file: works where memory is not shared.
    Rollback,
}

impl Journal {
    const fn on(network: bool) -> Self {
        if network { Self::Rollback } else { Self::WriteAhead }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::WriteAhead => "wal",
            Self::Rollback => "delete",
        }
    }

    /// Sets the mode, which the file remembers, and returns the one it is in: another where the file system cannot
    /// take this one. Another process that opens the same new file may hold the lock this needs, and SQLite then fails
    /// at once: asked again until `patience` ends.
    async fn set(self, connection: &DatabaseConnection, place: &str, patience: Duration) -> Result<String, DbError> {
        let deadline = Instant::now() + patience;
        loop {
            match self.ask(connection).await {
                Ok(mode) => return Ok(mode),
                Err(error) => match DbError::explain(place, error) {
                    DbError::Locked { .. } if Instant::now() < deadline => {}
                    error => return Err(error),
                },
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The mode after asking for this one.
    async fn ask(self, connection: &DatabaseConnection) -> Result<String, DbErr> {
        let mut mode = String::new();
        for pragma in ["PRAGMA journal_mode".to_owned(), format!("PRAGMA journal_mode = {}", self.name())] {
            let statement = sea_orm::Statement::from_string(connection.get_database_backend(), pragma);
            if let Some(row) = connection.query_one_raw(statement).await? {
                mode = row.try_get_by_index(0)?;
            }
            if mode == self.name() {
                break;
            }
        }
        Ok(mode)
    }
}

#[cfg(test)]
mod tests;
