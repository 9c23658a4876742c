//! What is asked of the partitions of `calculations`, and what is to be done for it.

use crate::{
    admin::plan::{self, Piece, Plan},
    db::partitions::Month,
};
use migrations::Dialect;
use serde::Serialize;

/// The comment by which the schema of detached months is known.
pub(in crate::admin) const ARCHIVED: &str = "months of calculations that mecapy db partition detached";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// Partitions where there is one table; then the present month and so many after it.
    Maintain {
        /// Months to make ahead of time.
        ahead: u32,
        /// What lies wholly before this month is detached.
        archive_before: Option<Month>,
    },
    /// One table again.
    Undo,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// The one table becomes partitions.
    Convert {
        /// Rows that are written anew.
        rows: u64,
        /// Bytes of the table with its indexes.
        bytes: i64,
        /// How many months are made.
        months: usize,
    },
    /// A partition is made.
    Make {
        /// Its name.
        partition: String,
        /// Rows that come into it.
        rows: u64,
    },
    /// A partition is detached.
    Archive {
        /// Its name.
        partition: String,
        /// Its rows.
        rows: i64,
        /// Bytes with its indexes.
        bytes: i64,
        /// Links to files that go with it.
        files: i64,
        /// Records of runs that go with it.
        runs: i64,
    },
    /// A partition that was to be detached stays.
    Leave {
        /// Its name.
        partition: String,
        /// The reason, and what to do.
        why: String,
    },
    /// The partitions become one table.
    Merge {
        /// Rows that are written anew.
        rows: u64,
        /// Bytes of all partitions with their indexes.
        bytes: i64,
        /// How many there are.
        partitions: usize,
    },
}

/// What is to be done, or was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionPlan {
    /// In order.
    pub changes: Vec<Change>,
    /// One transaction, without its begin and end.
    pub statements: Vec<String>,
}

impl PartitionPlan {
    /// As a script for `psql`.
    pub fn script(&self) -> String {
        let piece = Piece { name: "partitions".to_owned(), statements: self.statements.clone(), concurrent: false };
        plan::script(Dialect::Postgres, &Plan { pieces: vec![piece], ..Plan::default() })
    }
}
