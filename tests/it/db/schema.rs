//! The contract: what the platform's description prints, checked against the migrated schema.

use super::{
    engines::{Place, on_each_engine, texts},
    story::{calculation, file, identity},
};
use mecapy::db::{calculations, files, users};
use migrations::{APPLIED_TABLE, Dialect, Migrator, MigratorTrait, STEPS};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr};
use std::collections::BTreeSet;

/// name, type, NULL allowed, default ("now" for the time of the insert)
type Column = (&'static str, &'static str, bool, Option<&'static str>);

const NOW: Option<&str> = Some("now");

const USERS: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("keycloak_id", "VARCHAR(255)", false, None),
    ("username", "VARCHAR(100)", false, None),
    ("email", "VARCHAR(255)", false, None),
    ("first_name", "VARCHAR(100)", true, None),
    ("last_name", "VARCHAR(100)", true, None),
    ("display_name", "VARCHAR(200)", true, None),
    ("created_at", "DATETIME", false, NOW),
    ("updated_at", "DATETIME", false, NOW),
    ("last_login", "DATETIME", true, None),
    ("is_active", "BOOLEAN", false, Some("1")),
];
const USER_FILES: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("user_id", "INTEGER", false, None),
    ("filename", "VARCHAR(255)", false, None),
    ("original_filename", "VARCHAR(255)", false, None),
    ("file_size", "INTEGER", false, None),
    ("content_type", "VARCHAR(100)", false, None),
    ("s3_key", "VARCHAR(500)", false, None),
    ("s3_bucket", "VARCHAR(100)", false, None),
    ("s3_url", "VARCHAR(1000)", false, None),
    ("uploaded_at", "DATETIME", false, NOW),
    ("is_public", "BOOLEAN", false, Some("0")),
    ("description", "VARCHAR(1000)", true, None),
    ("file_hash", "VARCHAR(64)", true, None),
];
const CALCULATIONS: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("user_id", "INTEGER", false, None),
    ("name", "VARCHAR(200)", false, None),
    ("description", "VARCHAR(2000)", true, None),
    ("status", "VARCHAR(9)", false, Some("'pending'")),
    ("started_at", "DATETIME", true, None),
    ("completed_at", "DATETIME", true, None),
    ("code", "VARCHAR(10000)", false, None),
    ("parameters", "VARCHAR(5000)", true, None),
    ("result_data", "VARCHAR(50000)", true, None),
    ("error_message", "VARCHAR(2000)", true, None),
    ("execution_time", "FLOAT", true, None),
    ("memory_used", "INTEGER", true, None),
    ("cpu_time", "FLOAT", true, None),
    ("created_at", "DATETIME", false, NOW),
    ("updated_at", "DATETIME", false, NOW),
    // mecapy's own, all nullable:
    ("timeout", "INTEGER", true, None),
    ("memory_limit", "INTEGER", true, None),
    ("cpu_limit", "FLOAT", true, None),
    ("tool_id", "INTEGER", true, None),
    ("tool_version_id", "INTEGER", true, None),
    ("parent_id", "INTEGER", true, None),
];
const CALCULATION_FILES: &[Column] = &[
    ("calculation_id", "INTEGER", false, None),
    ("file_id", "INTEGER", false, None),
    ("added_at", "DATETIME", false, NOW),
    ("file_role", "VARCHAR(50)", false, Some("'input'")),
    ("alias", "VARCHAR(255)", true, None),
];
const TOOLS: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("name", "VARCHAR(100)", false, None),
    ("display_name", "VARCHAR(200)", false, None),
    ("description", "VARCHAR(2000)", false, None),
    ("version", "VARCHAR(20)", false, None),
    ("code_template", "VARCHAR(10000)", false, None),
    ("docker_image", "VARCHAR(200)", false, None),
    ("memory_limit", "INTEGER", false, Some("256")),
    ("cpu_limit", "FLOAT", false, Some("0.5")),
    ("timeout", "INTEGER", false, Some("30")),
    ("created_at", "DATETIME", false, NOW),
    ("updated_at", "DATETIME", false, NOW),
    ("is_active", "BOOLEAN", false, Some("1")),
    ("author_id", "INTEGER", false, None),
];
const TOOL_VERSIONS: &[Column] = &[
    ("id", "INTEGER", false, None),
    ("tool_id", "INTEGER", false, None),
    ("version", "VARCHAR(20)", false, None),
    ("code_template", "VARCHAR(10000)", false, None),
    ("docker_image", "VARCHAR(200)", false, None),
    ("memory_limit", "INTEGER", false, Some("256")),
    ("cpu_limit", "FLOAT", false, Some("0.5")),
    ("timeout", "INTEGER", false, Some("30")),
    ("changelog", "VARCHAR(2000)", true, None),
    ("created_at", "DATETIME", false, NOW),
    ("created_by", "INTEGER", false, None),
];

const TABLES: &[(&str, &[Column], &[&str])] = &[
    ("users", USERS, &[]),
    ("user_files", USER_FILES, &["user_id -> users.id"]),
    (
        "calculations",
        CALCULATIONS,
        &[
            "parent_id -> calculations.id",
            "tool_id -> tools.id",
            "tool_version_id -> tool_versions.id",
            "user_id -> users.id",
        ],
    ),
    ("calculation_files", CALCULATION_FILES, &["calculation_id -> calculations.id", "file_id -> user_files.id"]),
    ("tools", TOOLS, &["author_id -> users.id"]),
    ("tool_versions", TOOL_VERSIONS, &["created_by -> users.id", "tool_id -> tools.id"]),
];

/// name, table, unique, columns as they are indexed
const INDEXES: &[(&str, &str, bool, &str)] = &[
    ("ix_users_keycloak_id", "users", true, "keycloak_id"),
    ("ix_users_username", "users", false, "username"),
    ("ix_users_email", "users", false, "email"),
    ("ix_user_files_user_id", "user_files", false, "user_id"),
    ("ix_user_files_file_hash", "user_files", false, "file_hash"),
    ("ix_user_files_s3_key", "user_files", true, "s3_key"),
    ("ix_calculations_user_id", "calculations", false, "user_id"),
    ("ix_calculations_status", "calculations", false, "status"),
    ("ix_calculations_created_at", "calculations", false, "created_at"),
    ("ix_tools_name", "tools", true, "name"),
    ("ix_tools_author_id", "tools", false, "author_id"),
    ("ix_tools_is_active", "tools", false, "is_active"),
    ("idx_user_files_user_created", "user_files", false, "user_id, uploaded_at DESC"),
    ("idx_calculations_user_status_created", "calculations", false, "user_id, status, created_at DESC"),
    ("idx_user_files_hash_size", "user_files", false, "file_hash, file_size"),
];

const VIEWS: &[(&str, &[&str])] = &[
    (
        "user_stats",
        &["id", "username", "total_files", "total_storage_bytes", "total_calculations", "completed_calculations"],
    ),
    ("recent_calculations", &["id", "name", "status", "created_at", "execution_time", "username", "display_name"]),
];

async fn migrated() -> DatabaseConnection {
    let connection = empty().await;
    Migrator::up(&connection, None).await.unwrap();
    connection
}

async fn empty() -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new("sqlite::memory:");
    options.max_connections(1);
    Database::connect(options).await.unwrap()
}

#[tokio::test]
async fn the_schema_is_what_the_description_says() {
    let db = migrated().await;
    for (table, columns, foreign_keys) in TABLES {
        let found = texts(
            &db,
            &format!(
                "SELECT name || '|' || type || '|' || \"notnull\" || '|' || coalesce(dflt_value, '-') \
                 FROM pragma_table_info('{table}')"
            ),
        )
        .await;
        let expected: Vec<String> = columns
            .iter()
            .map(|(name, kind, nullable, default)| {
                let default = match *default {
                    NOW => "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
                    Some(default) => default,
                    None => "-",
                };
                format!("{name}|{kind}|{}|{default}", u8::from(!nullable))
            })
            .collect();
        assert_eq!(found, expected, "columns of {table}");

        let found: BTreeSet<String> = texts(
            &db,
            &format!("SELECT \"from\" || ' -> ' || \"table\" || '.' || \"to\" FROM pragma_foreign_key_list('{table}')"),
        )
        .await
        .into_iter()
        .collect();
        assert_eq!(found, foreign_keys.iter().map(ToString::to_string).collect(), "foreign keys of {table}");
    }
    for (view, columns) in VIEWS {
        assert_eq!(texts(&db, &format!("SELECT name FROM pragma_table_info('{view}')")).await, *columns, "{view}");
    }
}

#[tokio::test]
async fn the_indexes_of_the_description_are_there() {
    let db = migrated().await;
    for (name, table, unique, columns) in INDEXES {
        let found = texts(
            &db,
            &format!(
                "SELECT l.\"unique\" || ' ' || group_concat(x.name || iif(x.\"desc\", ' DESC', ''), ', ') \
                 FROM pragma_index_list('{table}') l, pragma_index_xinfo(l.name) x WHERE l.name = '{name}' AND x.key"
            ),
        )
        .await;
        assert_eq!(found, [format!("{} {columns}", u8::from(*unique))], "{name}");
    }
    let described =
        texts(&db, "SELECT name FROM sqlite_master WHERE type = 'index' AND (name GLOB 'ix_*' OR name GLOB 'idx_*')")
            .await;
    assert_eq!(described.len(), INDEXES.len(), "the prefixes are the description's: {described:?}");
}

#[tokio::test]
async fn lengths_count_characters_on_every_text_column() {
    let db = migrated().await;
    db.execute_unprepared(
        "INSERT INTO users (id, keycloak_id, username, email) VALUES (1, 'k', 'u', '');
         INSERT INTO user_files (id, user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, s3_url)
             VALUES (1, 1, 'f', 'f', 0, 'text/plain', 'k', 'local', 'file:///k');
         INSERT INTO calculations (id, user_id, name, code) VALUES (1, 1, 'n', 'c');
         INSERT INTO calculation_files (calculation_id, file_id) VALUES (1, 1);
         INSERT INTO tools (id, name, display_name, description, version, code_template, docker_image, author_id)
             VALUES (1, 't', 'T', 'd', '1', 'c', 'i', 1);
         INSERT INTO tool_versions (tool_id, version, code_template, docker_image, created_by) VALUES (1, '1', 'c', 'i', 1);",
    )
    .await
    .unwrap();
    let mut checked = 0;
    for (table, columns, _) in TABLES {
        for (column, kind, ..) in *columns {
            let Some(limit) = kind.strip_prefix("VARCHAR(").and_then(|rest| rest.strip_suffix(')')) else { continue };
            // The status is one of five words, shorter than its column.
            if *column == "status" {
                continue;
            }
            let limit: usize = limit.parse().unwrap();
            // Two bytes a character.
            let fill = |count: usize| format!("UPDATE {table} SET {column} = '{}'", "é".repeat(count));
            db.execute_unprepared(&fill(limit)).await.unwrap_or_else(|error| panic!("{table}.{column}: {error}"));
            let error = db.execute_unprepared(&fill(limit + 1)).await.unwrap_err();
            assert!(error.to_string().contains("CHECK constraint failed"), "{table}.{column}: {error}");
            checked += 1;
        }
    }
    assert_eq!(checked, 32);
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
