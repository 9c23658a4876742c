//! Figures: what people have and did, and the health of the database. A figure that cannot be had says why.

use serde::Serialize;

/// A row of the view `user_stats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserStats {
    /// The person's row.
    pub id: i64,
    /// The login name; untrusted.
    pub username: String,
    /// Uploads and outputs together.
    pub total_files: i64,
    /// Bytes of all of them.
    pub total_storage_bytes: i64,
    /// Of every status.
    pub total_calculations: i64,
    /// Those that ended well.
    pub completed_calculations: i64,
}

/// A row of the view `recent_calculations`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecentCalculation {
    /// The calculation's row.
    pub id: i64,
    /// Its name; untrusted.
    pub name: String,
    /// As stored.
    pub status: String,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub created_at: chrono::NaiveDateTime,
    /// Seconds.
    pub execution_time: Option<f64>,
    /// Whose it is; untrusted.
    pub username: String,
    /// Whose it is, as they like to be called; untrusted.
    pub display_name: Option<String>,
}

/// What the two views show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The person who asks; none where the row is gone.
    pub own: Option<UserStats>,
    /// The newest ones that the person may see.
    pub recent: Vec<RecentCalculation>,
}

/// A figure, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Known<T> {
    /// It is known.
    Is(T),
    /// It is not.
    Missing(Gap),
}

impl<T> Known<T> {
    /// The figure.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Missing(_) => None,
        }
    }

    /// Why there is none.
    pub const fn gap(&self) -> Option<&Gap> {
        match self {
            Self::Is(_) => None,
            Self::Missing(gap) => Some(gap),
        }
    }
}

/// Why a figure is missing or only a part of it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The reason.
    pub missing: String,
    /// What would change that, where anything would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable: Option<String>,
}

impl Gap {
    /// A gap that nothing closes.
    pub fn new(missing: impl Into<String>) -> Self {
        Self { missing: missing.into(), enable: None }
    }

    /// A gap, and what closes it.
    pub fn until(missing: impl Into<String>, enable: impl Into<String>) -> Self {
        Self { missing: missing.into(), enable: Some(enable.into()) }
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.missing)?;
        self.enable.as_ref().map_or(Ok(()), |enable| write!(f, "; {enable}"))
    }
}

/// The health of the database.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// `PostgreSQL 15.14`, `SQLite 3.50.4`.
    pub engine: String,
    /// Milliseconds from asking for nothing to the answer.
    pub response_ms: f64,
    /// Bytes of the whole database.
    pub size_bytes: Known<i64>,
    /// Largest first.
    pub tables: Known<Vec<TableSize>>,
    /// Of the server; the database's own file has none.
    pub connections: Known<Connections>,
    /// Slowest first.
    pub slow_queries: Known<Vec<SlowQuery>>,
    /// Who waits for whom; empty where nobody does.
    pub locks: Known<Vec<Lock>>,
    /// Since the server's statistics were reset.
    pub deadlocks: Known<i64>,
    /// Least used first.
    pub indexes: Known<Vec<IndexUse>>,
    /// The embedded file's own figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileHealth>,
    /// What is there only in part, and why.
    pub partial: Vec<Gap>,
}

/// How much room a table takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSize {
    /// With its schema where that is not `public`.
    pub table: String,
    /// Bytes, with its indexes.
    pub total_bytes: i64,
    /// Bytes of the indexes alone.
    pub index_bytes: i64,
}

/// Connections to the server, all of its databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Connections {
    /// At work.
    pub active: i64,
    /// Without work.
    pub idle: i64,
    /// In the middle of a transaction, without work: what holds locks for nothing.
    pub idle_in_transaction: i64,
    /// Of others, whose state this role may not see.
    pub unknown: i64,
    /// At most so many; some are kept for superusers.
    pub maximum: i64,
}

/// A statement that takes long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SlowQuery {
    /// Its text, with placeholders; untrusted.
    pub query: String,
    /// Milliseconds.
    pub mean_ms: f64,
    /// How often it ran.
    pub calls: i64,
}

/// A session that waits for others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lock {
    /// The server process that waits.
    pub pid: i32,
    /// Its role; untrusted.
    pub user: Option<String>,
    /// The table, where the lock is one of a table's.
    pub table: Option<String>,
    /// The kind of lock it wants.
    pub mode: String,
    /// Seconds so far.
    pub waiting_s: Option<f64>,
    /// What it wants to do, where this role may see it; untrusted.
    pub query: Option<String>,
    /// Those that it waits for.
    pub blocked_by: Vec<Blocker>,
}

/// A session that others wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// The server process.
    pub pid: i32,
    /// Its role; untrusted.
    pub user: Option<String>,
    /// `active`, `idle in transaction`, where this role may see it.
    pub state: Option<String>,
}

/// How often an index is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexUse {
    /// The index.
    pub index: String,
    /// Its table.
    pub table: String,
    /// How often it was read since the statistics were reset.
    pub scans: i64,
    /// Bytes.
    pub bytes: i64,
}

/// The embedded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileHealth {
    /// Where.
    pub path: String,
    /// Bytes of the write-ahead log.
    pub wal_bytes: i64,
    /// Bytes a page.
    pub page_size: i64,
    /// Pages.
    pub page_count: i64,
    /// Of those, without content: given back by VACUUM.
    pub free_pages: i64,
    /// `wal`, `delete`.
    pub journal_mode: String,
    /// What a quick check found; only on request: it reads the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quick_check: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_where_the_figure_would_be() {
        let known: Known<i64> = Known::Is(7);
        assert_eq!(serde_json::to_string(&known).unwrap(), "7");
        let gap = Gap::until("only own queries are seen", "GRANT pg_read_all_stats");
        assert_eq!(gap.to_string(), "only own queries are seen; GRANT pg_read_all_stats");
        let missing: Known<i64> = Known::Missing(gap);
        assert_eq!(
            serde_json::to_string(&missing).unwrap(),
            r#"{"missing":"only own queries are seen","enable":"GRANT pg_read_all_stats"}"#
        );
        assert_eq!((missing.value(), known.gap()), (None, None));
    }
}
