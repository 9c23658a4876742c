//! Up, down, at once, killed in the middle, newer: on both engines.

use super::place::{Place, db, places, until};
use crate::support::home::Home;
use mecapy::admin::{Down, Up, expected_catalogue};
use migrations::{APPLIED_TABLE, Dialect, STEPS};
use std::process::Stdio;

fn dialect(place: &Place) -> Dialect {
    if place.is_server() { Dialect::Postgres } else { Dialect::Sqlite }
}

#[tokio::test]
async fn up_down_and_up_again_leaves_the_same_schema() {
    for place in places() {
        let admin = place.admin().await;
        for step in STEPS {
            let before = place.catalogue().await;
            let (done, _) = admin.upgrade(Up::By(1)).await.unwrap();
            assert_eq!(done.pieces.iter().map(|piece| piece.name.as_str()).collect::<Vec<_>>(), [step.name]);
            let up = place.catalogue().await;
            admin.downgrade(Down::By(1)).await.unwrap();
            assert_eq!(place.catalogue().await, before, "down from {}", step.name);
            admin.upgrade(Up::By(1)).await.unwrap();
            assert_eq!(place.catalogue().await, up, "{} again", step.name);
        }
        assert_eq!(place.catalogue().await, expected_catalogue(dialect(&place)));
        admin.downgrade(Down::Base).await.unwrap();
        assert_eq!(place.catalogue().await, mecapy::admin::Catalogue::default());
        admin.upgrade(Up::To(None)).await.unwrap();
        assert_eq!(place.catalogue().await, expected_catalogue(dialect(&place)));
        admin.close().await.unwrap();
    }
}

#[test]
fn the_verbs_are_spelled_as_alembics() {
    for place in places() {
        let home = place.home();
        if place.is_server() {
            home.run(&["calc", "ls"]).code(1).says("mecapy db upgrade");
        }
        db(&home, &["current"]).says(if place.is_server() {
            "upgrade applies them"
        } else {
            "mecapy db upgrade makes it"
        });
        let told = db(&home, &["upgrade", "--dry-run"]);
        if place.is_server() {
            assert!(told.code(0).out.starts_with("would apply 001_initial_tables\n"));
            assert_eq!(db(&home, &["current"]).code(0).out, "none\n", "a dry run changes nothing");
        }
        db(&home, &["upgrade", "--read-only"]).code(6).says("--read-only");

        let done = db(&home, &["upgrade", "003_add_tools"]).code(0);
        assert_eq!(done.out, "applied 001_initial_tables\napplied 002_add_calculations\napplied 003_add_tools\n");
        assert_eq!(db(&home, &["current"]).code(0).out, "003_add_tools\n");
        assert_eq!(db(&home, &["upgrade", "+1"]).code(0).out, "applied 004_add_views\n");
        let all = db(&home, &["upgrade", "head", "--json"]).code(0).json_lines();
        assert_eq!(all[0]["migration"], "005_add_recommended_indexes");
        let head = STEPS.last().unwrap().name;
        assert_eq!(db(&home, &["current"]).code(0).out, format!("{head} (head)\n"));
        db(&home, &["upgrade"]).code(0).says("has every migration");
        db(&home, &["check"]).code(0);

        let history = db(&home, &["history", "--json"]).code(0).json_lines();
        assert_eq!(history.len(), STEPS.len());
        assert!(history.iter().all(|step| step["applied"] == true && step["applied_at"].is_string()), "{history:?}");
        assert!(db(&home, &["history"]).code(0).out.starts_with("001_initial_tables"));

        assert_eq!(db(&home, &["downgrade", "-1", "--dry-run"]).code(0).out, format!("would take back {head}\n"));
        assert_eq!(db(&home, &["downgrade", "-1"]).code(0).out, format!("taken back {head}\n"));
        let now = db(&home, &["current", "--json"]).code(0).json();
        assert_eq!((&now["head"], &now["missing"][0]), (&head.into(), &head.into()));
        db(&home, &["upgrade"]).code(0);

        db(&home, &["upgrade", "nowhere"]).code(2).says("there is no migration nowhere; there are 001_initial_tables");
        db(&home, &["downgrade", "-99"]).code(2).says("`base` takes back all");
        db(&home, &["downgrade"]).code(2);
        db(&home, &["downgrade", "0"]).code(2).says("one step at least");
    }
}

#[tokio::test]
async fn a_downgrade_that_throws_rows_away_is_confirmed_by_name() {
    for place in places() {
        let home = place.home();
        db(&home, &["upgrade"]).code(0);
        let (tool, version) = (
            "INSERT INTO users (keycloak_id, username, email) VALUES ('k', 'ann', '');
             INSERT INTO tools (name, display_name, description, version, code_template, docker_image, author_id) \
             VALUES ('t', 'T', 'd', '7', 'x', 'i', 1)",
            "INSERT INTO tool_versions (tool_id, version, code_template, docker_image, created_by) \
             VALUES (1, '7', 'x', 'i', 1)",
        );
        place.sql(tool).await;
        place.sql(version).await;
        let before = place.rows().await;
        let refused =
            db(&home, &["downgrade", "005"]).code(6).says("tool_versions (1 rows)").says("confirm with --yes");
        assert_eq!(refused.out, "");
        db(&home, &["downgrade", "005", "--dry-run"]).code(0).says("would throw away tool_versions (1 rows)");
        assert_eq!(place.rows().await, before);
        let done = db(&home, &["downgrade", "005", "--yes"]).code(0);
        assert!(done.out.ends_with("taken back 006_add_tool_versions\n"), "{}", done.out);
        assert_eq!(db(&home, &["current"]).code(0).out, "005_add_recommended_indexes\n");
        if let Some(file) = place.file() {
            assert!(done.err.contains("as it was before"), "{}", done.err);
            let kept = std::fs::read_dir(file.parent().unwrap()).unwrap().flatten();
            assert_eq!(kept.filter(|entry| entry.file_name().to_string_lossy().contains(".before-")).count(), 1);
        }
        // The version comes back from the tool itself.
        db(&home, &["upgrade"]).code(0);
        assert_eq!(place.texts("SELECT version FROM tool_versions").await, ["7"]);
    }
}

#[tokio::test]
async fn the_printed_sql_does_the_same_as_the_verb() {
    for place in places() {
        let home = place.home();
        // A file must be there to be looked at.
        db(&home, &["upgrade", "001"]).code(0);
        let up = db(&home, &["upgrade", "--sql"]).code(0).out;
        let before = place.catalogue().await;
        script(&place, &home, &up).await;
        assert_eq!(place.catalogue().await, expected_catalogue(dialect(&place)));
        assert!(db(&home, &["current"]).code(0).out.ends_with("(head)\n"));
        let down = db(&home, &["downgrade", "001", "--sql"]).code(0).out;
        script(&place, &home, &down).await;
        assert_eq!(place.catalogue().await, before);
    }
}

async fn script(place: &Place, home: &Home, sql: &str) {
    match place {
        Place::File(_) => place.sql(sql).await,
        Place::Server(database) => {
            let path = home.file("script.sql", sql);
            let psql = crate::support::postgres::program("psql").unwrap();
            let done = std::process::Command::new(psql)
                .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"])
                .arg(path)
                .arg(database.url())
                .output()
                .unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
    }
}

#[tokio::test]
async fn several_upgrades_at_once_are_one() {
    for place in places() {
        let home = place.home();
        let children: Vec<_> = (0..3)
            .map(|_| home.command(&["db", "upgrade"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
            .collect();
        let mut applied = 0;
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            applied += String::from_utf8_lossy(&output.stdout).lines().count();
        }
        assert_eq!(applied, STEPS.len(), "each step once");
        db(&home, &["check"]).code(0);
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_alone() {
    for place in places() {
        let home = place.home();
        db(&home, &["upgrade"]).code(0);
        place.sql(&format!("INSERT INTO {APPLIED_TABLE} (version, applied_at) VALUES ('099_from_tomorrow', 0)")).await;
        let (catalogue, rows) = (place.catalogue().await, place.rows().await);
        for arguments in [["upgrade", "head"], ["downgrade", "-1"], ["downgrade", "base"]] {
            db(&home, &[arguments[0], arguments[1], "--yes"])
                .code(1)
                .says("made by a newer mecapy")
                .says("099_from_tomorrow");
        }
        assert_eq!((place.catalogue().await, place.rows().await), (catalogue, rows));
        db(&home, &["current"]).code(0).says("newer mecapy");
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    for place in places() {
        place.sql("CREATE TABLE recipes (id INTEGER PRIMARY KEY, users TEXT)").await;
        let before = place.catalogue().await;
        let home = place.home();
        for verb in ["upgrade", "downgrade"] {
            let done = db(&home, if verb == "upgrade" { &["upgrade"] } else { &["downgrade", "-1"] });
            done.code(1).says("another program's database").says("recipes");
        }
        assert_eq!(place.catalogue().await, before);
    }
}

/// The making of an index waits for transactions that are open; killed while it waits, it leaves an invalid one.
#[tokio::test]
async fn an_upgrade_that_was_killed_while_it_made_an_index_is_finished_by_the_next() {
    use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
    let Some(place) = places().into_iter().find(Place::is_server) else { return };
    let home = place.home();
    db(&home, &["upgrade", "004"]).code(0);
    let other = place.connect().await;
    let open = other.begin().await.unwrap();
    open.execute_unprepared("INSERT INTO users (keycloak_id, username, email) VALUES ('k', 'ann', '')").await.unwrap();
    open.execute_unprepared(
        "INSERT INTO user_files (user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, s3_url) \
         VALUES (1, 'f', 'f', 0, 'text/plain', 'k', 'local', 'file:///k')",
    )
    .await
    .unwrap();
    let mut child = home.command(&["db", "upgrade"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let Place::Server(database) = &place else { unreachable!("chosen above") };
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    until("no index is begun", || database.superuser(invalid) == "1");
    // A second one waits for the first, or takes over from it: never both.
    child.kill().unwrap();
    child.wait().unwrap();
    until("the server still works for it", || {
        database.superuser("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND state = 'active' AND pid <> pg_backend_pid()") == "0"
            || {
                database.superuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND pid <> pg_backend_pid()");
                false
            }
    });
    open.commit().await.unwrap();
    other.close().await.unwrap();
    assert_eq!(database.superuser(invalid), "1", "the broken one is there");
    db(&home, &["check"]).code(1);
    db(&home, &["upgrade", "--dry-run"]).code(0);
    let sql = db(&home, &["upgrade", "--sql"]).code(0).out;
    assert!(sql.contains("DROP INDEX CONCURRENTLY IF EXISTS idx_user_files_user_created"), "{sql}");
    db(&home, &["upgrade"]).code(0);
    assert_eq!(database.superuser(invalid), "0");
    db(&home, &["check"]).code(0);
}

#[tokio::test]
async fn a_step_that_fails_is_taken_back_whole_and_named() {
    for place in places() {
        let home = place.home();
        db(&home, &["upgrade", "005"]).code(0);
        // In the way of the second statement of a later step.
        place.sql("ALTER TABLE calculations ADD COLUMN memory_limit INTEGER").await;
        let before = place.catalogue().await;
        db(&home, &["upgrade"]).code(1).says("007_add_runs failed and was rolled back").says("memory_limit");
        let after = place.catalogue().await;
        if place.is_server() {
            assert_eq!(db(&home, &["current"]).code(0).out, "006_add_tool_versions\n", "what came before stays");
            assert_eq!(after.tables["calculations"], before.tables["calculations"]);
        } else {
            assert_eq!(after, before, "a file is changed whole or not at all");
        }
    }
}

/// Who may not make extensions upgrades all the same; names are found without the index, and it comes when it can.
#[tokio::test]
async fn without_the_extension_of_the_name_search_everything_else_works() {
    let Some(database) = crate::support::postgres::empty_database() else { return };
    database.superuser(&format!("ALTER DATABASE {} OWNER TO postgres", database.name()));
    let home = Home::new().with("DATABASE_URL", &database.url());
    db(&home, &["upgrade"]).code(0);
    let missing = "missing  index calculations.calculations_name_trigrams";
    let told = db(&home, &["check"]).code(1);
    assert!(told.out.starts_with(missing) && told.out.lines().count() == 1, "{}", told.out);
    let doctor = home.run(&["doctor"]);
    assert!(
        doctor.out.contains("names are searched without an index") && doctor.out.contains("CREATE EXTENSION pg_trgm")
    );
    db(&home, &["upgrade"]).code(0).says("has every migration");

    home.file("a.py", "print(1)");
    for name in ["Plate", "Bolted joint", "Ölwanne"] {
        home.run(&["calc", "new", "a.py", "--name", name]).code(0);
    }
    let found = |text: &str| home.run(&["calc", "ls", "--search", text, "--json"]).code(0).json_lines().len();
    assert_eq!((found("late"), found("ÖLW"), found("pl"), found("zzz")), (1, 1, 1, 0));

    database.superuser("CREATE EXTENSION pg_trgm");
    assert_eq!(db(&home, &["upgrade", "--dry-run"]).code(0).out, "would apply 009_add_name_search\n");
    assert_eq!(db(&home, &["upgrade"]).code(0).out, "applied 009_add_name_search\n");
    db(&home, &["check"]).code(0);
    assert!(!home.run(&["doctor"]).out.contains("without an index"));
    assert_eq!((found("late"), found("ÖLW"), found("pl"), found("zzz")), (1, 1, 1, 0));
    // Back and forth also where it was never there.
    db(&home, &["downgrade", "008", "--yes"]).code(0);
    db(&home, &["upgrade"]).code(0);
    db(&home, &["check"]).code(0);
}

/// A server without the extension's files says so in other words.
#[tokio::test]
async fn an_extension_that_is_not_installed_is_left_out() {
    let Some(database) = crate::support::postgres::database() else { return };
    let step = STEPS.iter().find(|step| step.name.starts_with("009")).unwrap();
    let sql = (step.up)(Dialect::Postgres).remove(0);
    database.superuser("DROP INDEX calculations_name_trigrams; DROP EXTENSION pg_trgm");
    database.superuser(&sql.replace("pg_trgm", "pg_trgm_not_there"));
    assert_eq!(database.superuser("SELECT count(*) FROM pg_class WHERE relname = 'calculations_name_trigrams'"), "0");
}
