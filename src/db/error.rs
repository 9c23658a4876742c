//! What can go wrong with the database, in words that name the place and say what to do.

use crate::domain::FieldError;
use sea_orm::{DbErr, RuntimeErr, sqlx};
use std::sync::Arc;

/// Why the database did not do what was asked. `place` is the file's path or the server's address.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DbError {
    /// The address cannot be read, or names a database that this build does not speak to.
    #[error("database address {url}: {problem}")]
    Address {
        /// As given, without a password.
        url: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The file or its folder cannot be opened or made.
    #[error("cannot open the database {place}: {problem}")]
    Open {
        /// Where.
        place: String,
        /// The cause and the way out.
        problem: String,
    },
    /// The file is no SQLite database.
    #[error(
        "{place} is not a SQLite database; it was left as it is. Move it away, or set database.url to another file"
    )]
    NotADatabase {
        /// Where.
        place: String,
    },
    /// The file is cut short or its pages contradict each other.
    #[error(
        "the database {place} is damaged ({detail}); it was left as it is. Put a copy back (mecapy keeps one beside \
         it before each migration, named *.before-*), or save what is readable: sqlite3 {place} .recover"
    )]
    Damaged {
        /// Where.
        place: String,
        /// SQLite's own words.
        detail: String,
    },
    /// A newer mecapy made or migrated it.
    #[error("the database {place} was made by a newer mecapy (it holds {}); update mecapy. Nothing was changed", .unknown.join(", "))]
    Newer {
        /// Where.
        place: String,
        /// The migrations that this build does not know.
        unknown: Vec<String>,
    },
    /// Another program's database.
    #[error(
        "{place} is another program's database (it holds the tables {}); mecapy does not touch it. Set database.url \
         to a file of its own", .tables.join(", ")
    )]
    Foreign {
        /// Where.
        place: String,
        /// Some of its tables.
        tables: Vec<String>,
    },
    /// The platform's other programs made it.
    #[error(
        "the database {place} was made by the platform's other programs; mecapy db upgrade --dry-run tells what adopting \
         it does, mecapy db upgrade does it and keeps every row"
    )]
    Unadopted {
        /// Where.
        place: String,
    },
    /// A shared database without the present schema.
    #[error(
        "the database {place} does not have the schema of this mecapy: {missing}. A shared database is never changed by \
         itself; whoever owns it runs: mecapy db upgrade"
    )]
    Behind {
        /// Where.
        place: String,
        /// What is not there.
        missing: String,
    },
    /// The server does not answer, or breaks off.
    #[error("the database {place} cannot be reached: {problem}")]
    Unreachable {
        /// Where.
        place: String,
        /// The cause and the way out.
        problem: String,
    },
    /// The server has no connection left for us, or all of ours are in use.
    #[error("the database {place} has no connection left: {problem}")]
    TooMany {
        /// Where.
        place: String,
        /// Whose bound it is, and what to do.
        problem: String,
    },
    /// The server refuses the person or what the person does.
    #[error("the database {place} refuses: {problem}")]
    Denied {
        /// Where.
        place: String,
        /// What it refuses.
        problem: String,
    },
    /// A statement took longer than it may.
    #[error(
        "the database {place} took longer than a statement may (database.statement_timeout); it is busy, or waits for \
         another program's lock. Try again"
    )]
    Slow {
        /// Where.
        place: String,
    },
    /// Another process kept the write lock longer than we wait.
    #[error("the database {place} is locked by another program; close it there, or try again")]
    Locked {
        /// Where.
        place: String,
    },
    /// The file, its folder or its file system does not take writes.
    #[error(
        "the database {place} cannot be written: the file, its folder or its file system is read-only for this \
         user; give write permission to the file and its folder (chmod u+w), or set database.url to another file"
    )]
    ReadOnly {
        /// Where.
        place: String,
    },
    /// The disk or the quota is full.
    #[error("no space is left for the database {place}; nothing was changed. Free some space and try again")]
    NoSpace {
        /// Where.
        place: String,
    },
    /// A value does not fit its column.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The row is not there, or belongs to somebody else.
    #[error("{what} {id} does not exist, or is not yours")]
    NotFound {
        /// `calculation`, `tool`, `file`, `run`.
        what: &'static str,
        /// Its id or name.
        id: String,
    },
    /// The row is there, but not in a state that allows this.
    #[error("{0}")]
    Conflict(String),
    /// Anything else the database said.
    #[error("the database {place} failed: {source}")]
    Other {
        /// Where.
        place: String,
        /// Its own words.
        source: Arc<DbErr>,
    },
}

impl DbError {
    /// Whether it is the way to the database that fails, so that the same may work later.
    pub const fn is_of_the_way(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TooMany { .. })
    }

    pub(crate) fn not_found(what: &'static str, id: &dyn std::fmt::Display) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// The error behind `error`, told for the database at `place`.
    pub(crate) fn explain(place: &str, error: DbErr) -> Self {
        if let Some(error) = super::server_error::explain(place, &error) {
            return error;
        }
        let place = place.to_owned();
        let Some((code, detail)) = sqlite_error(&error) else {
            return Self::Other { place, source: Arc::new(error) };
        };
        // The low byte is the primary result code: https://www.sqlite.org/rescode.html
        match code & 0xff {
            // The memory that the write-ahead log shares between processes is a file as well.
            10 if code == IOERR_SHMSIZE => Self::NoSpace { place },
            5 | 6 => Self::Locked { place },
            8 => Self::ReadOnly { place },
            11 => Self::Damaged { place, detail },
            13 => Self::NoSpace { place },
            14 => Self::Open {
                place,
                problem: "SQLite could not open it; look at the permissions of the file and of its folder".to_owned(),
            },
            19 if code == CONSTRAINT_FOREIGN_KEY => Self::Conflict(REFERENCE.to_owned()),
            19 => Self::Conflict(format!("the database refuses the values: {detail}")),
            26 => Self::NotADatabase { place },
            _ => Self::Other { place, source: Arc::new(error) },
        }
    }
}

/// What a broken reference means.
pub(super) const REFERENCE: &str =
    "what this refers to is gone (a file, a tool, the calculation it repeats) or is still used by others";

/// A row that is referred to is missing, or one that is still referred to would be.
const CONSTRAINT_FOREIGN_KEY: i32 = 0x313;
/// The file of shared memory could not grow.
const IOERR_SHMSIZE: i32 = 0x130a;

/// SQLite's extended result code and words, where `error` came from SQLite.
fn sqlite_error(error: &DbErr) -> Option<(i32, String)> {
    let (DbErr::Conn(RuntimeErr::SqlxError(inner))
    | DbErr::Exec(RuntimeErr::SqlxError(inner))
    | DbErr::Query(RuntimeErr::SqlxError(inner))) = error
    else {
        return None;
    };
    let sqlx::Error::Database(inner) = &**inner else { return None };
    Some((inner.code()?.parse().ok()?, inner.message().to_owned()))
}
