//! What an operator does with a database: bring it to a schema and back, see what differs, adopt one that the
//! platform's other programs made, keep a copy of it and put one back, keep people apart.
//!
//! Everything is planned first, as plain SQL; a plan is printed, told, or run. SQLite runs a whole plan in one
//! transaction that holds the write lock from its start. PostgreSQL runs each piece in a transaction of its own under
//! a lock that all mecapys share, since indexes are made there while others write, which no transaction can.

mod adopt;
mod backup;
mod catalogue;
mod check;
mod error;
mod partition;
mod people;
mod plan;
mod run;
mod secure;
mod sql;
mod standing;

pub use adopt::Violation;
pub use backup::{Copied, default_name};
pub use catalogue::{Catalogue, expected as expected_catalogue, read as read_catalogue};
pub use check::Difference;
pub use error::AdminError;
pub use partition::{Change, Partitioning, Work};
pub use people::{Kind, Listed, Password, Person, Provisioned};
pub use plan::{Down, Piece, Plan, Up};
pub use secure::{Protection, expected as expected_protection, read as read_protection};
pub use standing::Standing;

use super::{
    DbError, Options,
    open::{alone, server_alone},
    partitions::{self, Partitions},
    url::{self, DatabaseUrl},
};
use migrations::Dialect;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use std::path::{Path, PathBuf};

/// Connections to a file: a copy is read by one while the other holds the lock.
const TWO: u32 = 2;

/// A database as its operator has it: whatever schema it has, nothing is changed by connecting.
#[derive(Debug)]
pub struct Admin {
    connection: DatabaseConnection,
    dialect: Dialect,
    place: String,
    /// The file, where it is one.
    file: Option<PathBuf>,
    /// The server, where it is on one.
    server: Option<(url::Server, Options)>,
}

/// What a database holds, counted: for a question before something is thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// A table, or `table.column`.
    pub what: String,
    /// Rows of the table, or rows with something in the column.
    pub rows: u64,
}

impl Admin {
    /// Connects to the database at `url`. A file that is not there is made only if `make`.
    pub async fn connect(url: &str, options: &Options, make: bool) -> Result<Self, DbError> {
        match url::parse(url)? {
            DatabaseUrl::File(path) => Self::connect_file(&path, make).await,
            DatabaseUrl::Memory => {
                let problem = "a database in memory ends with the program; there is nothing to look after".to_owned();
                Err(DbError::Address { url: url.to_owned(), problem })
            }
            DatabaseUrl::Server(server) => {
                let (connection, place) = server_alone(&server, options).await?;
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
        let connection = alone(path, &place, TWO).await?;
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
    pub async fn standing(&self) -> Result<Standing, DbError> {
        standing::look(&self.connection).await.map_err(|error| self.explain(error))
    }

    /// What differs between the schema of this mecapy and the database. Steps that are missing show as what they
    /// would make.
    pub async fn check(&self) -> Result<Vec<Difference>, DbError> {
        let mut found = catalogue::read(&self.connection).await.map_err(|error| self.explain(error))?;
        if self.dialect == Dialect::Sqlite {
            return Ok(check::compare(&catalogue::expected(self.dialect), &found));
        }
        if self.is_secured().await? {
            secure::set_aside(&mut found);
        }
        let expected = catalogue::expected(self.dialect);
        let partitioned = partitions::look(&self.connection).await.map_err(|error| self.explain(error))?.is_some();
        let expected = if partitioned { partition::expected(expected) } else { expected };
        let mut all = check::compare(&expected, &found);
        all.extend(secure::differences(&self.connection).await.map_err(|error| self.explain(error))?);
        Ok(all)
    }

    /// The partitions of `calculations` on a server; `None` where it is one table.
    pub async fn partitions(&self) -> Result<Option<Partitions>, AdminError> {
        partition::look(self).await
    }

    /// The names of the months that were detached, oldest first.
    pub async fn archived(&self) -> Result<Vec<String>, AdminError> {
        partition::archived(self).await
    }

    /// What would become of the partitions of `calculations`.
    pub async fn plan_partitions(&self, what: Partitioning) -> Result<Work, AdminError> {
        partition::plan(self, what).await
    }

    /// Makes, keeps up or merges the partitions of `calculations`, in one transaction.
    pub async fn partition(&self, what: Partitioning) -> Result<Work, AdminError> {
        partition::work(self, what).await
    }

    /// What an upgrade would do; a database of the platform's other programs is adopted first.
    pub async fn plan_upgrade(&self, target: Up) -> Result<Plan, AdminError> {
        run::plan_upgrade(&self.connection, self.dialect, &self.place, target).await
    }

    /// Upgrades. Returns what was done and the copy that was kept of a file.
    pub async fn upgrade(&self, target: Up) -> Result<(Plan, Option<PathBuf>), AdminError> {
        run::upgrade(self, target).await
    }

    /// What a downgrade would do.
    pub async fn plan_downgrade(&self, target: Down) -> Result<Plan, AdminError> {
        run::plan_downgrade(&self.connection, self.dialect, &self.place, target).await
    }

    /// Downgrades. Returns what was done and the copy that was kept of a file.
    pub async fn downgrade(&self, target: Down) -> Result<(Plan, Option<PathBuf>), AdminError> {
        run::downgrade(self, target).await
    }

    /// The rows that a downgrade throws away.
    pub async fn losses(&self, plan: &Plan) -> Result<Vec<Loss>, DbError> {
        let dropped = plan::dropped(plan);
        let whole: Vec<&str> =
            dropped.iter().filter(|(_, column)| column.is_none()).map(|(table, _)| table.as_str()).collect();
        let mut losses = Vec::new();
        for (table, column) in &dropped {
            let (what, sql) = match column {
                // It goes with its table.
                Some(_) if whole.contains(&table.as_str()) => continue,
                Some(column) => {
                    (format!("{table}.{column}"), format!("SELECT COUNT(*) FROM {table} WHERE {column} IS NOT NULL"))
                }
                None => (table.clone(), format!("SELECT COUNT(*) FROM {table}")),
            };
            let rows = catalogue::rows(&self.connection, &sql).await.map_err(|error| self.explain(error))?;
            let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(|e| self.explain(e))?;
            if count > 0 {
                losses.push(Loss { what, rows: count.unsigned_abs() });
            }
        }
        Ok(losses)
    }

    /// Writes a copy of everything to `path`, which must not exist unless `overwrite`; verified before it has its name.
    pub async fn backup(&self, path: &Path, overwrite: bool) -> Result<Copied, AdminError> {
        backup::backup(self, path, overwrite).await
    }

    /// Puts a copy in the place of everything that the database holds, all or nothing.
    pub async fn restore(&self, path: &Path) -> Result<Copied, AdminError> {
        backup::restore(self, path).await
    }

    /// A plan as a script for `psql` or `sqlite3`.
    pub fn script(&self, plan: &Plan) -> String {
        plan::script(self.dialect, plan)
    }

    fn explain(&self, error: sea_orm::DbErr) -> DbError {
        DbError::explain(&self.place, error)
    }

    async fn run(&self, sql: &str) -> Result<(), DbError> {
        self.connection.execute_unprepared(sql).await.map(drop).map_err(|error| self.explain(error))
    }
}
