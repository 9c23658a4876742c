//! Why an operator's work was not done.

use crate::db::DbError;
use serde::Serialize;
use std::fmt;

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
    #[error("{step} failed and was rolled back; the steps before it stay applied: {source}")]
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

/// Rows that break one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The table.
    pub table: String,
    /// The column or columns.
    pub column: String,
    /// The rule in words or in SQL.
    pub rule: String,
    /// How many rows.
    pub rows: u64,
    /// The first of them: key and value.
    pub examples: Vec<String>,
    /// The query that lists them all.
    pub find: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, rule, rows, examples, find } = self;
        write!(f, "{table}.{column}: {rows} × {rule}; ")?;
        write!(f, "{}{}; all of them: {find}", examples.join(", "), if *rows > EXAMPLES { ", …" } else { "" })
    }
}

/// How many rows are shown of each rule.
pub(in crate::admin) const EXAMPLES: u64 = 5;
