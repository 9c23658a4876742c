//! The pool's four settings, timeouts, TLS, and what an idle process holds.

use super::story::identity;
use crate::support::{
    postgres::{self, Database, PASSWORD, Server},
    proxy::Proxy,
};
use mecapy::{
    db::{self, Db, DbError, Options, calculations, tools, users},
    domain::page::{CalculationQuery, PageRequest},
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, TransactionTrait as _};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the server says so.
async fn wait_for(database: &Database, sql: &str, answer: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let said = database.superuser(sql);
        if said == answer {
            return;
        }
        assert!(Instant::now() < end, "{sql}: {said:?}, not {answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn connections(name: &str) -> String {
    format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'")
}

fn waiting(name: &str) -> String {
    format!("{} AND wait_event_type = 'Lock'", connections(name))
}

/// A transaction that keeps everybody else from the tools.
async fn hold(other: &DatabaseConnection) -> sea_orm::DatabaseTransaction {
    let transaction = other.begin().await.unwrap();
    transaction.execute_unprepared("LOCK TABLE tools IN ACCESS EXCLUSIVE MODE").await.unwrap();
    transaction
}

async fn open(database: &Database, name: &str, options: &Options) -> Db {
    Db::open_with(&format!("{}?application_name={name}", database.url()), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn size_and_overflow_bound_the_connections_and_the_next_waits_the_timeout() {
    let Some(database) = postgres::database() else { return };
    let options = Options { pool_size: 2, max_overflow: 1, pool_timeout: Duration::from_secs(5), ..Options::default() };
    let db = open(&database, "bounded", &options).await;
    let other = database.connect().await;
    let held = hold(&other).await;
    let list = |db: Db| tokio::spawn(async move { tools::list(&db, "", &PageRequest::first(5)).await });
    let readers: Vec<_> = (0..3).map(|_| list(db.clone())).collect();
    wait_for(&database, &waiting("bounded"), "3").await;
    let began = Instant::now();
    let error = list(db.clone()).await.unwrap().unwrap_err();
    assert!(matches!(&error, DbError::TooMany { problem, .. } if problem.contains("pool_timeout")), "{error}");
    assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    held.rollback().await.unwrap();
    for reader in readers {
        reader.await.unwrap().unwrap();
    }
    // The one of the overflow is closed as soon as it is given back, the others are kept.
    wait_for(&database, &connections("bounded"), "2").await;
    db.close().await.unwrap();
    wait_for(&database, &connections("bounded"), "0").await;
}

#[tokio::test]
async fn an_old_connection_is_replaced() {
    let Some(database) = postgres::database() else { return };
    let options = Options { pool_size: 1, max_overflow: 0, recycle: Duration::from_secs(1), ..Options::default() };
    let db = open(&database, "recycled", &options).await;
    let process = "SELECT pid FROM pg_stat_activity WHERE application_name = 'recycled'";
    let first = database.superuser(process);
    let end = Instant::now() + PATIENCE;
    while database.superuser(process) == first {
        db::facts(&db).await.unwrap();
        assert!(Instant::now() < end, "never replaced");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_burst_needed_is_given_back_soon_but_for_one_connection() {
    let Some(database) = postgres::database() else { return };
    // Not those that rest for long: those that are not needed.
    let options = Options { idle_timeout: Duration::from_hours(1), ..Options::default() };
    let db = open(&database, "burst", &options).await;
    let other = database.connect().await;
    let held = hold(&other).await;
    let list = |db: Db| tokio::spawn(async move { tools::list(&db, "", &PageRequest::first(5)).await });
    let readers: Vec<_> = (0..6).map(|_| list(db.clone())).collect();
    wait_for(&database, &waiting("burst"), "6").await;
    held.rollback().await.unwrap();
    for reader in readers {
        reader.await.unwrap().unwrap();
    }
    wait_for(&database, &connections("burst"), "1").await;
    // The one that is left works, and stays while it does.
    let process = "SELECT pid FROM pg_stat_activity WHERE application_name = 'burst'";
    let left = database.superuser(process);
    db::facts(&db).await.unwrap();
    assert_eq!(database.superuser(process), left);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_follow_each_other_share_a_connection() {
    let Some(database) = postgres::database() else { return };
    // A machine with other work may once take longer than a new connection would.
    let mut fewest = u32::MAX;
    for attempt in 0..10 {
        let name = format!("steady{attempt}");
        let db = open(&database, &name, &Options::default()).await;
        let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
        for text in ["", "beam"] {
            let query = CalculationQuery { text: text.to_owned(), ..CalculationQuery::default() };
            calculations::page(&db, ann, &query, &PageRequest::first(50)).await.unwrap();
        }
        fewest = fewest.min(database.superuser(&connections(&name)).parse().unwrap());
    }
    assert!(fewest <= 2, "{fewest} connections for one statement at a time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_went_without_a_word_are_replaced() {
    let Some(database) = postgres::database() else { return };
    let proxy = Proxy::to(database.server().port());
    let url = database.url_by(proxy.port());
    // Two connections and no more: none may be kept by what is never answered.
    let options = Options { pool_size: 1, max_overflow: 1, ..Options::default() };
    let db = Db::open_with(&url, &options).await.unwrap();
    for _ in 0..3 {
        db::facts(&db).await.unwrap();
        proxy.freeze();
        // Given up, as a screen gives up what takes too long.
        let asked = tokio::time::timeout(Duration::from_millis(300), db::facts(&db)).await;
        assert!(asked.is_err(), "{asked:?}");
        let asked = tokio::time::timeout(Duration::from_millis(300), db::facts(&db)).await;
        assert!(asked.is_err(), "{asked:?}");
        // What the old connections were asked stays where it is: only new ones work.
        proxy.forget();
        let facts = tokio::time::timeout(PATIENCE, db::facts(&db)).await.expect("it is asked on another connection");
        assert!(facts.unwrap().engine.starts_with("PostgreSQL "));
    }
}

#[tokio::test]
async fn an_idle_process_gives_its_connections_back() {
    let Some(database) = postgres::database() else { return };
    let options = Options { idle_timeout: Duration::from_secs(1), ..Options::default() };
    let db = open(&database, "idle", &options).await;
    for _ in 0..50 {
        db::facts(&db).await.unwrap();
    }
    let held: u32 = database.superuser(&connections("idle")).parse().unwrap();
    assert!((1..=10).contains(&held), "{held} connections");
    wait_for(&database, &connections("idle"), "0").await;
    db::facts(&db).await.unwrap();
    assert!(Options::default().idle_timeout <= Duration::from_mins(1));
}

#[tokio::test]
async fn a_statement_ends_after_its_time() {
    let Some(database) = postgres::database() else { return };
    let options = Options { statement_timeout: Duration::from_millis(200), ..Options::default() };
    let db = open(&database, "slow", &options).await;
    let other = database.connect().await;
    let held = hold(&other).await;
    let error = tools::list(&db, "", &PageRequest::first(5)).await.unwrap_err();
    assert!(matches!(&error, DbError::Slow { .. }), "{error}");
    held.rollback().await.unwrap();
    tools::list(&db, "", &PageRequest::first(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_clients_have_their_words_and_pass() {
    let Some(server) = Server::start(&["max_connections = 4", "superuser_reserved_connections = 1"]) else {
        return crate::support::skipped("PostgreSQL is not installed");
    };
    server.create_migrated("crowded");
    let url = server.url("crowded");
    let mut crowd = Vec::new();
    for _ in 0..3 {
        crowd.push(sea_orm::Database::connect(&url).await.unwrap());
    }
    let began = Instant::now();
    let error = Db::open(&url).await.unwrap_err();
    assert!(matches!(&error, DbError::TooMany { problem, .. } if problem.contains("max_connections")), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "said at once: {:?}", began.elapsed());
    for connection in crowd {
        connection.close().await.unwrap();
    }
    Db::open(&url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_server_is_survived() {
    let Some(server) = Server::start(&[]) else { return crate::support::skipped("PostgreSQL is not installed") };
    server.create_migrated("restarted");
    let db = Db::open(&server.url("restarted")).await.unwrap();
    for crash in [false, true] {
        db::facts(&db).await.unwrap();
        if crash {
            server.crash();
        } else {
            server.stop();
        }
        // What was kept is broken, and nobody listens: the pool asks again, with pauses that grow.
        let asked = tokio::spawn({
            let db = db.clone();
            async move {
                loop {
                    match db::facts(&db).await {
                        Ok(facts) => return facts,
                        Err(DbError::Unreachable { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
        tokio::task::block_in_place(|| server.run());
        let facts = tokio::time::timeout(PATIENCE, asked).await.expect("it comes back").unwrap();
        assert!(facts.engine.starts_with("PostgreSQL "), "{facts:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_verified_in_full_unless_the_server_is_here() {
    let Some(server) = Server::start_with_tls() else { return crate::support::skipped("PostgreSQL is not installed") };
    server.create_migrated("closed");
    let url = server.url("closed");
    let ca = server.folder().join("ca.pem");
    let encrypted = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE application_name = 'mecapy'";
    // On this host what the server offers is taken.
    let db = Db::open(&url).await.unwrap();
    assert_eq!(server.superuser("closed", encrypted), "t");
    db.close().await.unwrap();
    // Elsewhere, or on demand, the authority must be known and the name right.
    let error = Db::open(&format!("{url}?sslmode=verify-full")).await.unwrap_err();
    assert!(matches!(&error, DbError::Unreachable { problem, .. } if problem.contains("certificate")), "{error}");
    let known = Options { tls: Some("verify-full".into()), root_certificate: Some(ca.clone()), ..Options::default() };
    Db::open_with(&url, &known).await.unwrap().close().await.unwrap();
    Db::open(&format!("{url}?sslmode=verify-full&sslrootcert={}", ca.display())).await.unwrap();
    let elsewhere = url.replace("127.0.0.1", "127.0.0.2");
    let error = Db::open_with(&elsewhere, &known).await.unwrap_err();
    assert!(matches!(&error, DbError::Unreachable { problem, .. } if problem.contains("certificate")), "{error}");
    let only_authority = Options { tls: Some("verify-ca".into()), ..known.clone() };
    Db::open_with(&elsewhere, &only_authority).await.unwrap();
    // Not encrypted at all is refused by this server.
    let error = Db::open(&format!("{url}?sslmode=disable")).await.unwrap_err();
    assert!(!error.to_string().contains(PASSWORD), "{error}");

    let Some(plain) = postgres::database() else { return };
    let error = Db::open(&format!("{}?sslmode=verify-full", plain.url())).await.unwrap_err();
    assert!(
        matches!(&error, DbError::Unreachable { problem, .. } if problem.contains("does not speak TLS")),
        "{error}"
    );
}
