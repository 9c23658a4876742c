//! The verbs of the database as clap reads them.

use crate::db::partitions::Month;
use clap::Subcommand;
use std::path::PathBuf;

/// Verbs of the database.
#[derive(Debug, Subcommand)]
pub enum Db {
    /// Bring the database to the newest schema, or to a named migration
    ///
    /// A database that the platform's Python programs made is recognised and adopted with everything it holds; look
    /// first with --dry-run. Others may go on reading and writing meanwhile, except while a table itself is changed.
    #[command(after_help = "Examples:\n  mecapy db upgrade --dry-run\n  mecapy db upgrade --sql > upgrade.sql")]
    Upgrade {
        /// head, the name of a migration or its number (003), or +N for N further ones
        #[arg(default_value = "head")]
        target: String,
        /// Print the SQL instead of running it
        #[arg(long)]
        sql: bool,
    },
    /// Take migrations back, with what only they hold
    #[command(after_help = "Example:\n  mecapy db downgrade -1")]
    Downgrade {
        /// -N or N for the last N, the migration that shall be the newest again, or base for all
        #[arg(allow_negative_numbers = true)]
        target: String,
        /// Print the SQL instead of running it
        #[arg(long)]
        sql: bool,
    },
    /// List the migrations, and when each was applied
    #[command(after_help = "Example:\n  mecapy db history")]
    History,
    /// Print the newest applied migration
    #[command(after_help = "Example:\n  mecapy db current")]
    Current,
    /// Say what differs between the schema of this mecapy and the database; exit code 1 if anything does
    #[command(after_help = "Example:\n  mecapy db check && echo same")]
    Check,
    /// Isolate people from each other: row security on a PostgreSQL server, or off again
    ///
    /// From then on each person works with a role of their own (mecapy admin provision) and sees and changes what
    /// belongs to that person, whatever client is used. Look first with --dry-run. Said again, it corrects what was changed.
    #[command(after_help = "Examples:\n  mecapy db secure --dry-run\n  mecapy db secure --off --sql")]
    Secure {
        /// Take it off again
        #[arg(long)]
        off: bool,
        /// Print the SQL instead of running it
        #[arg(long)]
        sql: bool,
    },
    /// Keep calculations in monthly partitions on a large PostgreSQL server; says what it would do, --yes does it
    ///
    /// The first time the one table becomes months, named calculations_y2024m01, and one that catches the rest. From then
    /// on each time makes the coming months and moves rows of past months out of the one that caught them: let it run once
    /// a month. Nobody can use calculations while it works; what interrupts it leaves everything as it was.
    #[command(after_help = "Example:\n  mecapy db partition --archive-before 2024-01 --yes")]
    Partition {
        /// Keep this many months ready ahead of time
        #[arg(long, value_name = "N", default_value_t = crate::db::partitions::AHEAD,
              value_parser = clap::value_parser!(u32).range(0..=120))]
        ahead: u32,
        /// Detach the months before this one (2024-01) into the schema archive, with their links and runs
        ///
        /// A month with a calculation that has not ended stays. The bytes of files stay where they are.
        #[arg(long, value_name = "MONTH")]
        archive_before: Option<Month>,
        /// Make one table of the partitions again
        #[arg(long, conflicts_with_all = ["archive_before", "ahead"])]
        undo: bool,
        /// List the partitions
        #[arg(long, conflicts_with_all = ["archive_before", "ahead", "undo", "sql"])]
        list: bool,
        /// Print the SQL instead of running it
        #[arg(long)]
        sql: bool,
    },
    /// Write a copy of everything in the database, while others go on working
    ///
    /// The file's name says how: .db (SQLite), .dump (PostgreSQL's archive, compressed), .sql or .sql.gz. It is verified
    /// before it gets its name. The bytes of files are not in it: they are in the object store.
    #[command(after_help = "Example:\n  mecapy db backup copy.db")]
    Backup {
        /// The file; mecapy_backup_DATE_TIME with the engine's own ending without one
        file: Option<PathBuf>,
        /// Without FILE: as compressed SQL instead of the engine's own format
        #[arg(long, conflicts_with = "file")]
        plain: bool,
    },
    /// Put a copy in the place of everything in the database, all or nothing
    ///
    /// Takes what backup writes, and SQL made by pg_dump, sqlite3 or hand (.sql, .sql.gz).
    #[command(after_help = "Example:\n  mecapy db restore copy.db")]
    Restore {
        /// The file
        file: PathBuf,
    },
}
