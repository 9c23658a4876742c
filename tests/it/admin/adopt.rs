//! Databases that the platform's Python programs made become mecapy's, with every row.

use super::{
    place::{Place, db, places},
    python::{Program, what_python_wrote_is_read},
};
use crate::support::python::SqlModel;
use mecapy::{admin::Catalogue, db::Db};

/// What programs in the field have done differently.
const ENUM: (&str, &str) = ("ENUM", "native");
const ZONES: (&str, &str) = ("TZ", "1");
const SMALL: (&str, &str) = ("SMALL", "1");
const NO_VERSIONS: (&str, &str) = ("NOVERSIONS", "1");

/// The description's own view, whose figures are wrong.
const VIEW: &str = "CREATE VIEW user_stats AS SELECT u.id, u.username, COUNT(DISTINCT f.id) as total_files, \
     COALESCE(SUM(f.file_size), 0) as total_storage_bytes, COUNT(DISTINCT c.id) as total_calculations, \
     COUNT(DISTINCT CASE WHEN CAST(c.status AS VARCHAR(9)) = 'completed' THEN c.id END) as completed_calculations \
     FROM users u LEFT JOIN user_files f ON u.id = f.user_id LEFT JOIN calculations c ON u.id = c.user_id \
     GROUP BY u.id, u.username";

/// The rows as they must be afterwards: states in small letters, times in UTC without a zone.
async fn rows(place: &Place, tables: &Catalogue) -> Vec<String> {
    let mut all = Vec::new();
    let now = place.catalogue().await;
    for (table, what) in &tables.tables {
        let columns: Vec<String> = what
            .columns
            .keys()
            .map(|column| {
                let kind = &now.tables[table].columns[column].kind;
                let value = match column.as_str() {
                    "status" => format!("lower(CAST({column} AS TEXT))"),
                    _ if kind.contains("with time zone") => format!("CAST({column} AT TIME ZONE 'UTC' AS TEXT)"),
                    _ => format!("CAST(\"{column}\" AS TEXT)"),
                };
                format!("coalesce({value}, '-')")
            })
            .collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY 1", columns.join(" || '|' || "));
        all.extend(place.texts(&sql).await.into_iter().map(|row| format!("{table}: {row}")));
    }
    all
}

async fn adopt(variant: &[(&'static str, &'static str)], version: SqlModel, around: &[&str]) {
    let (Some(program), Some(plain)) = (Program::new(version, variant), Program::new(version, &[])) else { return };
    for place in places() {
        program.run(&place, "create");
        program.run(&place, "write");
        for sql in around {
            place.sql(sql).await;
        }
        let home = place.home();
        let before = place.catalogue().await;
        let expected = rows(&place, &before).await;
        assert!(expected.len() > 30);

        if variant.is_empty() {
            db(&home, &["current"]).code(0).says("not made by mecapy");
            home.run(&["calc", "ls"]).code(1).says("mecapy db upgrade");
            db(&home, &["upgrade", "003"]).code(2).says("adopted whole");
            assert!(db(&home, &["upgrade", "--sql"]).code(0).out.contains("mecapy_migrations"));
        }
        let told = db(&home, &["upgrade", "--dry-run"]).code(0).says("made by the platform's other programs");
        assert!(told.out.starts_with("would apply adopt\n"), "{}", told.out);
        assert_eq!(place.catalogue().await, before, "a dry run changes nothing");
        assert_eq!(rows(&place, &before).await, expected);

        db(&home, &["upgrade"]).code(0);
        let differs = db(&home, &["check"]);
        assert_eq!(differs.out, "", "{variant:?}");
        let versions = |row: &&String| !row.starts_with("tool_versions");
        assert_eq!(
            rows(&place, &before).await.iter().filter(versions).collect::<Vec<_>>(),
            expected.iter().filter(versions).collect::<Vec<_>>()
        );

        let open = Db::open(&place.url()).await.unwrap();
        what_python_wrote_is_read(&open).await;
        open.close().await.unwrap();
        // Ids go on where they stopped, and the corrected models work on.
        place.sql("INSERT INTO users (keycloak_id, username, email) VALUES ('kc-new', 'new', '')").await;
        assert_eq!(place.texts("SELECT CAST(max(id) AS TEXT) FROM users").await, ["3"]);
        assert!(plain.run(&place, "read").len() > 30);
    }
}

#[tokio::test]
async fn databases_of_the_corrected_models_are_adopted() {
    adopt(&[], SqlModel::Newest, &[]).await;
}

#[tokio::test]
async fn ids_of_32_bits_and_a_native_enum_in_capitals_become_ours() {
    adopt(&[ENUM, SMALL], SqlModel::Newest, &[VIEW]).await;
}

#[tokio::test]
async fn times_with_a_zone_become_utc_without_one() {
    adopt(&[ZONES, SMALL, NO_VERSIONS], SqlModel::Newest, &[]).await;
    adopt(&[ENUM, ZONES], SqlModel::Older, &[]).await;
}

#[tokio::test]
async fn what_alembic_made_is_adopted_and_its_table_left_alone() {
    let alembic = [
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('003_add_tools')",
        VIEW,
        "CREATE INDEX idx_user_files_user_created ON user_files (user_id, uploaded_at DESC)",
        // Not as the description has it.
        "CREATE INDEX idx_user_files_hash_size ON user_files (file_hash)",
    ];
    adopt(&[NO_VERSIONS, SMALL], SqlModel::Newest, &alembic).await;
    let Some(program) = Program::new(SqlModel::Newest, &[]) else { return };
    for place in places() {
        program.run(&place, "create");
        place.sql(alembic[0]).await;
        place.sql(alembic[1]).await;
        let home = place.home();
        assert_eq!(db(&home, &["current", "--json"]).code(0).json()["alembic"], "003_add_tools");
        db(&home, &["upgrade"]).code(0).says("Alembic's revision is 003_add_tools");
        assert_eq!(place.texts("SELECT version_num FROM alembic_version").await, ["003_add_tools"]);
    }
}

#[tokio::test]
async fn what_others_added_stays() {
    let Some(program) = Program::new(SqlModel::Newest, &[SMALL]) else { return };
    for place in places() {
        program.run(&place, "create");
        program.run(&place, "write");
        for sql in [
            "ALTER TABLE users ADD COLUMN team VARCHAR(20)",
            "UPDATE users SET team = 'frames' WHERE id = 1",
            "CREATE TABLE badges (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id))",
            "INSERT INTO badges VALUES (1, 1)",
            "CREATE INDEX by_team ON users (team)",
        ] {
            place.sql(sql).await;
        }
        if !place.is_server() {
            place.sql("CREATE VIEW teams AS SELECT team FROM users").await;
            place
                .sql("CREATE TRIGGER shout AFTER INSERT ON users BEGIN UPDATE users SET team = 'new' WHERE id = new.id; END")
                .await;
        }
        db(&place.home(), &["upgrade"]).code(0).says("users.team: not of this schema, kept as it is");
        assert_eq!(place.texts("SELECT coalesce(team, '-') FROM users ORDER BY id").await, ["frames", "-"]);
        let told = db(&place.home(), &["check"]).code(1).out;
        let mut extra = vec!["extra    table badges", "extra    column users.team", "extra    index users.by_team"];
        if !place.is_server() {
            extra.extend(["extra    view teams", "extra    trigger users.shout"]);
            place.sql("INSERT INTO users (keycloak_id, username, email) VALUES ('x', 'x', '')").await;
            assert_eq!(place.texts("SELECT team FROM teams WHERE team = 'new'").await, ["new"]);
        }
        for words in &extra {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert_eq!(told.lines().count(), extra.len(), "{told}");
    }
}

#[tokio::test]
async fn rows_that_break_a_rule_are_listed_and_nothing_is_done() {
    let Some(program) = Program::new(SqlModel::Newest, &[SMALL]) else { return };
    for place in places() {
        program.run(&place, "create");
        program.run(&place, "write");
        let mut broken = vec![
            ("UPDATE user_files SET file_size = -5 WHERE id = 2", "user_files.file_size: 1 × breaks", "2 has -5"),
            ("UPDATE calculations SET status = 'timeout' WHERE id = 3", "calculations.status: 1 ×", "3 has timeout"),
            (
                "UPDATE calculations SET execution_time = -1 WHERE id IN (4, 5)",
                "calculations.execution_time: 2 ×",
                "4 has -1",
            ),
            (
                "DROP INDEX ix_users_keycloak_id; UPDATE users SET keycloak_id = 'twice'",
                "users.keycloak_id: 2 × is there more than once",
                "1 has twice, 2 has twice",
            ),
        ];
        if place.is_server() {
            broken.push((
                "ALTER TABLE users ALTER COLUMN first_name TYPE TEXT; UPDATE users SET first_name = repeat('é', 101) WHERE id = 1",
                "users.first_name: 1 × is longer than 100 characters",
                "1 has é",
            ));
            broken.push((
                "ALTER TABLE users ALTER COLUMN email DROP NOT NULL; UPDATE users SET email = NULL WHERE id = 2",
                "users.email: 1 × is NULL",
                "2 has NULL",
            ));
        } else {
            broken.push((
                "UPDATE users SET first_name = replace(hex(zeroblob(51)), '0', 'é') WHERE id = 1",
                "users.first_name: 1 × breaks length(first_name) <= 100",
                "1 has é",
            ));
            broken.push((
                "UPDATE calculations SET created_at = 'yesterday' WHERE id = 6",
                "calculations.created_at: 1 × breaks",
                "6 has yesterday",
            ));
            broken.push((
                "PRAGMA foreign_keys = OFF; UPDATE calculations SET user_id = 99 WHERE id = 7",
                "calculations.user_id: 1 × refers to a row of users that is not there",
                "7 has 99",
            ));
            broken.push((
                "UPDATE calculations SET memory_used = 'much' WHERE id = 8",
                "calculations.memory_used: 1 × is not of the type INTEGER",
                "8 has much",
            ));
        }
        for (sql, ..) in &broken {
            place.sql(sql).await;
        }
        let (catalogue, rows) = (place.catalogue().await, place.rows().await);
        let home = place.home();
        for arguments in [&["upgrade", "--dry-run"][..], &["upgrade"]] {
            let told = db(&home, arguments).code(1).says("break the rules of the schema; nothing was changed");
            for (_, words, example) in &broken {
                let line = told.out.lines().find(|line| line.starts_with(words));
                let line = line.unwrap_or_else(|| panic!("{words}: {}", told.out));
                assert!(line.contains(example) && line.contains("all of them: SELECT"), "{line}");
            }
            assert_eq!(told.out.lines().count(), broken.len(), "{}", told.out);
        }
        assert_eq!((place.catalogue().await, place.rows().await), (catalogue, rows));
        // The query that it names finds them.
        let line =
            db(&home, &["upgrade", "--json"]).code(1).json_lines().into_iter().find(|v| v["column"] == "file_size");
        let find = line.unwrap()["find"].as_str().unwrap().replace("SELECT *", "SELECT CAST(id AS TEXT)");
        assert_eq!(place.texts(&find).await, ["2"]);

        for sql in [
            "UPDATE user_files SET file_size = 5 WHERE id = 2",
            "UPDATE calculations SET status = 'failed', created_at = updated_at, user_id = 1, memory_used = NULL, \
             execution_time = NULL WHERE id < 9",
            "UPDATE users SET keycloak_id = username, first_name = NULL, email = 'a'",
        ] {
            place.sql(sql).await;
        }
        db(&home, &["upgrade"]).code(0);
        db(&home, &["check"]).code(0);
    }
}

#[tokio::test]
async fn times_in_other_spellings_are_spelled_as_ours() {
    let Some(program) = Program::new(SqlModel::Newest, &[]) else { return };
    let place = places().into_iter().find(|place| !place.is_server()).unwrap();
    program.run(&place, "create");
    program.run(&place, "write");
    let spellings = [
        ("2024-01-15 10:20:30", "2024-01-15 10:20:30.000000"),
        ("2024-01-15T10:20:30", "2024-01-15 10:20:30.000000"),
        ("2024-01-15 10:20:30.5", "2024-01-15 10:20:30.500000"),
        ("2024-01-15T10:20:30.123Z", "2024-01-15 10:20:30.123000"),
        ("2024-01-15T10:20:30.123456+00:00", "2024-01-15 10:20:30.123456"),
        ("2024-01-15 10:20:30.654321", "2024-01-15 10:20:30.654321"),
    ];
    for (id, (theirs, _)) in spellings.iter().enumerate() {
        place.sql(&format!("UPDATE calculations SET completed_at = '{theirs}' WHERE id = {}", id + 1)).await;
    }
    db(&place.home(), &["upgrade"]).code(0);
    let now = place.texts("SELECT completed_at FROM calculations WHERE id <= 6 ORDER BY id").await;
    assert_eq!(now, spellings.map(|(_, ours)| ours));
    // Another zone is not guessed at.
    let place = places().into_iter().find(|place| !place.is_server()).unwrap();
    program.run(&place, "create");
    program.run(&place, "write");
    place.sql("UPDATE calculations SET completed_at = '2024-01-15T10:20:30+02:00' WHERE id = 1").await;
    db(&place.home(), &["upgrade"]).code(1).says("nothing was changed");
}

#[tokio::test]
async fn other_tables_under_the_same_names_are_refused() {
    for place in places() {
        place.sql("CREATE TABLE users (id INTEGER PRIMARY KEY, login VARCHAR(20))").await;
        let home = place.home();
        db(&home, &["upgrade"]).code(1).says("another program's database");
        place.sql("CREATE TABLE user_files (id INTEGER PRIMARY KEY, path VARCHAR(20))").await;
        let before = place.catalogue().await;
        db(&home, &["upgrade"]).code(1).says("the table users has other columns: it lacks created_at");
        assert_eq!(place.catalogue().await, before);
    }
}

#[tokio::test]
async fn a_view_that_reads_what_must_change_is_named() {
    let Some(program) = Program::new(SqlModel::Newest, &[SMALL]) else { return };
    let Some(place) = places().into_iter().find(Place::is_server) else { return };
    program.run(&place, "create");
    place.sql("CREATE VIEW names AS SELECT id, username FROM users").await;
    let before = place.catalogue().await;
    db(&place.home(), &["upgrade"]).code(1).says("drop names and make them again afterwards");
    assert_eq!(place.catalogue().await, before);
}

#[tokio::test]
async fn grants_sequences_and_triggers_of_a_server_stay() {
    let Some(program) = Program::new(SqlModel::Newest, &[SMALL, ENUM]) else { return };
    let Some(place) = places().into_iter().find(Place::is_server) else { return };
    let Place::Server(database) = &place else { unreachable!("chosen above") };
    program.run(&place, "create");
    program.run(&place, "write");
    place.sql(&VIEW.replace("'completed'", "'COMPLETED'")).await;
    let reader = format!("reader_{}", database.name());
    database.superuser(&format!("CREATE ROLE {reader}"));
    place.sql(&format!("GRANT SELECT ON users, user_stats TO {reader}")).await;
    // An id that was given out and whose row is gone.
    place.sql("INSERT INTO users (keycloak_id, username, email, created_at, updated_at, is_active) VALUES ('g', 'g', '', now(), now(), true)").await;
    place.sql("DELETE FROM users WHERE keycloak_id = 'g'").await;
    db(&place.home(), &["upgrade"]).code(0);
    for table in ["users", "user_stats"] {
        assert_eq!(database.superuser(&format!("SELECT has_table_privilege('{reader}', '{table}', 'SELECT')")), "t");
    }
    place.sql("INSERT INTO users (keycloak_id, username, email) VALUES ('h', 'h', '')").await;
    assert_eq!(place.texts("SELECT max(id)::text FROM users").await, ["4"]);
    assert_eq!(database.superuser("SELECT count(*) FROM pg_type WHERE typtype = 'e'"), "0");
    assert_eq!(place.texts("SELECT total_storage_bytes::text FROM user_stats WHERE id = 1").await, ["3"]);
    place.sql(&format!("REVOKE ALL ON users, user_stats FROM {reader}")).await;
    database.superuser(&format!("DROP ROLE {reader}"));
}
