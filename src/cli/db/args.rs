//! The verbs of the database as clap reads them.

use clap::Subcommand;

/// Verbs of the database.
#[derive(Debug, Subcommand)]
pub enum Db {
    /// Bring the database to the newest schema, or to a named migration
    ///
    /// A database that the platform's Python programs made is recognised and adopted with everything it holds; look
    /// first with --dry-run. Others may go on reading and writing meanwhile, except while a table itself is changed.
    Upgrade {
        /// head, the name of a migration or its number (003), or +N for N further ones
        #[arg(default_value = "head")]
        target: String,
        /// Print the SQL instead of running it
        #[arg(long)]
        sql: bool,
    },
    /// Take migrations back, with what only they hold
    Downgrade {
        /// -N or N for the last N, the migration that shall be the newest again, or base for all
        #[arg(allow_negative_numbers = true)]
        target: String,
        /// Print the SQL instead of running it
        #[arg(long)]
        sql: bool,
    },
    /// List the migrations, and when each was applied
    History,
    /// Print the newest applied migration
    Current,
    /// Say what differs between the schema of this mecapy and the database; exit code 1 if anything does
    Check,
}
