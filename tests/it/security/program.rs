//! mecapy itself on a server that keeps people apart: everything works as a person, and as nobody else.

use super::cast::Cast;
use crate::{
    runs::support::{Machine, PATIENCE},
    support::{home::Home, pty::Pty},
};
use mecapy::{
    db::{self, DbError},
    domain::{
        isolation::Isolation,
        page::{CalculationQuery, PageRequest},
        run::Outcome,
        status::Status,
    },
    runs, samples,
};
use std::time::Instant;

fn home(cast: &Cast, name: &str) -> Home {
    Home::new().with("DATABASE_URL", &cast.url(name))
}

#[test]
fn a_person_makes_runs_reads_and_deletes_calculations() {
    let Some(cast) = Cast::new() else { return };
    let (alice, bob) = (home(&cast, "alice"), home(&cast, "bob"));
    alice.file("beam.py", "def calculate(load=2.0):\n    return {'moment': load / 4}\n");
    alice.file("mesh.csv", "1,2\n");
    let done = alice.run(&["calc", "run", "beam.py", "--param", "load=10", "--input", "mesh=mesh.csv", "--follow"]);
    done.code(0);
    let listed = alice.run(&["calc", "ls", "--json"]).code(0).json_lines();
    assert_eq!((listed.len(), listed[0]["status"].as_str()), (3, Some("completed")));
    let id = listed[0]["id"].to_string();
    assert!(alice.run(&["calc", "result", &id]).code(0).out.contains("2.5"));
    alice.run(&["calc", "logs", &id]).code(0);
    alice.run(&["calc", "show", &id]).code(0);
    alice.run(&["calc", "rerun", &id, "--wait"]).code(0);
    assert_eq!(alice.run(&["stats", "--json"]).code(0).json()["user_stats"]["username"], "alice");
    alice.run(&["stats", "--database", "--json"]).code(0);
    // Another person has never heard of it.
    assert_eq!(bob.run(&["calc", "ls", "--json"]).code(0).json_lines().len(), 2);
    for verb in [
        &["calc", "show", &id] as &[&str],
        &["calc", "rerun", &id],
        &["calc", "cancel", &id],
        &["calc", "rm", &id, "--yes"],
    ] {
        bob.run(verb).code(5).says("yours");
    }
    alice.run(&["calc", "rm", &id, "--yes"]).code(0);
    // The rows are the person's of the role, not the operating system's user's.
    assert_eq!(cast.owner("SELECT count(*) FROM users"), "4");
    let doctor = alice.run(&["doctor"]);
    assert!(doctor.out.contains("isolated"), "{}", doctor.out);
}

#[test]
fn sample_tools_are_published_by_a_person() {
    let Some(cast) = Cast::new() else { return };
    cast.owner("DELETE FROM tool_versions; DELETE FROM tools");
    let (alice, bob) = (home(&cast, "alice"), home(&cast, "bob"));
    alice.run(&["tools", "samples"]).code(0).says("sample tools are installed");
    let tools = bob.run(&["tools", "ls", "--json"]).code(0).json_lines();
    assert_eq!(tools.len(), samples::samples().len());
    bob.run(&["tools", "samples"]).code(0).says("has tools already");
    let name = tools[0]["name"].as_str().unwrap();
    bob.run(&["calc", "run", "--tool", name, "--wait"]).code(0);
}

#[test]
fn whoever_is_held_back_by_nothing_or_is_nobody_is_refused_for_daily_work() {
    let Some(cast) = Cast::new() else { return };
    cast.owner(&format!("CREATE ROLE {} LOGIN PASSWORD '{}'", cast.role("stranger"), super::cast::PASSWORD));
    cast.owner(&format!("GRANT SELECT ON mecapy_migrations TO {}", cast.role("stranger")));
    cast.owner(&format!("CREATE ROLE {} LOGIN BYPASSRLS PASSWORD '{}'", cast.role("keeper"), super::cast::PASSWORD));
    cast.owner(&format!(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {0}",
        cast.role("keeper")
    ));
    let superuser = cast.database.server().superuser_url(cast.database.name());
    for (url, word) in [
        (cast.database.url(), "owns its tables"),
        (superuser.clone(), "is a superuser"),
        (cast.url("keeper"), "has BYPASSRLS"),
        (cast.url("robot"), "works for everybody"),
        (cast.url("stranger"), "is nobody"),
        (cast.url("erin"), "switched off"),
    ] {
        let home = Home::new().with("DATABASE_URL", &url);
        home.run(&["calc", "ls"]).code(6).says(word).says("mecapy admin");
        let doctor = home.run(&["doctor"]).code(1);
        assert!(doctor.out.contains(word), "{}", doctor.out);
    }
    assert_eq!(cast.owner("SELECT count(*) FROM users"), "4", "nobody got a row");
    // Looking after the database goes on.
    let owner = Home::new().with("DATABASE_URL", &cast.database.url());
    owner.run(&["db", "current"]).code(0);
    owner.run(&["db", "check"]).code(1).says("differences");
    owner.run(&["db", "upgrade"]).code(0);
    // Copies: whole ones, or none.
    owner.run(&["db", "backup", "all.dump"]).code(0);
    home(&cast, "keeper").run(&["db", "backup", "all.dump"]).code(0);
    for name in ["alice", "carol", "robot"] {
        let home = home(&cast, name);
        home.run(&["db", "backup", "all.dump"]).code(6).says("row security hides rows");
        assert!(!home.path().join("all.dump").exists());
    }
    let alice = home(&cast, "alice");
    alice.run(&["db", "secure", "--off", "--yes"]).code(6).says("its tables belong to mecapy");
    alice.run(&["db", "current"]).code(0);
    assert_eq!(cast.owner("SELECT count(*) FROM pg_class WHERE relrowsecurity"), "9");
}

#[test]
fn a_copy_of_an_isolated_database_is_put_back_with_its_protection() {
    let Some(cast) = Cast::new() else { return };
    let owner = Home::new().with("DATABASE_URL", &cast.database.url());
    owner.run(&["db", "backup", "all.sql.gz"]).code(0);
    cast.owner("DELETE FROM calculation_files; DELETE FROM calculation_runs; DELETE FROM calculations");
    owner.run(&["db", "restore", "all.sql.gz", "--yes"]).code(0);
    owner.run(&["db", "check"]).code(0);
    assert_eq!(home(&cast, "alice").run(&["calc", "ls", "--json"]).code(0).json_lines().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_on_one_host_run_side_by_side_and_look_after_their_own() {
    let Some(cast) = Cast::new() else { return };
    let machine = |name: &str| format!("database.url={}", cast.url(name));
    let (alice, bob) = (Machine::with(&[&machine("alice")]).await, Machine::with(&[&machine("bob")]).await);
    assert_eq!(alice.session.db.isolation(), Isolation::People);
    assert_eq!((alice.session.user.id.0, alice.session.user.identity.username.as_str()), (cast.id("alice"), "alice"));
    let (one, other) = (alice.calculation("print('of alice')").await, bob.calculation("print('of bob')").await);
    let run = alice.submit(one).await;
    bob.submit(other).await;
    alice.follow(one).await;
    bob.follow(other).await;
    assert_eq!((alice.log(one).await.as_str(), bob.log(other).await.as_str()), ("of alice\n", "of bob\n"));
    let unfinished = db::runs::unfinished_of_host(&bob.session.db, &runs::host_name()).await.unwrap();
    assert!(unfinished.iter().all(|record| record.user_id == bob.session.user.id), "{unfinished:?}");
    // What somebody else's program asks for does nothing, and says so.
    let outcome = Outcome {
        status: Status::Failed,
        error_kind: None,
        error_message: None,
        error_line: None,
        result_data: None,
        outputs: Vec::new(),
        notes: Vec::new(),
        exit_code: None,
        signal: None,
        usage: None,
    };
    let refused = db::runs::finish(&bob.session.db, run, &outcome, chrono::Utc::now().naive_utc()).await;
    assert!(matches!(refused, Err(DbError::NotFound { .. })), "{refused:?}");
    assert!(!db::runs::live::request_stop(&bob.session.db, bob.session.user.id, one, true).await.unwrap());
    assert!(!db::runs::live::request_stop(&bob.session.db, alice.session.user.id, one, true).await.unwrap());
    let (mine, user) = (one, bob.session.user.id);
    assert!(db::calculations::get(&bob.session.db, user, mine).await.unwrap().is_none());
    // Even where the program asks in another's name.
    let (query, first) = (CalculationQuery::default(), PageRequest::first(10));
    let theirs = db::calculations::page(&bob.session.db, alice.session.user.id, &query, &first);
    assert!(theirs.await.unwrap().rows.is_empty());
    alice.assert_nothing_left().await;
    bob.assert_nothing_left().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_somebody_who_is_switched_off_meanwhile_is_kept_and_recorded_later() {
    let Some(cast) = Cast::new() else { return };
    let machine = Machine::with(&[&format!("database.url={}", cast.url("alice"))]).await;
    let gate = machine.folder.path().join("gate");
    let program = machine.faulty(&format!("pause:final:{}", gate.display()));
    let id = machine.calculation("print('kept')").await;
    let run = machine.submit_with(id, &program).await;
    crate::runs::support::wait_for("the end", || gate.with_extension("reached").exists().then_some(())).await;
    cast.owner("UPDATE users SET is_active = false WHERE username = 'alice'");
    std::fs::write(&gate, "").unwrap();
    let state = machine.spool(run).join("state.json");
    let refused = || std::fs::read_to_string(&state).is_ok_and(|state| state.contains("switched off")).then_some(());
    crate::runs::support::wait_for("the refusal", refused).await;
    assert!(machine.spool(run).join("final.json").exists());
    cast.owner("UPDATE users SET is_active = true WHERE username = 'alice'");
    let began = Instant::now();
    while machine.spool(run).exists() {
        assert!(began.elapsed() < PATIENCE, "never delivered");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(machine.get(id).await.status, Status::Completed);
    assert_eq!(machine.log(id).await, "kept\n");
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn what_the_server_does_not_protect_is_said() {
    let Some(cast) = Cast::new() else { return };
    cast.owner("ALTER TABLE tools DISABLE ROW LEVEL SECURITY");
    let session = db::Db::open(&cast.url("alice")).await.unwrap();
    assert_eq!(session.isolation(), Isolation::None);
    assert!(session.notes()[0].contains("does not protect tools"), "{:?}", session.notes());
    session.close().await.unwrap();
    let doctor = home(&cast, "alice").run(&["doctor"]);
    assert!(doctor.out.contains("shared, no isolation"), "{}", doctor.out);
    let shared = crate::support::postgres::database().unwrap();
    assert_eq!(db::Db::open(&shared.url()).await.unwrap().isolation(), Isolation::None);
    assert_eq!(db::Db::open("sqlite::memory:").await.unwrap().isolation(), Isolation::Local);
}

#[test]
fn the_screen_says_what_keeps_people_apart_and_asks_once_where_nothing_does() {
    let Some(shared) = crate::support::postgres::database() else { return };
    let home = Home::new().with("DATABASE_URL", &shared.url());
    let mut pty = Pty::start(&home, 140, 24, &[]);
    pty.shows("Work without isolation?");
    pty.send("\x1b");
    assert_eq!(pty.code(), 0);
    let mut pty = Pty::start(&home, 140, 24, &[]);
    pty.shows("Work without isolation?");
    pty.send("\r");
    pty.wait("it goes", |screen| !screen.contents().contains("Work without isolation?"));
    pty.shows("shared, no isolation");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    let mut pty = Pty::start(&home, 140, 24, &[]);
    pty.shows("No calculations yet.");
    pty.shows("shared, no isolation");
    assert!(!pty.output().contains("Work without isolation?"));
    pty.send("q");
    assert_eq!(pty.code(), 0);
    home.run(&["calc", "ls"]).code(0).says("shared, no isolation");

    let Some(cast) = Cast::new() else { return };
    let home = self::home(&cast, "alice");
    let mut pty = Pty::start(&home, 140, 24, &[]);
    pty.shows("secret of alice");
    pty.shows("isolated");
    // What another program does for her is seen at once, what happens to others is not.
    cast.owner(&format!(
        "INSERT INTO calculations (user_id, name, code) VALUES ({}, 'Flange', 'pass')",
        cast.id("alice")
    ));
    pty.shows("Flange");
    assert!(!pty.output().contains("Work without isolation?") && !pty.output().contains("secret of bob"));
    pty.send("q");
    assert_eq!(pty.code(), 0);
}
