//! Changes to the rows become messages: the lists follow what other programs do, and what this one does.

use crate::{
    db::{
        DbError,
        changes::{Change, Changes},
    },
    domain::change::{Kind, Kinds},
    tui::msg::Msg,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, mpsc};

/// A stream of changes reloads a list no more often; they add up meanwhile.
const PACE: Duration = Duration::from_millis(300);
/// What the database reports waits so long for a request of the screen that is under way, and is likely its cause.
const WAIT: Duration = Duration::from_millis(800);
/// What requests of the screen change.
const OWN: Kinds = Kinds::only(Kind::Calculations).and(Kinds::only(Kind::Files));

/// Changes that this program makes itself. The database reports them as well, before or after the request is over: both
/// are reported as one, and the lists are read once.
#[derive(Debug, Default)]
pub struct OwnChanges {
    under_way: AtomicUsize,
    changed: Notify,
}

/// A request that changes rows, until it is over.
#[derive(Debug)]
pub struct OwnChange(Arc<OwnChanges>);

impl OwnChanges {
    /// A request that changes rows begins.
    pub fn begin(self: &Arc<Self>) -> OwnChange {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        OwnChange(self.clone())
    }

    /// Waits until one has changed something.
    async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Waits a moment for one that is under way; whether it has changed something.
    async fn is_over(&self) -> bool {
        self.under_way.load(Ordering::Acquire) > 0 && tokio::time::timeout(WAIT, self.changed()).await.is_ok()
    }
}

impl OwnChange {
    /// It has changed something, and whoever asked knows.
    pub fn done(self) {
        self.0.changed.notify_one();
    }
}

impl Drop for OwnChange {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Reports to the screen what the database reports and what this program changed, until either is gone.
pub async fn report_changes(changes: Result<Changes, DbError>, own: Arc<OwnChanges>, queue: mpsc::Sender<Msg>) {
    let mut reporter = Reporter { queue, is_unavailable: false };
    let mut changes = match changes {
        Ok(changes) => Some(changes),
        Err(error) => {
            reporter.report(Kinds::NONE, [Some(Change::Silent(error.to_string())), None]).await;
            None
        }
    };
    let mut waits = false;
    loop {
        // What this program changed is not kept waiting.
        let mut own_kinds = if waits { OWN } else { Kinds::NONE };
        let mut first = None;
        if !waits {
            tokio::select! {
                () = own.changed() => own_kinds = OWN,
                change = next(changes.as_mut()) => match change {
                    Some(change) => first = Some(change),
                    None => return,
                },
            }
            if own.is_over().await {
                own_kinds = OWN;
            }
        }
        // What is committed by now is seen by the load that follows, and needs no other.
        let more = match &mut changes {
            Some(changes) => changes.caught_up().await,
            None => None,
        };
        if !reporter.report(own_kinds, [first, more]).await {
            return;
        }
        tokio::select! {
            biased;
            () = own.changed() => waits = true,
            is_closed = pause(changes.as_mut()) => {
                if is_closed {
                    return;
                }
                waits = false;
            }
        }
    }
}

/// What was reported to the screen.
struct Reporter {
    queue: mpsc::Sender<Msg>,
    is_unavailable: bool,
}

impl Reporter {
    /// Reports own changes and those of the database as one; `false` where the screen is gone.
    async fn report(&mut self, own: Kinds, changes: [Option<Change>; 2]) -> bool {
        let mut kinds = own;
        for change in changes.into_iter().flatten() {
            let msg = match change {
                Change::Rows(more) => {
                    kinds = kinds.and(more);
                    std::mem::take(&mut self.is_unavailable).then_some(Msg::ChangesAvailable)
                }
                Change::Silent(why) => {
                    tracing::warn!(why, "changes of other programs go unnoticed");
                    self.is_unavailable = true;
                    Some(Msg::ChangesUnavailable(unavailable(&why)))
                }
            };
            if let Some(msg) = msg
                && self.queue.send(msg).await.is_err()
            {
                return false;
            }
        }
        kinds.is_empty() || self.queue.send(Msg::Rows(kinds)).await.is_ok()
    }
}

/// The next change; never where none are reported.
async fn next(changes: Option<&mut Changes>) -> Option<Change> {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

/// Lets changes add up; `true` once the database is closed.
async fn pause(changes: Option<&mut Changes>) -> bool {
    if let Some(changes) = changes {
        return changes.pause(PACE).await;
    }
    tokio::time::sleep(PACE).await;
    false
}

fn unavailable(why: &str) -> String {
    format!("The lists do not follow other programs now: {why}. Ctrl-R loads again.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{Db, calculations, users},
        domain::{
            calculation::NewCalculation,
            id::UserId,
            limits::Limits,
            page::{CalculationQuery, PageRequest},
            user::Identity,
        },
    };
    use std::path::Path;

    /// How long a busy machine may take.
    const PATIENCE: Duration = Duration::from_secs(20);
    /// After so long without a message there comes none.
    const REST: Duration = Duration::from_secs(1);

    struct Bench {
        folder: tempfile::TempDir,
        db: Db,
        user: UserId,
        own: Arc<OwnChanges>,
        messages: mpsc::Receiver<Msg>,
    }

    impl Bench {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let db = Db::open_embedded(&Self::path(&folder)).await.unwrap();
            let person = Identity {
                keycloak_id: "local:test:1".to_owned(),
                username: "ann".to_owned(),
                email: String::new(),
                first_name: None,
                last_name: None,
                display_name: None,
            };
            let user = users::sign_in(&db, &person).await.unwrap().id;
            let (queue, messages) = mpsc::channel(64);
            let own = Arc::new(OwnChanges::default());
            tokio::spawn(report_changes(db.changes(user).await, own.clone(), queue));
            let mut bench = Self { folder, db, user, own, messages };
            bench.rest().await;
            bench
        }

        fn path(folder: &tempfile::TempDir) -> std::path::PathBuf {
            Path::join(folder.path(), "mecapy.db")
        }

        /// Waits for the next message that rows changed.
        async fn reported(&mut self) {
            let msg = tokio::time::timeout(PATIENCE, self.messages.recv()).await.expect("it is reported");
            assert!(matches!(msg, Some(Msg::Rows(_))), "{msg:?}");
        }

        /// How many messages still come.
        async fn rest(&mut self) -> usize {
            let mut count = 0;
            while let Ok(Some(_)) = tokio::time::timeout(REST, self.messages.recv()).await {
                count += 1;
            }
            count
        }

        async fn make(db: &Db, user: UserId) {
            let new = NewCalculation {
                name: "One".to_owned(),
                description: None,
                code: "pass".to_owned(),
                parameters: None,
                limits: Limits::default(),
                tool_id: None,
                tool_version_id: None,
                parent_id: None,
                inputs: Vec::new(),
            };
            calculations::create(db, user, &new).await.unwrap();
        }

        /// What a list would load now.
        async fn rows(&self) -> usize {
            let query = CalculationQuery::default();
            calculations::page(&self.db, self.user, &query, &PageRequest::first(50)).await.unwrap().rows.len()
        }
    }

    #[tokio::test]
    async fn what_this_program_changes_loads_a_list_once() {
        let mut bench = Bench::new().await;
        for made in 1..=3 {
            let changing = bench.own.begin();
            // Two commits, as a submission has them.
            Bench::make(&bench.db, bench.user).await;
            Bench::make(&bench.db, bench.user).await;
            changing.done();
            bench.reported().await;
            assert_eq!(bench.rows().await, 2 * made);
            assert_eq!(bench.rest().await, 0, "the database's own word of it is the same");
        }
        // One that failed tells nothing, and what it left is told by the database.
        let changing = bench.own.begin();
        Bench::make(&bench.db, bench.user).await;
        drop(changing);
        bench.reported().await;
        assert_eq!((bench.rows().await, bench.rest().await), (7, 0));
    }

    #[tokio::test]
    async fn what_another_program_changes_meanwhile_is_seen() {
        let mut bench = Bench::new().await;
        let other = Db::open_embedded(&Bench::path(&bench.folder)).await.unwrap();
        let changing = bench.own.begin();
        Bench::make(&bench.db, bench.user).await;
        Bench::make(&other, bench.user).await;
        changing.done();
        bench.reported().await;
        assert_eq!(bench.rows().await, 2, "both are in the one load");
        // Right behind it, while changes add up.
        Bench::make(&other, bench.user).await;
        bench.reported().await;
        assert_eq!(bench.rows().await, 3);
        bench.rest().await;
        // And while a long request is under way, which has committed nothing yet.
        let changing = bench.own.begin();
        Bench::make(&other, bench.user).await;
        bench.reported().await;
        assert_eq!(bench.rows().await, 4);
        drop(changing);
        assert_eq!(bench.rest().await, 0);
    }

    #[tokio::test]
    async fn own_changes_are_told_where_the_database_tells_nothing() {
        let (queue, mut messages) = mpsc::channel(8);
        let own = Arc::new(OwnChanges::default());
        let silent = DbError::Open { place: "nowhere".to_owned(), problem: "it is gone".to_owned() };
        tokio::spawn(report_changes(Err(silent), own.clone(), queue));
        assert!(matches!(messages.recv().await, Some(Msg::ChangesUnavailable(why)) if why.contains("it is gone")));
        own.begin().done();
        let told = tokio::time::timeout(PATIENCE, messages.recv()).await.unwrap();
        assert!(matches!(told, Some(Msg::Rows(kinds)) if kinds.has(Kind::Calculations)), "{told:?}");
    }
}
