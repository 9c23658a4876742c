//! Why a work of an operator was not done.

use super::Violation;
use crate::db::DbError;

/// What an operator's verb can end with. Unless the words say otherwise nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database itself.
    #[error(transparent)]
    Db(#[from] DbError),
    /// No such step.
    #[error("there is no migration {name}; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A target that makes no sense here.
    #[error("{0}")]
    Target(String),
    /// Another program migrates.
    #[error("another mecapy is migrating the database {place}; try again when it is done")]
    Busy {
        /// Where.
        place: String,
    },
    /// A step failed.
    #[error("{step} failed and was taken back whole; what came before it is applied: {source}")]
    Step {
        /// Its name.
        step: String,
        /// What the database said.
        source: DbError,
    },
    /// Rows that our constraints would refuse.
    #[error(
        "{} rows of the database {place} break the rules of the schema; nothing was changed. Correct them with the program \
         that owns them, or by SQL, then try again", crate::domain::format::count(.violations.iter().map(|v| v.rows).sum())
    )]
    Rows {
        /// Where.
        place: String,
        /// Which.
        violations: Vec<Violation>,
    },
    /// Tables of our names with other columns, or something in the way.
    #[error("the database {place} cannot be adopted; nothing was changed: {problem}")]
    Unfit {
        /// Where.
        place: String,
        /// Why, and what to do.
        problem: String,
    },
    /// What stands in the way of a work, or makes no sense here.
    #[error("the database {place} is left as it is: {problem}")]
    Refused {
        /// Where.
        place: String,
        /// Why, and what to do.
        problem: String,
    },
    /// A file of a backup.
    #[error("{path}: {problem}")]
    File {
        /// Which.
        path: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A program of PostgreSQL.
    #[error("{program}: {problem}")]
    Program {
        /// Which.
        program: String,
        /// What it said, or that it is missing and how to get it.
        problem: String,
    },
}
