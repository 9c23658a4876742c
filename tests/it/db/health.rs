//! Figures of both views, and the health of the database: as an ordinary role sees it, with every gap explained.

use super::{
    engines::{Place, on_each_engine},
    story::{calculation, identity},
};
use crate::support::postgres::{self, PASSWORD, ROLE};
use mecapy::{
    db::{Db, calculations, health, users},
    domain::statistics::{Health, Known},
};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use std::time::{Duration, Instant};

/// How long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// Asks until the answer is as it should be: servers count with a delay.
async fn until(db: &Db, what: &str, is_so: impl Fn(&Health) -> bool) -> Health {
    let end = Instant::now() + PATIENCE;
    loop {
        let health = health::health(db, false).await.unwrap();
        if is_so(&health) {
            return health;
        }
        assert!(Instant::now() < end, "{what}: {health:#?}");
        tokio::task::yield_now().await;
    }
}

fn gap<T: std::fmt::Debug>(figure: &Known<T>) -> String {
    figure.gap().unwrap_or_else(|| panic!("it is known: {figure:?}")).to_string()
}

async fn the_views_are_shown_with_all_their_columns(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let bob = users::sign_in(&db, &identity("bob")).await.unwrap().id;
    let other = place.connect().await;
    for file in 1..=3 {
        let sql = format!(
            "INSERT INTO user_files (user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, \
             s3_url, uploaded_at, is_public) VALUES ({ann}, 'f', 'f', 100, 't', 'k{file}', 'b', 'u', \
             '2026-01-01 00:00:00.000000', false)"
        );
        other.execute_unprepared(&sql).await.unwrap();
    }
    for name in ["one", "two", "three", "four"] {
        calculations::create(&db, ann, &calculation(name)).await.unwrap();
    }
    calculations::create(&db, bob, &calculation("bob's")).await.unwrap();
    other
        .execute_unprepared("UPDATE calculations SET status = 'completed', execution_time = 2.5 WHERE name = 'two'")
        .await
        .unwrap();

    let figures = health::figures(&db, ann).await.unwrap();
    let own = figures.own.unwrap();
    assert_eq!((own.id, own.username.as_str()), (ann.0, "ann"));
    assert_eq!((own.total_files, own.total_storage_bytes), (3, 300), "each file once, whatever the calculations");
    assert_eq!((own.total_calculations, own.completed_calculations), (4, 1));
    assert_eq!(figures.recent.len(), 5);
    assert!(figures.recent.is_sorted_by(|one, two| one.created_at >= two.created_at));
    let two = figures.recent.iter().find(|row| row.name == "two").unwrap();
    assert_eq!((two.status.as_str(), two.execution_time, two.username.as_str()), ("completed", Some(2.5), "ann"));
    assert_eq!(two.display_name, identity("ann").display_name);
    assert!(two.id > 0);
}

on_each_engine!(the_views_are_shown_with_all_their_columns);

#[tokio::test]
async fn an_embedded_file_tells_its_pages_and_why_the_rest_is_unknown() {
    let place = Place::sqlite().unwrap();
    let db = place.open().await;
    let before = health::health(&db, false).await.unwrap();
    assert!(before.engine.starts_with("SQLite 3."), "{before:?}");
    assert!(before.response_ms > 0.0);
    let file = before.file.as_ref().unwrap();
    assert_eq!(before.size_bytes, Known::Is(file.page_size * file.page_count));
    assert_eq!((file.journal_mode.as_str(), &file.quick_check), ("wal", &None));
    let tables = before.tables.value().unwrap();
    assert!(tables.is_sorted_by(|one, two| one.total_bytes >= two.total_bytes), "{tables:?}");
    let calculations = tables.iter().find(|table| table.table == "calculations").unwrap();
    assert!(calculations.total_bytes > calculations.index_bytes && calculations.index_bytes > 0, "{calculations:?}");
    for why in [gap(&before.connections), gap(&before.slow_queries), gap(&before.locks), gap(&before.indexes)] {
        assert!(why.len() > 10, "{why}");
    }
    assert!(gap(&before.deadlocks).contains("take turns"));

    let checked = health::health(&db, true).await.unwrap().file.unwrap();
    assert_eq!(checked.quick_check.unwrap(), ["ok"]);
    assert!(checked.wal_bytes > 0, "what was written is in the log still");
}

#[tokio::test]
async fn an_ordinary_role_sees_sizes_connections_and_indexes() {
    let Some(database) = postgres::database() else { return };
    let db = Db::open(&database.url()).await.unwrap();
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let sql = format!(
        "INSERT INTO calculations (user_id, name, code, status, created_at, updated_at) \
         SELECT {ann}, 'n', 'x', 'pending', now(), now() FROM generate_series(1, 20000)"
    );
    database.connect().await.execute_unprepared(&sql).await.unwrap();
    let health = health::health(&db, false).await.unwrap();
    assert!(health.engine.starts_with("PostgreSQL 1"), "{health:?}");
    let largest = &health.tables.value().unwrap()[0];
    assert_eq!(largest.table, "calculations");
    assert!(largest.total_bytes > largest.index_bytes && largest.index_bytes > 100_000, "{largest:?}");
    assert!(*health.size_bytes.value().unwrap() > largest.total_bytes);
    let connections = health.connections.value().unwrap();
    assert!(connections.active >= 1 && connections.maximum == 200, "{connections:?}");
    assert!(health.indexes.value().unwrap().iter().any(|index| index.index == "ix_calculations_user_id"));
    assert!(health.file.is_none() && health.locks.value().unwrap().is_empty());
    // A connection that holds a transaction open is counted as such.
    let open = database.connect().await;
    let transaction = open.begin().await.unwrap();
    transaction.execute_unprepared("SELECT 1").await.unwrap();
    until(&db, "idle in transaction", |health| health.connections.value().unwrap().idle_in_transaction >= 1).await;
}

#[tokio::test]
async fn slow_queries_say_what_is_missing_until_they_are_there() {
    let Some(database) = postgres::database() else { return };
    let db = Db::open(&database.url()).await.unwrap();
    let why = gap(&health::health(&db, false).await.unwrap().slow_queries);
    assert!(why.contains("shared_preload_libraries") && why.contains("CREATE EXTENSION"), "{why}");
    if database.superuser("SHOW shared_preload_libraries") != "pg_stat_statements" {
        return crate::support::skipped("pg_stat_statements is not installed");
    }
    // In a schema of its own, as some installations have it.
    database.superuser("CREATE SCHEMA watching; GRANT USAGE ON SCHEMA watching TO PUBLIC");
    database.superuser("CREATE EXTENSION pg_stat_statements SCHEMA watching");
    database.superuser("SELECT pg_sleep(0.05)");
    let own = database.connect().await;
    own.execute_unprepared("SELECT pg_sleep(0.03)").await.unwrap();
    let seen = until(&db, "own", |health| !health.slow_queries.value().unwrap().is_empty()).await;
    let queries = seen.slow_queries.value().unwrap();
    assert!(queries.len() <= 10 && queries.is_sorted_by(|one, two| one.mean_ms >= two.mean_ms), "{queries:?}");
    assert!(queries[0].query.contains("pg_sleep") && queries[0].mean_ms >= 30.0 && queries[0].calls == 1);
    assert!(queries.iter().all(|query| !query.query.contains("insufficient")), "{queries:?}");
    let partial = |health: &Health| health.partial.iter().any(|gap| gap.to_string().contains("pg_read_all_stats"));
    assert!(partial(&seen), "{:?}", seen.partial);

    database.superuser(&format!("CREATE ROLE watcher LOGIN PASSWORD '{PASSWORD}' IN ROLE {ROLE}, pg_read_all_stats"));
    let url = database.url().replace(ROLE, "watcher");
    let all = health::health(&Db::open(&url).await.unwrap(), false).await.unwrap();
    assert!(all.slow_queries.value().unwrap()[0].mean_ms >= 50.0, "the superuser's is the slowest");
    assert!(!partial(&all), "{:?}", all.partial);
    database.superuser("DROP ROLE watcher");
}

#[tokio::test]
async fn who_blocks_whom_is_seen_by_an_ordinary_role() {
    let Some(database) = postgres::database() else { return };
    let db = Db::open(&database.url()).await.unwrap();
    users::sign_in(&db, &identity("ann")).await.unwrap();
    let (one, two) = (database.connect().await, database.connect().await);
    let holding = one.begin().await.unwrap();
    holding.execute_unprepared("LOCK TABLE tools IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let waiting = tokio::spawn(async move { two.execute_unprepared("UPDATE tools SET is_active = true").await });
    let health = until(&db, "the wait", |health| !health.locks.value().unwrap().is_empty()).await;
    let lock = &health.locks.value().unwrap()[0];
    assert_eq!((lock.user.as_deref(), lock.table.as_deref()), (Some(ROLE), Some("tools")));
    assert!(lock.query.as_ref().unwrap().contains("UPDATE tools") && lock.waiting_s.unwrap() >= 0.0, "{lock:?}");
    assert_eq!(lock.blocked_by.len(), 1);
    assert_eq!(lock.blocked_by[0].state.as_deref(), Some("idle in transaction"));
    assert_ne!(lock.blocked_by[0].pid, lock.pid);
    holding.rollback().await.unwrap();
    waiting.await.unwrap().unwrap();
    until(&db, "the end of it", |health| health.locks.value().unwrap().is_empty()).await;
}

#[tokio::test]
async fn a_deadlock_is_counted() {
    let Some(database) = postgres::database() else { return };
    let db = Db::open(&database.url()).await.unwrap();
    assert_eq!(health::health(&db, false).await.unwrap().deadlocks, Known::Is(0));
    let (one, two) = (database.connect().await, database.connect().await);
    let (one, two) = (one.begin().await.unwrap(), two.begin().await.unwrap());
    one.execute_unprepared("LOCK TABLE tools IN ACCESS EXCLUSIVE MODE").await.unwrap();
    two.execute_unprepared("LOCK TABLE tool_versions IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (first, second) =
        tokio::join!(one.execute_unprepared("LOCK TABLE tool_versions IN ACCESS EXCLUSIVE MODE"), async {
            let locked = two.execute_unprepared("LOCK TABLE tools IN ACCESS EXCLUSIVE MODE").await;
            two.rollback().await.unwrap();
            locked
        });
    assert!(first.is_err() != second.is_err(), "one of them is chosen");
    drop(one);
    until(&db, "the count", |health| health.deadlocks == Known::Is(1)).await;
}
