//! Deleting a calculation while the end of its run is still being told: nothing of it stays, whoever does the telling.

use super::support::{MECAPY, Machine, wait_for};
use mecapy::{
    db::{self, DbError},
    domain::{
        id::{CalculationId, FileId, RunId},
        status::Status,
    },
    runs::{self, DeleteError, Follow, FollowError},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// An output, a line and a result.
const CODE: &str = r#"
import json, os, pathlib
out = pathlib.Path("/workspace/out") if pathlib.Path("/workspace/out").exists() else pathlib.Path(__file__).parents[1] / "out"
os.write(1, b"one\n")
(out / "files").mkdir(exist_ok=True)
(out / "files" / "a.txt").write_text("a")
(out / "data.json").write_text('{"x": 1}')
"#;

/// Where a supervisor stands that knows how its run ended: nothing told, one object without its row, one file told,
/// everything told.
const STEPS: [&str; 4] = ["final", "stored", "delivering", "delivered"];

/// A run whose supervisor stands still at a step.
struct Paused {
    machine: Machine,
    id: CalculationId,
    run: RunId,
    gate: PathBuf,
}

impl Paused {
    async fn at(step: &str, code: &str) -> Self {
        let machine = Machine::new().await;
        let id = machine.calculation(code).await;
        let gate = machine.folder.path().join("gate");
        let run = machine.submit_with(id, &machine.faulty(&format!("pause:{step}:{}", gate.display()))).await;
        let reached = machine.folder.path().join("gate.reached");
        wait_for("the step", || reached.exists().then_some(())).await;
        Self { machine, id, run, gate }
    }

    fn go_on(&self) {
        fs::write(&self.gate, "").unwrap();
    }

    async fn assert_gone(&self, step: &str) {
        let (session, user) = (&self.machine.session, self.machine.session.user.id);
        self.machine.assert_nothing_left().await;
        assert!(db::calculations::get(&session.db, user, self.id).await.unwrap().is_none(), "{step}");
        assert!(db::runs::get(&session.db, user, self.id).await.unwrap().is_none(), "{step}");
        for file in 1..=4 {
            let row = db::files::get(&session.db, user, FileId(file)).await.unwrap();
            assert!(row.is_none(), "{step}: {row:?}");
        }
        let objects = objects(session.store.root());
        assert!(objects.is_empty(), "{step}: {objects:?}");
        let again = runs::reconcile_with(session, Some(Path::new(MECAPY))).await;
        assert!(again.is_empty(), "{step}: {again:?}");
    }
}

/// The files below a folder.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(objects(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test]
async fn a_run_that_is_over_is_deleted_while_its_end_is_told() {
    for step in STEPS {
        let paused = Paused::at(step, CODE).await;
        runs::delete(&paused.machine.session, paused.id).await.unwrap();
        paused.go_on();
        paused.assert_gone(step).await;
    }
}

#[tokio::test]
async fn the_same_where_the_supervisor_does_not_live_to_see_it() {
    for step in STEPS {
        let paused = Paused::at(step, CODE).await;
        runs::delete(&paused.machine.session, paused.id).await.unwrap();
        paused.machine.kill_supervisor(paused.run).await;
        let report = runs::reconcile(&paused.machine.session).await;
        assert!(report.left.is_empty(), "{step}: {report:?}");
        paused.assert_gone(step).await;
    }
}

#[tokio::test]
async fn the_same_where_the_supervisor_is_gone_already() {
    for step in STEPS {
        let paused = Paused::at(step, CODE).await;
        paused.machine.kill_supervisor(paused.run).await;
        runs::delete(&paused.machine.session, paused.id).await.unwrap();
        paused.assert_gone(step).await;
    }
}

#[tokio::test]
async fn a_run_that_goes_on_is_not_deleted_and_loses_nothing() {
    let paused = Paused::at("started", CODE).await;
    let error = runs::delete(&paused.machine.session, paused.id).await.unwrap_err();
    assert!(matches!(&error, DeleteError::Db(DbError::Conflict(words)) if words.contains("stop it")), "{error}");
    paused.go_on();
    paused.machine.follow(paused.id).await;
    let row = paused.machine.get(paused.id).await;
    assert_eq!((row.status, row.result_data.as_deref()), (Status::Completed, Some("{\"x\": 1}")));
    assert_eq!(paused.machine.files(paused.id).await.len(), 2);
}

#[tokio::test]
async fn code_whose_row_another_program_ended_is_ended_with_its_deletion() {
    let paused = Paused::at("started", &format!("{CODE}\nimport time\ntime.sleep(600)")).await;
    let (session, user) = (&paused.machine.session, paused.machine.session.user.id);
    // As another program of the platform does it: it knows no runs.
    let end = mecapy::domain::run::Outcome {
        status: Status::Cancelled,
        error_kind: None,
        error_message: None,
        error_line: None,
        result_data: None,
        outputs: vec![],
        notes: vec![],
        exit_code: None,
        signal: None,
        usage: None,
    };
    db::runs::finish(&session.db, paused.run, &end, chrono::Utc::now().naive_utc()).await.unwrap();
    assert_eq!(db::runs::get(&session.db, user, paused.id).await.unwrap().unwrap().status, Status::Cancelled);
    runs::delete(session, paused.id).await.unwrap();
    paused.go_on();
    paused.assert_gone("started").await;
}

#[tokio::test]
async fn who_follows_is_told_that_it_was_deleted() {
    let paused = Paused::at("delivering", CODE).await;
    let mut follow = Follow::open(&paused.machine.session, paused.id).await.unwrap();
    runs::delete(&paused.machine.session, paused.id).await.unwrap();
    paused.go_on();
    let error = loop {
        match follow.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if nothing had been deleted"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, FollowError::Deleted(id) if *id == paused.id), "{error}");
}
