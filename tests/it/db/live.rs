//! Changes by other programs are told, once, and nothing else is.

use mecapy::{
    db::{
        self, Db,
        changes::{Change, Changes},
    },
    domain::{change::Kinds, id::UserId, user::Identity},
};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};
use std::{path::Path, time::Duration};

/// What the program promises.
const SECOND: Duration = Duration::from_secs(1);
/// How long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(20);

async fn told(changes: &mut Changes) -> Change {
    tokio::time::timeout(PATIENCE, changes.next()).await.expect("the change is told").expect("the database is open")
}

/// Waits until what was written before was told: a commit may be told in more than one part.
async fn quiet(changes: &mut Changes) {
    while tokio::time::timeout(SECOND, changes.next()).await.is_ok() {}
}

/// Another program's only connection.
async fn other(path: &Path) -> DatabaseConnection {
    let mut options = ConnectOptions::new(format!("sqlite://{}", path.display()));
    options.max_connections(1);
    Database::connect(options).await.unwrap()
}

const INSERT: &str = "INSERT INTO users (keycloak_id, username, email, created_at, updated_at, is_active) \
                      VALUES (hex(randomblob(8)), 'eve', '', '2026-01-01 00:00:00.000000', \
                      '2026-01-01 00:00:00.000000', 1)";

#[tokio::test]
async fn a_commit_of_another_program_is_told_and_reading_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mecapy.db");
    let db = Db::open_embedded(&path).await.unwrap();
    let other = other(&path).await;
    let mut changes = db.changes(UserId(1)).await.unwrap();
    quiet(&mut changes).await;

    other.execute_unprepared(INSERT).await.unwrap();
    assert_eq!(told(&mut changes).await, Change::Rows(Kinds::ALL));
    quiet(&mut changes).await;

    other.execute_unprepared("SELECT count(*) FROM users").await.unwrap();
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    other.execute_unprepared(INSERT).await.unwrap();
    std::fs::write(folder.path().join("mecapy.db.before-x"), "a file beside it").unwrap();
    assert!(tokio::time::timeout(SECOND, changes.next()).await.is_err(), "nothing is committed");
    other.execute_unprepared("ROLLBACK").await.unwrap();
    assert!(tokio::time::timeout(SECOND, changes.next()).await.is_err(), "nothing was committed");

    // The log is cut to nothing and grows again.
    other.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    assert_eq!(path.with_extension("db-wal").metadata().unwrap().len(), 0);
    quiet(&mut changes).await;
    other.execute_unprepared(INSERT).await.unwrap();
    assert_eq!(told(&mut changes).await, Change::Rows(Kinds::ALL));
}

#[tokio::test]
async fn what_happens_between_the_opening_and_the_first_wait_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mecapy.db");
    let db = Db::open_embedded(&path).await.unwrap();
    let mut changes = db.changes(UserId(1)).await.unwrap();
    other(&path).await.execute_unprepared(INSERT).await.unwrap();
    assert_eq!(told(&mut changes).await, Change::Rows(Kinds::ALL));
}

#[tokio::test]
async fn a_log_that_comes_later_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mecapy.db");
    Db::open_embedded(&path).await.unwrap().close().await.unwrap();
    assert!(!path.with_extension("db-wal").exists(), "the last one folds the log into the file");
    // A rollback journal: no log at all until somebody turns it on.
    let other = other(&path).await;
    other.execute_unprepared("PRAGMA journal_mode=DELETE").await.unwrap();
    let mut changes = changes_of(&path).await;
    other.execute_unprepared(INSERT).await.unwrap();
    assert_eq!(told(&mut changes.1).await, Change::Rows(Kinds::ALL));
}

async fn changes_of(path: &Path) -> (Db, Changes) {
    let db = Db::open_embedded(path).await.unwrap();
    let mut changes = db.changes(UserId(1)).await.unwrap();
    quiet(&mut changes).await;
    (db, changes)
}

#[tokio::test]
async fn many_commits_are_told_as_few_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mecapy.db");
    let (_db, mut changes) = changes_of(&path).await;
    let other = other(&path).await;
    other.execute_unprepared("PRAGMA synchronous=OFF").await.unwrap();
    let writer = tokio::spawn(async move {
        for _ in 0..500 {
            other.execute_unprepared(INSERT).await.unwrap();
        }
    });
    let mut count = 0;
    while !writer.is_finished() {
        if tokio::time::timeout(Duration::from_millis(50), changes.next()).await.is_ok() {
            count += 1;
        }
    }
    writer.await.unwrap();
    // A fast disk takes all of them before the first look.
    while tokio::time::timeout(SECOND, changes.next()).await.is_ok() {
        count += 1;
    }
    assert!((1..100).contains(&count), "{count} changes told of 500 commits");
}

#[tokio::test]
async fn closing_ends_the_stream_and_folds_the_log_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mecapy.db");
    let (db, mut changes) = changes_of(&path).await;
    let identity = Identity {
        keycloak_id: "local:m:1".to_owned(),
        username: "ann".to_owned(),
        email: String::new(),
        first_name: None,
        last_name: None,
        display_name: None,
    };
    db::users::sign_in(&db, &identity).await.unwrap();
    let listening = tokio::spawn(async move { while changes.next().await.is_some() {} });
    db.close().await.unwrap();
    listening.await.unwrap();
    assert!(!path.with_extension("db-wal").exists());
}

#[tokio::test]
async fn a_replaced_file_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mecapy.db");
    let (db, mut changes) = changes_of(&path).await;
    let copy = folder.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::rename(&copy, &path).unwrap();
    let Change::Silent(why) = told(&mut changes).await else { panic!("it is not told") };
    assert!(why.contains("mecapy.db was replaced or removed"), "{why}");
    assert!(tokio::time::timeout(SECOND, changes.next()).await.is_err(), "and nothing after it");
    drop(changes);
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_database_in_memory_changes_for_nobody_else() {
    let db = Db::open("sqlite::memory:").await.unwrap();
    let mut changes = db.changes(UserId(1)).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(20), changes.next()).await.is_err());
}
