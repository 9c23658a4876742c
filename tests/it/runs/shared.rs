//! Runs whose rows are on a server: what supervisors are told, what they leave, and a server that goes away.

use super::support::{MECAPY, Machine, PATIENCE, processes, wait_for};
use crate::support::postgres::{self, PASSWORD, Server};
use mecapy::{
    domain::status::Status,
    runs::{self, RunOptions},
};
use std::{fs, path::Path, time::Instant};

/// Every file below a folder that holds the text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn a_run_on_a_server_ends_with_everything_and_its_password_is_nowhere() {
    let Some(database) = postgres::database() else { return };
    let machine = Machine::with(&[&format!("database.url={}", database.url())]).await;
    let gate = machine.folder.path().join("gate");
    let program = machine.faulty(&format!("pause:started:{}", gate.display()));
    let id = machine.calculation("print('hello')\ndef calculate(): return {'x': 1}\n").await;
    let run = machine.submit_with(id, &program).await;
    wait_for("the start", || gate.with_extension("reached").exists().then_some(())).await;

    let supervisor = machine.supervisor(run).unwrap().as_raw_pid();
    for file in ["cmdline", "environ"] {
        let told = fs::read(format!("/proc/{supervisor}/{file}")).unwrap();
        assert!(!String::from_utf8_lossy(&told).contains(PASSWORD), "{file}");
    }
    assert!(!processes(&machine.folder.path().display().to_string()).iter().any(|line| line.contains(PASSWORD)));
    assert_eq!(files_with(machine.folder.path(), PASSWORD), Vec::<String>::new());
    fs::write(&gate, "").unwrap();

    assert!(machine.follow(id).await.contains("hello\n"));
    let row = machine.get(id).await;
    assert_eq!((row.status, row.result_data.as_deref()), (Status::Completed, Some("{\"x\": 1}")), "{row:?}");
    assert_eq!(machine.log(id).await, "hello\n");
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn a_supervisor_that_died_on_a_server_is_followed_by_another() {
    let Some(database) = postgres::database() else { return };
    let url = format!("database.url={}", database.url());
    for step in ["claimed", "final", "delivering"] {
        let machine = Machine::with(&[&url]).await;
        let id = machine.calculation("print('hello')").await;
        let run = machine.submit_with(id, &machine.faulty(&format!("kill:{step}"))).await;
        let pid = wait_for("the supervisor", || machine.supervisor(run)).await;
        wait_for("its death", || super::support::has_ended(pid.as_raw_pid()).then_some(())).await;
        let report = runs::reconcile_with(&machine.session, Some(Path::new(MECAPY))).await;
        assert!(report.left.is_empty(), "{step}: {report:?}");
        machine.follow(id).await;
        assert_eq!(machine.get(id).await.status, Status::Completed, "{step}");
        machine.assert_nothing_left().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_at_the_end_is_told_when_it_is_back() {
    let Some(server) = Server::start(&[]) else { return crate::support::skipped("PostgreSQL is not installed") };
    server.create_migrated("away");
    let machine = Machine::with(&[&format!("database.url={}", server.url("away"))]).await;
    let gate = machine.folder.path().join("gate");
    let program = machine.faulty(&format!("pause:final:{}", gate.display()));
    let id = machine.calculation("print('hello')").await;
    let options = RunOptions { program: Some(program), ..RunOptions::default() };
    let run = runs::submit(&machine.session, id, &options).await.unwrap();
    wait_for("the end", || gate.with_extension("reached").exists().then_some(())).await;
    server.stop();
    fs::write(&gate, "").unwrap();
    let state = machine.spool(run).join("state.json");
    let refused = || fs::read_to_string(&state).is_ok_and(|state| state.contains("not recorded yet")).then_some(());
    wait_for("the refusal", refused).await;
    assert!(machine.spool(run).join("final.json").exists());
    server.run();
    let began = Instant::now();
    while machine.spool(run).exists() {
        assert!(began.elapsed() < PATIENCE, "never delivered");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // The session's own connections broke; the first use of each finds that out.
    let row = loop {
        match mecapy::db::calculations::get(&machine.session.db, machine.session.user.id, id).await {
            Ok(row) => break row.unwrap(),
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
    };
    assert_eq!(row.status, Status::Completed);
    machine.assert_nothing_left().await;
}
