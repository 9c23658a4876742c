//! A database of one test on either engine, made by nobody yet.

use crate::support::{
    home::{Done, Home},
    postgres,
};
use mecapy::{
    admin::{Admin, Catalogue, read_catalogue},
    db::Options,
};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, Statement};
use std::path::PathBuf;

/// Where it is.
pub enum Place {
    File(tempfile::TempDir),
    Server(postgres::Database),
}

/// An empty one on each engine; PostgreSQL is left out where it is not installed, which was said then.
pub fn places() -> Vec<Place> {
    let mut all = vec![Place::File(tempfile::tempdir().unwrap())];
    all.extend(postgres::empty_database().map(Place::Server));
    all
}

impl Place {
    /// The file, where it is one.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(folder) => Some(folder.path().join("work.db")),
            Self::Server(_) => None,
        }
    }

    /// The address as the platform's programs write it.
    pub fn url(&self) -> String {
        match self {
            Self::File(folder) => format!("sqlite:///{}/work.db", folder.path().display()),
            Self::Server(database) => database.url(),
        }
    }

    pub fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// A plain connection of another program.
    pub async fn connect(&self) -> DatabaseConnection {
        match self {
            Self::File(folder) => {
                let mut options =
                    sea_orm::ConnectOptions::new(format!("sqlite://{}/work.db?mode=rwc", folder.path().display()));
                options.max_connections(1);
                Database::connect(options).await.unwrap()
            }
            Self::Server(database) => database.connect().await,
        }
    }

    /// Runs SQL as another program.
    pub async fn sql(&self, sql: &str) {
        let connection = self.connect().await;
        connection.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        connection.close().await.unwrap();
    }

    /// The first column of a query, as text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let connection = self.connect().await;
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        connection.close().await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// As its operator has it; a file is made.
    pub async fn admin(&self) -> Admin {
        Admin::connect(&self.url(), &Options::default(), true).await.unwrap()
    }

    pub async fn catalogue(&self) -> Catalogue {
        let connection = self.connect().await;
        let catalogue = read_catalogue(&connection).await.unwrap();
        connection.close().await.unwrap();
        catalogue
    }

    /// A home whose programs work on it.
    pub fn home(&self) -> Home {
        Home::new().with("DATABASE_URL", &self.url())
    }

    /// Every row of every table of ours as text, one line a row, in order.
    pub async fn rows(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (table, what) in self.catalogue().await.tables {
            if table == "calculation_names" {
                continue;
            }
            let columns: Vec<String> =
                what.columns.keys().map(|column| format!("coalesce(CAST(\"{column}\" AS TEXT), '-')")).collect();
            let sql = format!("SELECT {} FROM {table} ORDER BY 1", columns.join(" || '|' || "));
            all.extend(self.texts(&sql).await.into_iter().map(|row| format!("{table}: {row}")));
        }
        all
    }
}

/// Runs `mecapy db …` in a home.
pub fn db(home: &Home, arguments: &[&str]) -> Done {
    let mut all = vec!["db"];
    all.extend(arguments);
    home.run(&all)
}

/// Waits for a condition of another process.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !holds() {
        assert!(std::time::Instant::now() < end, "{what}");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}
