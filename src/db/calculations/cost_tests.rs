//! Lists at size on the embedded engine: how many steps SQLite's machine takes for each operation. A row that is looked
//! at costs several, so that a scan shows at once, and the number is the same on every machine.

use super::{count, detail, page};
use crate::{
    db::{Db, files as stored, users},
    domain::{
        id::{CalculationId, UserId},
        page::{CalculationQuery, CalculationSort, Direction, PageRequest},
        status::Status,
        user::Identity,
    },
};
use sea_orm::{ConnectionTrait as _, Statement};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[path = "../../../tests/it/support/fill.rs"]
#[expect(dead_code, reason = "a database in memory has no address that others could use")]
mod fill;

const PAGE: u32 = 50;
/// The most steps of a page: 50 rows out of five ranges, with their runs.
const MOST: u64 = 8_000;

/// Counts the steps of the only connection of a database in memory.
struct Steps(Arc<AtomicU64>);

impl Steps {
    async fn of(db: &Db) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        let mut connection = db.connection().get_sqlite_connection_pool().acquire().await.unwrap();
        connection.lock_handle().await.unwrap().set_progress_handler(1, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            true
        });
        Self(count)
    }

    fn taken(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

async fn filled(rows: u32) -> (Db, UserId) {
    let db = Db::open("sqlite::memory:").await.unwrap();
    let person = Identity {
        keycloak_id: "local:test:1".to_owned(),
        username: "ann".to_owned(),
        email: String::new(),
        first_name: None,
        last_name: None,
        display_name: None,
    };
    let ann = users::sign_in(&db, &person).await.unwrap().id;
    fill::into(db.connection(), ann.0, fill::Amount::among_others(rows)).await.unwrap();
    (db, ann)
}

async fn explain(db: &Db, sql: &str) -> String {
    let statement = Statement::from_string(db.connection().get_database_backend(), format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = db.connection().query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get::<String>("", "detail").unwrap() + "\n").collect()
}

#[tokio::test]
async fn every_operation_takes_the_steps_of_a_page() {
    let rows = std::env::var("MECAPY_SIZE_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(30_000);
    let (db, ann) = filled(rows).await;
    let steps = Steps::of(&db).await;
    assert_eq!(count(&db, ann, &CalculationQuery::default()).await.unwrap(), u64::from(rows));
    assert!(steps.taken() > 2 * MOST, "a scan would pass unnoticed");

    let mut queries: Vec<CalculationQuery> = Vec::new();
    for sort in [
        CalculationSort::Created,
        CalculationSort::Name,
        CalculationSort::Status,
        CalculationSort::Started,
        CalculationSort::Duration,
    ] {
        for ascending in [false, true] {
            queries.push(CalculationQuery { sort, ascending, ..CalculationQuery::default() });
        }
    }
    for status in [Status::Cancelled, Status::Failed, Status::Running] {
        queries.push(CalculationQuery { statuses: vec![status], ..CalculationQuery::default() });
    }
    for query in queries {
        let deep = page(&db, ann, &query, &PageRequest::first(5_000)).await.unwrap();
        let next = PageRequest { anchor: deep.cursors.last().cloned(), direction: Direction::Forward, limit: PAGE };
        for request in [PageRequest::first(PAGE), PageRequest::last(PAGE), next] {
            steps.taken();
            let read = page(&db, ann, &query, &request).await.unwrap();
            let taken = steps.taken();
            assert!(
                query.statuses == [Status::Running] || !read.rows.is_empty() || request.anchor.is_some(),
                "{query:?}"
            );
            assert!((1..=MOST).contains(&taken), "{taken} steps: {query:?} {request:?}");
        }
    }
    // Names: many, one, none, by their beginning. Of many the list is walked until a page is full.
    for (text, most) in [("convergence", 60_000), ("beam, load case  2997", 40_000), ("zzzz", 500), ("ca", 70_000)] {
        steps.taken();
        let query = CalculationQuery { text: text.to_owned(), ..CalculationQuery::default() };
        let found = page(&db, ann, &query, &PageRequest::first(PAGE)).await.unwrap();
        assert_eq!(found.rows.is_empty(), text == "zzzz", "{text}");
        let taken = steps.taken();
        assert!((1..=most).contains(&taken), "{text}: {taken} steps");
    }
    // A detail.
    steps.taken();
    let id = CalculationId(20_002);
    let whole = detail(&db, ann, id).await.unwrap().unwrap();
    assert!(whole.run.is_some() && whole.files.is_empty());
    assert!(stored::find_same(&db, ann, &format!("{:064x}", 20_001), 20_001, &[]).await.unwrap().is_none());
    let taken = steps.taken();
    assert!((1..=300).contains(&taken), "{taken} steps");
}

#[tokio::test]
async fn each_recommended_index_serves_its_query() {
    let (db, ann) = filled(1_000).await;
    // One of ours holds the same as the second and more, and either serves.
    db.connection().execute_unprepared("DROP INDEX calculations_list_created").await.unwrap();
    for (sql, index) in [
        (
            format!("SELECT id FROM user_files WHERE user_id = {ann} ORDER BY uploaded_at DESC LIMIT 50"),
            "idx_user_files_user_created (user_id=?)",
        ),
        (
            format!(
                "SELECT id FROM user_files WHERE user_id = {ann} AND uploaded_at < '2024-01-01 00:00:00.000000' \
                 ORDER BY uploaded_at DESC LIMIT 50"
            ),
            "idx_user_files_user_created (user_id=? AND uploaded_at<?)",
        ),
        (
            format!(
                "SELECT id FROM calculations WHERE user_id = {ann} AND status = 'failed' ORDER BY created_at DESC LIMIT 50"
            ),
            "idx_calculations_user_status_created (user_id=? AND status=?)",
        ),
        (
            "SELECT id FROM user_files WHERE file_hash = 'x' AND file_size = 5".to_owned(),
            "idx_user_files_hash_size (file_hash=? AND file_size=?)",
        ),
    ] {
        let plan = explain(&db, &sql).await;
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}
