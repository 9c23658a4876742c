//! The connection of an operator: to a file or a server, whatever schema the database has.

use super::{error::AdminError, status, status::MigrationStatus};
use crate::db::{
    DbError, Options,
    connect::{self, DatabaseUrl, Server},
};
use migrations::Dialect;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use std::path::{Path, PathBuf};

/// Connections to a file: a copy is read by one while the other holds the lock.
const CONNECTIONS_TO_A_FILE: u32 = 2;

/// A database as its operator has it: whatever schema it has, nothing is changed by connecting.
#[derive(Debug)]
pub struct Admin {
    pub(super) connection: DatabaseConnection,
    pub(super) dialect: Dialect,
    pub(super) place: String,
    /// The file, where it is one.
    pub(super) file: Option<PathBuf>,
    /// The server, where it is on one.
    pub(super) server: Option<(Server, Options)>,
}

impl Admin {
    /// Connects to the database at `url`. A file that is not there is made only if `make`.
    pub async fn connect(url: &str, options: &Options, make: bool) -> Result<Self, DbError> {
        match connect::parse(url)? {
            DatabaseUrl::File(path) => Self::connect_file(&path, make).await,
            DatabaseUrl::Memory => {
                let problem = "a database in memory ends with the program; there is nothing to look after".to_owned();
                Err(DbError::Address { url: url.to_owned(), problem })
            }
            DatabaseUrl::Server(server) => {
                let (connection, place) = connect::server_alone(&server, options).await?;
                let server = Some((*server, options.clone()));
                Ok(Self { connection, dialect: Dialect::Postgres, place, file: None, server })
            }
        }
    }

    /// Connects to a file, whatever it holds.
    pub async fn connect_file(path: &Path, make: bool) -> Result<Self, DbError> {
        let place = path.display().to_string();
        if !make && !path.exists() {
            let problem = "it is not there yet; mecapy db upgrade makes it".to_owned();
            return Err(DbError::Open { place, problem });
        }
        let connection = connect::alone(path, &place, CONNECTIONS_TO_A_FILE).await?;
        Ok(Self { connection, dialect: Dialect::Sqlite, place, file: Some(path.to_owned()), server: None })
    }

    /// Where the data is, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Which of the two engines it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<(), DbError> {
        self.connection.close_by_ref().await.map_err(|error| DbError::explain(&self.place, error))
    }

    /// Which steps were applied.
    pub async fn migration_status(&self) -> Result<MigrationStatus, DbError> {
        status::read(&self.connection).await.map_err(|error| self.explain(error))
    }

    /// Refuses a file: what is asked for is about the roles of a server.
    pub(super) fn needs_server(&self) -> Result<(), AdminError> {
        match self.dialect {
            Dialect::Postgres => Ok(()),
            Dialect::Sqlite => Err(AdminError::Target(
                "a SQLite file has no roles: whoever can read the file reads everything in it; people are isolated on a \
                 PostgreSQL server (DATABASE_URL)"
                    .to_owned(),
            )),
        }
    }

    pub(super) fn explain(&self, error: sea_orm::DbErr) -> DbError {
        DbError::explain(&self.place, error)
    }

    /// Runs one statement.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), DbError> {
        self.connection.execute_unprepared(sql).await.map(drop).map_err(|error| self.explain(error))
    }
}
