//! A shared server: triggers send a hint for what changed, and one connection listens.

use super::Change;
use crate::{
    db::DbError,
    domain::{
        change::{Kind, Kinds},
        id::UserId,
    },
};
use futures_util::FutureExt as _;
use sea_orm::{DbErr, RuntimeErr};
use sqlx::{
    Connection as _, Executor as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// The channel of the triggers.
const CHANNEL: &str = "mecapy";
/// How long a server may take to take us.
const PATIENCE: Duration = Duration::from_secs(10);
/// The waits between attempts to get it back; the last one is repeated.
const BACKOFF: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// Listens on a connection of its own.
#[derive(Debug)]
pub(super) struct Listening {
    place: String,
    options: PgConnectOptions,
    /// Of one connection: the database's pool keeps all of its own.
    pool: PgPool,
    /// After so long without a message the server is asked whether it is still there.
    quiet: Duration,
    /// Whose rows are told.
    user: UserId,
    listener: Option<PgListener>,
    retry: Option<Instant>,
    attempts: usize,
    was_lost: bool,
    is_silent: bool,
}

impl Listening {
    /// Listens with the settings of `pool`, from the first wait on.
    pub(super) fn new(pool: &PgPool, place: &str, user: UserId, quiet: Duration) -> Self {
        let options = (*pool.connect_options()).clone();
        Self {
            place: place.to_owned(),
            pool: alone(&options),
            options,
            quiet,
            user,
            listener: None,
            retry: None,
            attempts: 0,
            was_lost: false,
            is_silent: false,
        }
    }

    /// The next change. What is sent while nobody listens is lost: then everything may have changed.
    pub(super) async fn next(&mut self) -> Change {
        loop {
            if let Some(listener) = &mut self.listener {
                let received = match tokio::time::timeout(self.quiet, listener.try_recv()).await {
                    Ok(received) => received,
                    // What the other end of a network forgot is not told to this one.
                    Err(_) if answers(listener).await => continue,
                    Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
                };
                match received {
                    Ok(Some(first)) => {
                        // What waits behind it is told with it.
                        let kinds = hinted(first.payload(), self.user).and(self.waiting());
                        if !kinds.is_empty() {
                            return Change::Rows(kinds);
                        }
                    }
                    lost => {
                        tracing::info!(?lost, "the listening connection is lost");
                        self.lost();
                    }
                }
                continue;
            }
            if let Some(retry) = self.retry {
                tokio::time::sleep_until(retry).await;
            }
            match self.listen().await {
                Ok(listener) => {
                    self.listener = Some(listener);
                    (self.retry, self.attempts, self.is_silent) = (None, 0, false);
                    return Change::Rows(Kinds::ALL);
                }
                Err(error) => {
                    self.retry = Some(Instant::now() + BACKOFF[self.attempts.min(BACKOFF.len() - 1)]);
                    self.attempts += 1;
                    self.was_lost = true;
                    if !std::mem::replace(&mut self.is_silent, true) {
                        let error = DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
                        return Change::Silent(DbError::explain(&self.place, error).to_string());
                    }
                }
            }
        }
    }

    /// What was committed by now: the server sends it before the answer to an empty statement.
    pub(super) async fn caught_up(&mut self) -> Option<Change> {
        let listener = self.listener.as_mut()?;
        // One that is lost is found so by `next`.
        let kinds = if answers(listener).await { self.waiting() } else { Kinds::NONE };
        (!kinds.is_empty()).then_some(Change::Rows(kinds))
    }

    /// What was sent and not read yet.
    fn waiting(&mut self) -> Kinds {
        let mut kinds = Kinds::NONE;
        while let Some(listener) = &mut self.listener {
            match listener.try_recv().now_or_never() {
                Some(Ok(Some(more))) => kinds = kinds.and(hinted(more.payload(), self.user)),
                None => break,
                // Asked again it would be there again, and what was sent meanwhile would be missed.
                Some(_) => self.lost(),
            }
        }
        kinds
    }

    /// Makes the next wait begin anew.
    fn lost(&mut self) {
        (self.listener, self.was_lost) = (None, true);
        // A connection that does not answer keeps its place until the kernel gives it up.
        self.pool = alone(&self.options);
    }

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        if self.was_lost {
            // A pool waits for a server that does not answer, and then says only that it waited.
            let probe = PgConnection::connect_with(&self.options);
            match tokio::time::timeout(PATIENCE, probe).await {
                Ok(probe) => drop(probe?.close().await),
                Err(_) => return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
            }
        }
        let mut listener = PgListener::connect_with(&self.pool).await?;
        // A lost connection is told, and everything is loaded again.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// Gives the connection back to the server.
    pub(super) async fn close(&mut self) {
        self.listener = None;
        self.pool.close().await;
    }
}

/// A pool of one connection.
fn alone(options: &PgConnectOptions) -> PgPool {
    // No idle time and no lifetime: their timers would wake an idle program.
    PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone())
}

/// Whether the server still answers: an empty statement. What it tells meanwhile is kept.
async fn answers(listener: &mut PgListener) -> bool {
    matches!(tokio::time::timeout(PATIENCE, listener.execute("")).await, Ok(Ok(_)))
}

/// What a message hints at; nothing where it is no hint, or is about rows of others.
fn hinted(payload: &str, user: UserId) -> Kinds {
    let mut words = payload.split(' ');
    let (Some(table), Some(_), Some(person), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Kinds::NONE;
    };
    let is_mine = person == "*" || person.parse() == Ok(user.0);
    match table {
        "calculations" | "calculation_runs" if is_mine => Kinds::only(Kind::Calculations),
        "user_files" if is_mine => Kinds::only(Kind::Files),
        "tools" => Kinds::only(Kind::Tools),
        _ => Kinds::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_about_own_rows_and_anything_else_is_nothing() {
        let mine = |payload| hinted(payload, UserId(7));
        assert_eq!(mine("calculations 12 7"), Kinds::only(Kind::Calculations));
        assert_eq!(mine("calculation_runs 12 7"), Kinds::only(Kind::Calculations));
        assert_eq!(mine("calculations * *"), Kinds::only(Kind::Calculations));
        assert_eq!(mine("user_files 3 7"), Kinds::only(Kind::Files));
        assert_eq!(mine("tools 4 2"), Kinds::only(Kind::Tools));
        for other in ["calculations 12 8", "", "tools", "tools 1", "users 1 7", "tools 1 2 3", "\u{1b}[2J * *"] {
            assert_eq!(mine(other), Kinds::NONE, "{other:?}");
        }
    }
}
