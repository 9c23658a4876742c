//! Files as they are met: new, older, newer, another program's, broken, locked, read-only, on a full disk.

use super::*;
use crate::{
    db::{ExplainError, calculations, users},
    domain::{calculation::NewCalculation, limits::Limits, user::Identity},
};
use migrations::{APPLIED_TABLE, Migrator, MigratorTrait, STEPS};
use sea_orm::{Database, Statement, TransactionTrait};
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};
use tempfile::TempDir;

const SHORT: Duration = Duration::from_millis(200);

fn place(folder: &TempDir) -> PathBuf {
    folder.path().join("mecapy.db")
}

/// A connection of another program.
async fn raw(path: &Path) -> DatabaseConnection {
    Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap()
}

async fn run(connection: &impl ConnectionTrait, sql: &str) {
    connection.execute_unprepared(sql).await.unwrap();
}

async fn text(connection: &impl ConnectionTrait, sql: &str) -> String {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

fn somebody() -> Identity {
    Identity {
        keycloak_id: "local:test:1".to_owned(),
        username: "ann".to_owned(),
        email: String::new(),
        first_name: None,
        last_name: None,
        display_name: None,
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_new_file_is_private_and_set_up_for_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/mecapy.db");
    let db = Db::open_embedded(&path).await.unwrap();
    users::sign_in(&db, &somebody()).await.unwrap();
    assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    assert_eq!(mode(&file::beside(&path, "-wal")), 0o600);
    for (pragma, column, value) in [
        ("journal_mode", "journal_mode", "wal"),
        ("foreign_keys", "foreign_keys", "1"),
        ("synchronous", "synchronous", "2"),
        ("busy_timeout", "timeout", "5000"),
    ] {
        let sql = format!("SELECT CAST({column} AS TEXT) FROM pragma_{pragma}()");
        assert_eq!(text(db.connection(), &sql).await, value, "{pragma}");
    }
    assert_eq!(db.notes(), [""; 0]);
    // Nothing to migrate: no copy, no note.
    db.close().await.unwrap();
    assert_eq!(Db::open_embedded(&path).await.unwrap().notes(), [""; 0]);
    assert_eq!(
        fs::read_dir(path.parent().unwrap())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().contains("before") })
            .count(),
        0
    );
}

#[tokio::test]
async fn a_rollback_journal_takes_the_place_of_the_shared_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    Db::open_embedded(&path).await.unwrap().close().await.unwrap();
    let connection = raw(&path).await;
    assert_eq!(Journal::on(true).set(&connection, "here", SHORT).await.unwrap(), "delete");
    assert_eq!(text(&connection, "PRAGMA journal_mode").await, "delete");
    assert_eq!(Journal::on(false).set(&connection, "here", SHORT).await.unwrap(), "wal");
    assert_eq!(text(&connection, "PRAGMA journal_mode").await, "wal");
}

#[tokio::test]
async fn a_mode_that_cannot_be_had_is_told_and_not_waited_for() {
    let memory = pool(SqliteConnectOptions::new().in_memory(true), 1, "here").await.unwrap();
    let patience = Duration::from_hours(1);
    assert_eq!(Journal::on(false).set(&memory, "here", patience).await.unwrap(), "memory");
}

#[tokio::test]
async fn no_page_of_the_file_counts_as_memory_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let db = Db::open_embedded(&path).await.unwrap();
    users::sign_in(&db, &somebody()).await.unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = |name: &str| maps.lines().any(|line| line.ends_with(name));
    assert!(!mapped(path.to_str().unwrap()), "{maps}");
    assert!(mapped(&format!("{}-shm", path.display())), "it is looked at in the right way");
    let asked = Statement::from_string(db.connection().get_database_backend(), "PRAGMA cache_size");
    let kept: i64 = db.connection().query_one_raw(asked).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(kept.to_string(), KEPT);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_open_a_new_file_at_once_both_work() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = place(&folder);
        let (one, two, three) =
            tokio::join!(Db::open_embedded(&path), Db::open_embedded(&path), Db::open_embedded(&path));
        for db in [one.unwrap(), two.unwrap(), three.unwrap()] {
            users::sign_in(&db, &somebody()).await.unwrap();
            assert_eq!(text(db.connection(), "SELECT CAST(COUNT(*) AS TEXT) FROM users").await, "1");
        }
    }
}

#[tokio::test]
async fn two_processes_write_one_file() {
    const AGAIN: &str = "MECAPY_TEST_OTHER_PROCESS";
    const EACH: usize = 25;
    let write = async |path: &Path| {
        let db = Db::open_embedded(path).await.unwrap();
        let ann = users::sign_in(&db, &somebody()).await.unwrap().id;
        for _ in 0..EACH {
            calculations::create(&db, ann, &draft()).await.unwrap();
        }
        db
    };
    if let Some(path) = std::env::var_os(AGAIN) {
        write(Path::new(&path)).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["two_processes_write_one_file", "--nocapture"])
        .env(AGAIN, &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let db = write(&path).await;
    let output = other.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = text(db.connection(), "SELECT CAST(COUNT(*) AS TEXT) FROM calculations").await;
    assert_eq!(made, (2 * EACH).to_string());
}

#[tokio::test]
async fn an_older_file_is_migrated_and_kept_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let older = raw(&path).await;
    Migrator::up(&older, Some(3)).await.unwrap();
    run(&older, "INSERT INTO users (keycloak_id, username, email) VALUES ('k', 'ann', '')").await;
    run(&older, "INSERT INTO calculations (user_id, name, code) VALUES (1, 'Beam one', 'x')").await;
    run(
        &older,
        "INSERT INTO tools (name, display_name, description, version, code_template, docker_image, author_id) \
                 VALUES ('t', 'T', 'd', '7', 'x', 'i', 1)",
    )
    .await;
    older.close().await.unwrap();

    let db = Db::open_embedded(&path).await.unwrap();
    assert_eq!(db.notes().len(), 1, "{:?}", db.notes());
    assert_eq!(text(db.connection(), "SELECT version FROM tool_versions").await, "7");
    assert_eq!(
        text(db.connection(), "SELECT CAST(rowid AS TEXT) FROM calculation_names WHERE calculation_names MATCH 'eam'")
            .await,
        "1"
    );
    let copies: Vec<PathBuf> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".before-004_add_views-"))
        .collect();
    assert_eq!(copies.len(), 1, "one copy, no partial one: {copies:?}");
    assert_eq!(mode(&copies[0]), 0o600);
    let copy = raw(&copies[0]).await;
    assert_eq!(text(&copy, "SELECT name FROM calculations").await, "Beam one");
    assert_eq!(text(&copy, &format!("SELECT CAST(COUNT(*) AS TEXT) FROM {APPLIED_TABLE}")).await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_meet_an_older_file_migrate_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let older = raw(&path).await;
    Migrator::up(&older, Some(3)).await.unwrap();
    older.close().await.unwrap();
    let (one, two) = tokio::join!(Db::open_embedded(&path), Db::open_embedded(&path));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.notes().len() + two.notes().len(), 1, "one of them migrated");
    assert_eq!(
        text(one.connection(), &format!("SELECT CAST(COUNT(*) AS TEXT) FROM {APPLIED_TABLE}")).await,
        STEPS.len().to_string()
    );
}

#[tokio::test]
async fn a_failed_migration_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let older = raw(&path).await;
    Migrator::up(&older, Some(3)).await.unwrap();
    // In the way of a later step.
    run(&older, "CREATE TABLE tool_versions (x INTEGER)").await;
    let before = text(&older, "SELECT group_concat(sql) FROM sqlite_master").await;
    older.close().await.unwrap();
    assert!(matches!(Db::open_embedded(&path).await, Err(DbError::Other { .. })));
    let after = text(&raw(&path).await, "SELECT group_concat(sql) FROM sqlite_master").await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_newer_and_a_foreign_file_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let newer = place(&folder);
    let db = Db::open_embedded(&newer).await.unwrap();
    run(db.connection(), &format!("INSERT INTO {APPLIED_TABLE} VALUES ('099_from_tomorrow', 0)")).await;
    db.close().await.unwrap();
    let foreign = folder.path().join("foreign.db");
    let other = raw(&foreign).await;
    run(&other, "CREATE TABLE invoices (id INTEGER)").await;
    other.close().await.unwrap();

    for (path, words) in [(newer, "099_from_tomorrow"), (foreign, "invoices")] {
        let before = fs::read(&path).unwrap();
        let error = Db::open_embedded(&path).await.unwrap_err();
        assert!(matches!(error, DbError::Newer { .. } | DbError::Foreign { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(words) && error.contains(&path.display().to_string()), "{error}");
        assert!(before == fs::read(&path).unwrap(), "{} was changed", path.display());
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let words = "these are my notes, not a database\n".repeat(100);
    fs::write(&path, &words).unwrap();
    let error = Db::open_embedded(&path).await.unwrap_err();
    assert!(matches!(error, DbError::NotADatabase { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), words);

    let error = Db::open_embedded(folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("it is a folder"), "{error}");
}

#[tokio::test]
async fn a_truncated_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    Db::open_embedded(&path).await.unwrap().close().await.unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [whole.len() / 2, 4_096, 1_000, 100] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = Db::open_embedded(&path).await.unwrap_err();
        assert!(matches!(error, DbError::Damaged { .. } | DbError::NotADatabase { .. }), "{length}: {error:?}");
        assert!(error.to_string().contains(&path.display().to_string()));
        assert_eq!(fs::read(&path).unwrap(), whole[..length], "{length}");
    }
}

#[tokio::test]
async fn an_empty_file_beside_a_log_is_not_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    fs::write(file::beside(&path, "-wal"), [7; 5_000]).unwrap();
    assert!(matches!(Db::open_embedded(&path).await, Err(DbError::Damaged { .. })));
    assert_eq!(fs::read(file::beside(&path, "-wal")).unwrap(), [7; 5_000]);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_locked_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let db = open_file(&path, SHORT).await.unwrap();
    let other = raw(&path).await;
    let writer = other.begin().await.unwrap();
    run(&writer, "UPDATE users SET email = ''").await;
    let error = users::sign_in(&db, &somebody()).await.unwrap_err();
    assert!(matches!(error, DbError::Locked { .. }), "{error:?}");
    // Reading goes on meanwhile, and so does opening: nothing is left to migrate.
    assert_eq!(text(db.connection(), "SELECT CAST(COUNT(*) AS TEXT) FROM users").await, "0");
    open_file(&path, SHORT).await.unwrap();
    writer.rollback().await.unwrap();
    users::sign_in(&db, &somebody()).await.unwrap();

    let new = folder.path().join("new.db");
    let other = raw(&new).await;
    run(&other, "BEGIN EXCLUSIVE").await;
    let error = open_file(&new, SHORT).await.unwrap_err();
    assert!(matches!(&error, DbError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains("locked by another program"));
}

#[tokio::test]
async fn a_full_disk_says_so_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open_embedded(&place(&folder)).await.unwrap();
    let ann = users::sign_in(&db, &somebody()).await.unwrap().id;
    let transaction = db.begin().await.unwrap();
    // SQLite's own stand-in for a full disk.
    run(&transaction, "PRAGMA max_page_count = 1").await;
    let error = transaction
        .execute_unprepared("INSERT INTO calculations (user_id, name, code) VALUES (1, 'x', printf('%.9999c', 'x'))")
        .await
        .explain(&db)
        .unwrap_err();
    assert!(matches!(error, DbError::NoSpace { .. }), "{error:?}");
    run(&transaction, "PRAGMA max_page_count = 4294967294").await;
    transaction.rollback().await.unwrap();
    calculations::create(&db, ann, &draft()).await.unwrap();
    assert_eq!(text(db.connection(), "PRAGMA integrity_check").await, "ok");
}

/// Permissions mean nothing to root, so the test runs itself again as nobody.
#[tokio::test]
async fn a_read_only_file_or_folder_says_so() {
    const AGAIN: &str = "MECAPY_TEST_READ_ONLY";
    let Some(given) = std::env::var_os(AGAIN) else {
        let folder = tempfile::tempdir().unwrap();
        Db::open_embedded(&place(&folder)).await.unwrap().close().await.unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(place(&folder), fs::Permissions::from_mode(0o444)).unwrap();
        let program = folder.path().join("tests");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let mut again = Command::new(program);
        again
            .args(["a_read_only_file_or_folder_says_so", "--nocapture"])
            .env(AGAIN, folder.path())
            .stdin(Stdio::null());
        if rustix::process::geteuid().is_root() {
            use std::os::unix::process::CommandExt;
            again.uid(65_534).gid(65_534).current_dir("/");
        }
        let output = again.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        return;
    };
    let folder = PathBuf::from(given);
    for path in [folder.join("mecapy.db"), folder.join("new.db"), folder.join("sub/new.db")] {
        let error = Db::open_embedded(&path).await.unwrap_err();
        assert!(matches!(error, DbError::ReadOnly { .. }), "{}: {error:?}", path.display());
        assert!(error.to_string().contains(&path.display().to_string()));
    }
}

/// On a file system of 3 MiB, mounted in a name space of its own.
#[tokio::test]
async fn a_file_system_that_fills_up_says_so_and_keeps_what_was_there() {
    const AGAIN: &str = "MECAPY_TEST_NO_SPACE";
    const MOUNT: &str = "mount -t tmpfs -o size=3m tmpfs \"$1\" && exec \"$0\" a_file_system_that_fills_up --nocapture";
    let Some(given) = std::env::var_os(AGAIN) else {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT])
            .arg(std::env::current_exe().unwrap())
            .arg(folder.path())
            .env(AGAIN, folder.path())
            .output();
        match output {
            Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            other => {
                assert!(std::env::var_os("MECAPY_REQUIRE_SERVICES").is_none(), "no user name space: {other:?}");
                // Written past the harness, which keeps what a passing test prints.
                writeln!(std::io::stderr(), "SKIPPED: no file system can be mounted in a name space here").unwrap();
            }
        }
        return;
    };
    let path = PathBuf::from(given).join("mecapy.db");
    let db = Db::open_embedded(&path).await.unwrap();
    let ann = users::sign_in(&db, &somebody()).await.unwrap().id;
    let ballast = path.with_extension("ballast");
    fs::write(&ballast, vec![0; 1_000_000]).unwrap();
    let mut made = 0;
    let error = loop {
        match calculations::create(&db, ann, &draft()).await {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, DbError::NoSpace { .. }), "{error:?}");
    assert_eq!(text(db.connection(), "SELECT CAST(COUNT(*) AS TEXT) FROM calculations").await, made.to_string());
    fs::remove_file(&ballast).unwrap();
    db.close().await.unwrap();

    // A little room, but not for the copy before a migration: refused, and the file as it was.
    let mut ballast = fs::File::create(&ballast).unwrap();
    std::io::copy(&mut std::io::repeat(0), &mut ballast).unwrap_err();
    ballast.set_len(ballast.metadata().unwrap().len() - 150_000).unwrap();
    let older = raw(&path).await;
    run(&older, &format!("DELETE FROM {APPLIED_TABLE} WHERE version = '{}'", STEPS[8].name)).await;
    run(&older, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    older.close().await.unwrap();
    let error = Db::open_embedded(&path).await.unwrap_err();
    assert!(matches!(error, DbError::NoSpace { .. }), "{error:?}");
    let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().contains("before")), "{files:?}");
    let after = raw(&path).await;
    assert_eq!(text(&after, "SELECT CAST(COUNT(*) AS TEXT) FROM calculations").await, made.to_string());
    assert_eq!(text(&after, "PRAGMA integrity_check").await, "ok");
}

fn draft() -> NewCalculation {
    NewCalculation {
        name: "x".to_owned(),
        description: None,
        code: "x".repeat(9_999),
        parameters: None,
        limits: Limits::default(),
        tool_id: None,
        tool_version_id: None,
        parent_id: None,
        inputs: Vec::new(),
    }
}
