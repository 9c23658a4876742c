//! The connections to a server: how many are kept while there is work, and how few while there is none.

use crate::db::Options;
use sea_orm::sqlx::{
    self, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::AbortHandle};

/// A connection that rested longer than this is tried before it is used: the server may have gone meanwhile.
const TRUSTED: Duration = Duration::from_secs(2);
/// So long such a try may take; a connection whose other end went without a word answers nothing, for ever.
const PATIENCE: Duration = Duration::from_secs(3);
/// Of the connections those are closed, but for one, that were not needed from one look to the next: looks are so far
/// apart, so that a burst is over for twice as long at most.
const REST: Duration = Duration::from_secs(5);

/// The longest wait for a connection on its way back.
const IDLE_SOON: Duration = Duration::from_millis(4);

/// Closes the idle connections of a pool until it is dropped with the database.
#[derive(Debug)]
pub(in crate::db) struct Reaper {
    known: Known,
    task: AbortHandle,
}

/// The pool as its own hook knows it, until the database is closed: the two would else keep each other for ever.
type Known = Arc<Mutex<Option<PgPool>>>;

/// A pool as the platform's other programs have it: `pool_size` connections are kept, those of the overflow are closed
/// as soon as they are given back. One of them is left when all rest; that one goes after `idle_timeout`.
pub(super) fn of(connect: PgConnectOptions, options: &Options) -> (PgPool, Reaper) {
    let (known, use_) = (Known::default(), Arc::new(Use::default()));
    let (hooked, seen, keep) = (known.clone(), use_.clone(), options.pool_size);
    let pool = PgPoolOptions::new()
        .max_connections(options.pool_size.saturating_add(options.max_overflow))
        .min_connections(0)
        .acquire_timeout(options.pool_timeout)
        .max_lifetime(options.recycle)
        .idle_timeout(options.idle_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, rested| {
            Box::pin(async move {
                if rested.idle_for > TRUSTED {
                    answers(connection).await?;
                }
                Ok(true)
            })
        })
        .after_release(move |connection, _| {
            let (pool, seen) = (hooked.lock().ok().and_then(|pool| pool.clone()), seen.clone());
            if let Some(pool) = &pool {
                seen.released(pool);
            }
            Box::pin(async move {
                // A statement that was given up may never be answered: its connection would be waited for here for ever.
                answers(connection).await?;
                Ok(pool.is_none_or(|pool| seen.stays(&pool, keep)))
            })
        })
        .connect_lazy_with(connect);
    if let Ok(mut known) = known.lock() {
        *known = Some(pool.clone());
    }
    let task = tokio::spawn(close_idle(known.clone(), use_)).abort_handle();
    (pool, Reaper { known, task })
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.task.abort();
        if let Ok(mut known) = self.known.lock() {
            *known = None;
        }
    }
}

/// Waits until a connection is idle in the pool, but no longer than it takes to make another.
///
/// A connection that is given back is asked first whether it is well; meanwhile the next statement would have the pool
/// make a new one, with all that it says to be let in.
pub(in crate::db) async fn wait_for_idle(pool: &PgPool) {
    // Its answer takes less than a tick of the runtime's clock, which a sleep would wait for.
    let began = Instant::now();
    while pool.size() > 0 && pool.num_idle() == 0 && began.elapsed() < IDLE_SOON {
        tokio::task::yield_now().await;
    }
}

/// Fails where a connection does not answer; it is then thrown away without a word.
async fn answers(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let silent = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    tokio::time::timeout(PATIENCE, connection.ping()).await.map_err(silent)?
}

/// How a pool is used.
#[derive(Debug, Default)]
struct Use {
    /// The most connections that were in use at once since it was last asked.
    most: AtomicU32,
    released: Notify,
    /// How many were open when last looked, and how many of them are being closed.
    leaving: Mutex<(u32, u32)>,
}

impl Use {
    /// Notes that a connection is being given back.
    fn released(&self, pool: &PgPool) {
        let resting = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        self.most.fetch_max(pool.size().saturating_sub(resting), Ordering::Relaxed);
        self.released.notify_one();
    }

    /// Whether a connection that is given back is kept: `keep` are. Several may be given back at once, and one that is
    /// being closed is still open for a moment.
    fn stays(&self, pool: &PgPool, keep: u32) -> bool {
        let mut state = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, leaving) = *state;
        let open = pool.size();
        let leaving = leaving.saturating_sub(before.saturating_sub(open));
        let stays = open.saturating_sub(leaving) <= keep;
        *state = (open, leaving + u32::from(!stays));
        stays
    }
}

/// Closes what was not needed for a while. Sleeps as long as there is nothing to close: an idle program does not wake.
async fn close_idle(known: Known, use_: Arc<Use>) {
    loop {
        use_.released.notified().await;
        loop {
            tokio::time::sleep(REST).await;
            let keep = use_.most.swap(0, Ordering::Relaxed).max(1);
            let Some(pool) = known.lock().ok().and_then(|pool| pool.clone()) else { return };
            while pool.size() > keep {
                let Some(connection) = pool.try_acquire() else { break };
                // Polite, but no longer than an answer may take.
                let _ = tokio::time::timeout(PATIENCE, connection.close()).await;
            }
            if pool.size() <= 1 {
                break;
            }
        }
    }
}
