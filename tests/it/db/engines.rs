//! The table of engines: every test of the database runs on each of them.

use crate::support::postgres;
use mecapy::db::Db;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

/// A database of one test, of the present schema once it was opened.
pub enum Place {
    /// The embedded file.
    Sqlite(tempfile::TempDir),
    /// A database on the shared server of the tests.
    Postgres(postgres::Database),
}

impl Place {
    /// A file that is not there yet.
    #[expect(clippy::unnecessary_wraps, reason = "as the other engine, which may not be there")]
    pub fn sqlite() -> Option<Self> {
        Some(Self::Sqlite(tempfile::tempdir().unwrap()))
    }

    /// A migrated database on a server; `None` where there is none, which was said.
    pub fn postgres() -> Option<Self> {
        postgres::database().map(Self::Postgres)
    }

    /// The same with its calculations in monthly partitions.
    pub fn partitions() -> Option<Self> {
        postgres::partitioned_database().map(Self::Postgres)
    }

    /// Opens it, as every process of mecapy does.
    pub async fn open(&self) -> Db {
        match self {
            Self::Sqlite(folder) => Db::open_embedded(&folder.path().join("data/mecapy.db")).await.unwrap(),
            Self::Postgres(database) => Db::open(&database.url()).await.unwrap(),
        }
    }

    /// Another program's connection to it.
    pub async fn connect(&self) -> DatabaseConnection {
        match self {
            Self::Sqlite(folder) => {
                let path = folder.path().join("data/mecapy.db");
                Database::connect(format!("sqlite://{}", path.display())).await.unwrap()
            }
            Self::Postgres(database) => database.connect().await,
        }
    }

    /// Whether this is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// The one of two that is for this engine.
    pub fn pick<T>(&self, sqlite: T, postgres: T) -> T {
        if self.is_postgres() { postgres } else { sqlite }
    }
}

/// The first column of the rows, as text.
pub async fn texts(connection: &impl ConnectionTrait, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Makes a test for each engine from each function that takes a [`Place`].
macro_rules! on_each_engine {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(place) = crate::db::engines::Place::sqlite() {
                    super::$test(place).await;
                }
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(place) = crate::db::engines::Place::postgres() {
                    super::$test(place).await;
                }
            })+
        }
        mod on_partitions {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(place) = crate::db::engines::Place::partitions() {
                    super::$test(place).await;
                }
            })+
        }
    };
}
pub(crate) use on_each_engine;
