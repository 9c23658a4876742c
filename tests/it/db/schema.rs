//! The schema beyond the contract: what it refuses, what its views count, and that each step can be taken back.

use super::{
    engines::{Place, on_each_engine, texts},
    story::{calculation, file, identity},
};
use mecapy::db::{calculations, files, users};
use migrations::{APPLIED_TABLE, Dialect, Migrator, MigratorTrait, STEPS};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr};

async fn empty() -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new("sqlite::memory:");
    options.max_connections(1);
    Database::connect(options).await.unwrap()
}

async fn values_that_make_no_sense_are_refused_by_the_database_itself(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let id = calculations::create(&db, ann, &calculation("x")).await.unwrap();
    let file = files::insert(&db, &file(ann, "x")).await.unwrap();
    files::link(&db, id, file, &mecapy::domain::file::FileRole::Input, None).await.unwrap();
    let connection = place.connect().await;
    for (sql, words) in [
        ("UPDATE calculations SET status = 'PENDING'", "CHECK"),
        ("UPDATE calculations SET status = 'timeout'", "CHECK"),
        ("UPDATE calculations SET execution_time = -1", "CHECK"),
        ("UPDATE calculations SET memory_used = -1", "CHECK"),
        ("UPDATE calculations SET cpu_time = -0.5", "CHECK"),
        ("UPDATE calculations SET timeout = 0", "CHECK"),
        ("UPDATE user_files SET file_size = -1", "CHECK"),
        ("UPDATE users SET is_active = 2", place.pick("CHECK", "is of type boolean")),
        ("UPDATE calculations SET user_id = 99", "FOREIGN KEY"),
        ("DELETE FROM users", "FOREIGN KEY"),
        ("DELETE FROM user_files", "FOREIGN KEY"),
        ("DELETE FROM calculations", "FOREIGN KEY"),
        ("INSERT INTO users (keycloak_id, username, email) VALUES ('local:test:ann', 'a', '')", "UNIQUE"),
        ("INSERT INTO calculations (user_id, name) VALUES (1, 'x')", place.pick("NOT NULL", "not-null")),
    ] {
        let error: DbErr = connection.execute_unprepared(sql).await.expect_err(sql);
        assert!(error.to_string().to_lowercase().contains(&words.to_lowercase()), "{sql}: {error}");
    }
    // One spelling of times only: what compares as text must be written alike.
    for spelling in ["2024-01-15 10:20:30", "2024-01-15 10:20:30.123", "2024-01-15T10:20:30.123456Z"] {
        let sql = format!("UPDATE calculations SET created_at = '{spelling}'");
        assert_eq!(connection.execute_unprepared(&sql).await.is_ok(), place.is_postgres(), "{sql}");
    }
    // 2 GiB and more.
    connection.execute_unprepared("UPDATE user_files SET file_size = 5000000000").await.unwrap();
    assert_eq!(files::get(&db, ann, file).await.unwrap().unwrap().file_size, 5_000_000_000);
}

async fn a_deleted_id_is_never_given_out_again(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let first = calculations::create(&db, ann, &calculation("a")).await.unwrap();
    calculations::delete(&db, ann, first, None).await.unwrap();
    assert!(calculations::create(&db, ann, &calculation("b")).await.unwrap() > first);
}

async fn user_stats_counts_each_side_once(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    users::sign_in(&db, &identity("bob")).await.unwrap();
    for name in ["a", "b", "c"] {
        files::insert(&db, &file(ann, name)).await.unwrap();
    }
    for name in ["1", "2", "3", "4"] {
        calculations::create(&db, ann, &calculation(name)).await.unwrap();
    }
    let connection = place.connect().await;
    connection
        .execute_unprepared("UPDATE calculations SET status = 'completed' WHERE name IN ('1', '3')")
        .await
        .unwrap();
    let stats = texts(
        &connection,
        "SELECT username || ' ' || total_files || ' ' || total_storage_bytes || ' ' || total_calculations || ' ' || \
         completed_calculations FROM user_stats ORDER BY username",
    )
    .await;
    assert_eq!(stats, ["ann 3 15 4 2", "bob 0 0 0 0"]);
    assert_eq!(texts(&connection, "SELECT name FROM recent_calculations LIMIT 1").await, ["4"]);
}

#[tokio::test]
async fn up_down_and_up_again_leaves_the_same_schema() {
    const SCHEMA: &str = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master \
                          WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name";
    let db = empty().await;
    let mut before = Vec::new();
    for step in STEPS {
        before.push(texts(&db, SCHEMA).await);
        Migrator::up(&db, Some(1)).await.unwrap();
        let up = texts(&db, SCHEMA).await;
        Migrator::down(&db, Some(1)).await.unwrap();
        let down = texts(&db, SCHEMA).await;
        let table = |line: &&String| !line.contains(APPLIED_TABLE);
        assert_eq!(
            down.iter().filter(table).collect::<Vec<_>>(),
            before.last().unwrap().iter().filter(table).collect::<Vec<_>>(),
            "down from {}",
            step.name
        );
        Migrator::up(&db, Some(1)).await.unwrap();
        assert_eq!(texts(&db, SCHEMA).await, up, "{} again", step.name);
    }
    let whole = texts(&db, SCHEMA).await;
    Migrator::down(&db, None).await.unwrap();
    assert_eq!(texts(&db, SCHEMA).await.len(), 1, "only the table of applied steps stays");
    Migrator::up(&db, None).await.unwrap();
    assert_eq!(texts(&db, SCHEMA).await, whole);
}

#[test]
fn steps_have_the_names_of_the_description_and_sql_for_both_databases() {
    let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
    assert_eq!(names[..3], ["001_initial_tables", "002_add_calculations", "003_add_tools"]);
    assert!(names.is_sorted());
    let postgres: String = STEPS.iter().flat_map(|step| (step.up)(Dialect::Postgres)).collect();
    for words in [
        "id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        "file_size BIGINT NOT NULL",
        "code VARCHAR(10000) NOT NULL",
        "created_at TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'utc')",
        "CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled'))",
        "CREATE INDEX CONCURRENTLY idx_user_files_hash_size",
    ] {
        assert!(postgres.contains(words), "{words}");
    }
    for word in ["AUTOINCREMENT", "DATETIME", "GLOB", "fts5", "length("] {
        assert!(!postgres.contains(word), "{word} is SQLite's");
    }
}

on_each_engine!(
    values_that_make_no_sense_are_refused_by_the_database_itself,
    a_deleted_id_is_never_given_out_again,
    user_stats_counts_each_side_once,
);
