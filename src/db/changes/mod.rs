//! Changes to the rows by anybody: this program, another one, another host. The database tells; nothing is polled.
//!
//! The embedded file: the kernel tells that its files were written, then `PRAGMA data_version` says whether a commit
//! came of it. A shared server: triggers notify, and a connection of its own listens.

mod checks;
mod file;
mod server;

use super::{Db, DbError, ExplainError, Options};
use crate::domain::{change::Kinds, id::UserId};
use file::FileWatch;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use server::Listening;
use std::time::Duration;
use tokio::sync::watch;

/// Something to know about the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Rows of these kinds were added, changed or deleted, or may have been.
    Rows(Kinds),
    /// From now on nothing is told, and why; what is shown grows old until it is loaded again.
    Silent(String),
}

/// Tells changes from its making on; many at once are told as one.
#[derive(Debug)]
pub struct Changes {
    source: Source,
    /// Closing the database waits until this is dropped.
    closing: watch::Receiver<bool>,
}

#[derive(Debug)]
enum Source {
    File(Box<FileWatch>),
    Server(Box<Listening>),
    /// A database in memory: nobody else sees it.
    Nobody,
}

impl Db {
    /// Changes to what this person sees, own ones included: on the embedded file from now on, on a server from the
    /// first [`Changes::next`], which tells that anything may have changed before it listened.
    pub async fn changes(&self, user: UserId) -> Result<Changes, DbError> {
        let closing = self.0.closing.subscribe();
        let source = if self.connection().get_database_backend() == DbBackend::Postgres {
            let pool = self.connection().get_postgres_connection_pool();
            let quiet = self.0.access.as_ref().map_or(Options::default().quiet, |access| access.options().quiet);
            Source::Server(Box::new(Listening::new(pool, self.place(), user, quiet)))
        } else {
            match self.file().await? {
                Some(path) => Source::File(Box::new(FileWatch::new(path.into()))),
                None => Source::Nobody,
            }
        };
        Ok(Changes { source, closing })
    }

    /// The embedded file as SQLite found it: absolute, links followed.
    async fn file(&self) -> Result<Option<String>, DbError> {
        let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
        let row =
            self.connection().query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.explain(self)?;
        let file: Option<String> = row.map(|row| row.try_get("", "file")).transpose().explain(self)?.flatten();
        Ok(file.filter(|file| !file.is_empty()))
    }
}

impl Changes {
    /// The next change; `None` once the database is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Change> {
        let change = tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => None,
            change = self.source.next() => Some(change),
        };
        if change.is_none() {
            match &mut self.source {
                // Before the last connection that writes: only that one can fold the log into the file.
                Source::File(watch) => watch.close().await,
                Source::Server(listening) => listening.close().await,
                Source::Nobody => {}
            }
        }
        change
    }
}

impl Changes {
    /// What was changed by now and not told yet: [`Changes::next`] tells nothing of it any more.
    pub async fn caught_up(&mut self) -> Option<Change> {
        match &mut self.source {
            Source::File(watch) => watch.caught_up().await,
            Source::Server(listening) => listening.caught_up().await,
            Source::Nobody => None,
        }
    }

    /// Lets changes add up for a while; `true` once the database is closed.
    pub async fn pause(&mut self, pause: Duration) -> bool {
        let closing = self.closing.wait_for(|closing| *closing);
        if tokio::time::timeout(pause, closing).await.is_err() {
            return false;
        }
        self.next().await;
        true
    }
}

impl Source {
    async fn next(&mut self) -> Change {
        match self {
            Self::File(watch) => watch.next().await,
            Self::Server(listening) => listening.next().await,
            Self::Nobody => std::future::pending().await,
        }
    }
}
