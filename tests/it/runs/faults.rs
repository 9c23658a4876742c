//! Supervisors that die at each step, disks that fill, databases that are busy: the run is never lost.

use super::support::{MECAPY, Machine, PATIENCE, has_ended, session, wait_for};
use mecapy::{
    db,
    domain::{
        id::{CalculationId, RunId},
        run_state::RunState,
        status::Status,
    },
    runs::{self, Cancel, Report},
};
use std::{fs, path::Path, process::Command};

/// Two lines, an output and a result, in that order.
const CODE: &str = r#"
import json, os, pathlib
out = pathlib.Path("/workspace/out") if pathlib.Path("/workspace/out").exists() else pathlib.Path(__file__).parents[1] / "out"
os.write(1, b"one\ntwo\n")
(out / "files").mkdir(exist_ok=True)
(out / "files" / "a.txt").write_text("a")
(out / "data.json").write_text('{"x": 1}')
"#;

/// Submits with a supervisor that kills itself at `step`, waits for that, and lets a start of mecapy find it.
async fn killed_at(machine: &Machine, step: &str, code: &str) -> (CalculationId, Report) {
    let id = machine.calculation(code).await;
    let run = machine.submit_with(id, &machine.faulty(&format!("kill:{step}"))).await;
    let pid = wait_for("the supervisor", || machine.supervisor(run)).await;
    wait_for("its death", || has_ended(pid.as_raw_pid()).then_some(())).await;
    assert!(machine.spool(run).is_dir(), "{step}: the spool stays");
    assert_ne!(machine.get(id).await.status, Status::Failed);
    let report = runs::reconcile_with(&machine.session, Some(Path::new(MECAPY))).await;
    assert!(report.left.is_empty(), "{step}: {report:?}");
    (id, report)
}

async fn assert_complete(machine: &Machine, id: CalculationId, step: &str) {
    machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!((row.status, row.result_data.as_deref()), (Status::Completed, Some("{\"x\": 1}")), "{step}");
    assert_eq!(machine.log(id).await, "one\ntwo\n", "{step}");
    let files: Vec<_> = machine.files(id).await.into_iter().map(|linked| linked.file.filename).collect();
    assert_eq!(files.len(), 2, "{step}: each file once: {files:?}");
    let again = runs::reconcile_with(&machine.session, Some(Path::new(MECAPY))).await;
    assert!(again.is_empty(), "{step}: {again:?}");
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn killed_before_the_code_began_it_begins_again() {
    for step in ["waiting", "claimed"] {
        let machine = Machine::new().await;
        let (id, report) = killed_at(&machine, step, CODE).await;
        assert_eq!(report.restarted, [id], "{step}");
        assert_complete(&machine, id, step).await;
    }
}

#[tokio::test]
async fn killed_after_the_end_the_end_stands() {
    for (step, recovered) in [("ended", true), ("final", false), ("delivering", false), ("delivered", false)] {
        let machine = Machine::new().await;
        let (id, report) = killed_at(&machine, step, CODE).await;
        let (found, other) =
            if recovered { (&report.recovered, &report.delivered) } else { (&report.delivered, &report.recovered) };
        assert_eq!((found.as_slice(), other.as_slice()), (&[id][..], &[][..]), "{step}");
        assert_complete(&machine, id, step).await;
    }
}

#[tokio::test]
async fn killed_while_the_code_runs_it_is_ended_collected_and_said() {
    let machine = Machine::new().await;
    let code = format!("{CODE}\nprint('up', flush=True)\nimport time\ntime.sleep(600)");
    let id = machine.calculation(&code).await;
    let run = machine.submit(id).await;
    wait_for("output", || fs::read_to_string(machine.spool(run).join("log")).ok().filter(|log| log.contains("up")))
        .await;
    machine.kill_supervisor(run).await;
    let report = runs::reconcile(&machine.session).await;
    assert_eq!(report.recovered, [id]);
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Failed);
    assert_eq!(machine.record(id).await.error_kind.as_ref().map(ToString::to_string).as_deref(), Some("engine"));
    assert!(row.error_message.unwrap().contains("supervised this run ended"));
    let log = machine.log(id).await;
    assert!(log.starts_with("one\ntwo\nup\n[mecapy: ") && log.lines().count() == 4, "{log}");
    let files: Vec<_> = machine.files(id).await.into_iter().map(|linked| linked.file.filename).collect();
    assert!(files.contains(&"a.txt".to_owned()), "{files:?}");
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn killed_at_the_very_start_of_the_code_nothing_goes_on() {
    let machine = Machine::with(&["caps.grace=1"]).await;
    let (id, report) = killed_at(&machine, "started", "import time\ntime.sleep(600)").await;
    assert_eq!(report.recovered, [id]);
    assert_eq!(machine.get(id).await.status, Status::Failed);
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn a_run_without_a_supervisor_is_cancelled_all_the_same() {
    let machine = Machine::new().await;
    let id = machine.calculation("import time\nprint('up', flush=True)\ntime.sleep(600)").await;
    let run = machine.submit(id).await;
    wait_for("output", || fs::read(machine.spool(run).join("log")).ok().filter(|log| !log.is_empty())).await;
    machine.kill_supervisor(run).await;
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
    assert_eq!(machine.get(id).await.status, Status::Cancelled);
    assert!(machine.log(id).await.starts_with("up\n"));
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn a_follower_sees_to_a_run_whose_supervisor_dies() {
    let machine = Machine::new().await;
    let id = machine.calculation("import time\nprint('up', flush=True)\ntime.sleep(600)").await;
    let run = machine.submit(id).await;
    let kill = async {
        wait_for("output", || fs::read(machine.spool(run).join("log")).ok().filter(|log| !log.is_empty())).await;
        machine.kill_supervisor(run).await;
    };
    let (text, ()) = tokio::join!(machine.follow(id), kill);
    assert!(text.starts_with("up\n[mecapy: "), "{text}");
    assert_eq!(machine.get(id).await.status, Status::Failed);
}

#[tokio::test]
async fn a_supervisor_that_is_told_to_end_keeps_what_there_is() {
    let machine = Machine::with(&["runs.max_per_user=1"]).await;
    let id = machine.calculation(&format!("{CODE}\nimport time\ntime.sleep(600)")).await;
    let run = machine.submit(id).await;
    wait_for("output", || fs::read(machine.spool(run).join("log")).ok().filter(|log| log == b"one\ntwo\n")).await;
    let waiting = machine.calculation(CODE).await;
    let waiting_run = machine.submit(waiting).await;
    for run in [waiting_run, run] {
        let pid = wait_for("the supervisor", || machine.supervisor(run)).await;
        wait_for("its state", || machine.state(run)).await;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        wait_for("its end", || has_ended(pid.as_raw_pid()).then_some(())).await;
    }
    let row = machine.get(id).await;
    assert_eq!(
        (row.status, machine.record(id).await.error_kind.as_ref().map(ToString::to_string).as_deref()),
        (Status::Failed, Some("engine"))
    );
    assert!(row.error_message.unwrap().contains("told to end"));
    assert_eq!(machine.log(id).await, "one\ntwo\n");
    assert_eq!(machine.get(waiting).await.status, Status::Pending, "queued stays queued");
    let report = runs::reconcile_with(&machine.session, Some(Path::new(MECAPY))).await;
    assert_eq!(report.restarted, [waiting]);
    assert_complete(&machine, waiting, "after SIGTERM").await;
}

#[tokio::test]
async fn a_spool_that_somebody_removed_keeps_no_supervisor() {
    let machine = Machine::new().await;
    let id = machine.calculation(&format!("{CODE}\nimport time\ntime.sleep(1)")).await;
    let run = machine.submit(id).await;
    wait_for("output", || fs::read(machine.spool(run).join("log")).ok().filter(|log| log == b"one\ntwo\n")).await;
    let pid = machine.supervisor(run).unwrap();
    fs::remove_dir_all(machine.spool(run)).unwrap();
    wait_for("its end", || has_ended(pid.as_raw_pid()).then_some(())).await;
}

#[tokio::test]
async fn many_starts_at_once_deliver_a_run_once() {
    let machine = Machine::new().await;
    let id = machine.calculation(CODE).await;
    let run = machine.submit_with(id, &machine.faulty("kill:final")).await;
    let pid = wait_for("the supervisor", || machine.supervisor(run)).await;
    wait_for("its death", || has_ended(pid.as_raw_pid()).then_some(())).await;
    let start = || runs::reconcile_with(&machine.session, Some(Path::new(MECAPY)));
    let reports = tokio::join!(start(), start(), start(), start());
    let reports = [reports.0, reports.1, reports.2, reports.3];
    assert_eq!(reports.iter().map(|report| report.delivered.len()).sum::<usize>(), 1, "{reports:?}");
    assert!(reports.iter().all(|report| report.left.is_empty()), "{reports:?}");
    assert_complete(&machine, id, "many starts").await;
}

#[tokio::test]
async fn the_runs_of_other_hosts_are_left_alone() {
    let machine = Machine::new().await;
    let id = machine.calculation("x = 1").await;
    let run = machine.submit_with(id, &machine.faulty("kill:waiting")).await;
    let pid = wait_for("the supervisor", || machine.supervisor(run)).await;
    wait_for("its death", || has_ended(pid.as_raw_pid()).then_some(())).await;
    let path = machine.spool(run).join("request.json");
    let mut request: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    request["host"] = "elsewhere".into();
    fs::write(&path, serde_json::to_vec(&request).unwrap()).unwrap();
    assert!(runs::reconcile(&machine.session).await.is_empty());
    assert_eq!(machine.get(id).await.status, Status::Pending);
    // A spool of a newer program is left alone too, and said.
    fs::write(machine.spool(run).join("format"), "2\n").unwrap();
    let report = runs::reconcile(&machine.session).await;
    assert!(report.left.len() == 1 && report.left[0].contains("newer mecapy"), "{report:?}");
}

#[tokio::test]
async fn a_submission_that_was_interrupted_leaves_a_draft() {
    let machine = Machine::new().await;
    let id = machine.calculation("x = 1").await;
    let run = machine.submit_with(id, &machine.faulty("kill:waiting")).await;
    let pid = wait_for("the supervisor", || machine.supervisor(run)).await;
    wait_for("its death", || has_ended(pid.as_raw_pid()).then_some(())).await;
    // As if the spool had been written and the row not: another database does not know it.
    let other = tempfile::tempdir().unwrap();
    let path = machine.spool(run).join("request.json");
    let mut request: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    session(other.path(), &[]).await.db.close().await.unwrap();
    request["database"] = other.path().join("data/mecapy.db").to_str().unwrap().into();
    fs::write(&path, serde_json::to_vec(&request).unwrap()).unwrap();
    let report = runs::reconcile(&machine.session).await;
    assert!(!machine.spool(run).exists(), "the orphan is swept away");
    assert!(
        report.left.iter().any(|left| left.contains("calc cancel")),
        "and the row without a spool told: {report:?}"
    );
    assert_eq!(machine.get(id).await.status, Status::Pending);
}

#[tokio::test]
async fn a_database_that_is_gone_loses_no_result() {
    let machine = Machine::new().await;
    let id = machine.calculation(&format!("import time\ntime.sleep(0.5)\n{CODE}")).await;
    let run = machine.submit_with(id, &machine.faulty("kill:final")).await;
    let pid = wait_for("the supervisor", || machine.supervisor(run)).await;
    wait_for("its death", || has_ended(pid.as_raw_pid()).then_some(())).await;
    let data = &machine.session.config.paths.data;
    machine.session.db.close().await.unwrap();
    let (there, away) = (data.join("mecapy.db"), data.join("away.db"));
    fs::rename(&there, &away).unwrap();
    // Whoever starts now has a new, empty database, and must not take that for the run's.
    let stranger = session(machine.folder.path(), &[]).await;
    let report = runs::reconcile(&stranger).await;
    assert!(report.left.len() == 1 && report.left[0].contains("does not know this run"), "{report:?}");
    assert!(machine.spool(run).is_dir());
    stranger.db.close().await.unwrap();
    fs::rename(&away, &there).unwrap();
    let again = Machine { session: session(machine.folder.path(), &[]).await, folder: machine.folder };
    assert_eq!(runs::reconcile(&again.session).await.delivered, [id]);
    assert_complete(&again, id, "database back").await;
}

/// A file system of `size` on `folder`, gone with the value.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder).output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(Self(folder));
        }
        assert!(std::env::var_os("MECAPY_REQUIRE_SERVICES").is_none(), "a small disk cannot be mounted; run as root");
        None
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_under_the_spool_is_said_and_the_run_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let Some(_disk) = SmallDisk::mount(&state, "72m") else {
        return crate::support::skipped("mounting a tmpfs needs root");
    };
    let machine = Machine { session: session(folder.path(), &[]).await, folder };
    let code = r#"
import os
line = b"x" * 1023 + b"\n"
for _ in range(80 * 1024):
    os.write(1, line)
"#;
    let id = machine.calculation(code).await;
    machine.submit(id).await;
    machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{:?}", row.error_message);
    let notes = machine.record(id).await.notes;
    assert!(notes.iter().any(|note| note.contains("bytes of the log were lost")), "{notes:?}");
    machine.assert_nothing_left().await;

    let full = machine.session.config.paths.spool().join("ballast");
    fs::write(&full, vec![0; 60 << 20]).unwrap();
    let id = machine.calculation("x = 1").await;
    let error = runs::submit(&machine.session, id, &runs::RunOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("a run needs 64 MiB"), "{error}");
    assert_eq!(machine.get(id).await.status, Status::Pending);
}

/// A machine whose store, on a small disk, is full by a file `ballast` beside the objects.
async fn with_a_full_store(objects: &Path, folder: tempfile::TempDir) -> Machine {
    let path = format!("storage.path={}", objects.display());
    let machine = Machine { session: session(folder.path(), &[&path]).await, folder };
    // As much as fits.
    let _ = fs::write(objects.join("ballast"), vec![0; 2 << 20]);
    machine
}

/// Why a run that is over is not recorded yet.
async fn trouble(machine: &Machine, run: RunId) -> String {
    wait_for("the trouble", || machine.state(run).filter(RunState::is_over).and_then(|state| state.waiting_reason))
        .await
}

#[tokio::test]
async fn a_full_store_keeps_the_run_in_its_spool_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("small");
    let Some(_disk) = SmallDisk::mount(&objects, "1m") else {
        return crate::support::skipped("mounting a tmpfs needs root");
    };
    let machine = with_a_full_store(&objects, folder).await;
    let id = machine.calculation(CODE).await;
    let run = machine.submit(id).await;
    let reason = trouble(&machine, run).await;
    assert!(reason.starts_with("not recorded yet: no space is left in the store "), "{reason}");
    assert!(machine.spool(run).is_dir());
    // The supervisor may give up, or be killed: any later start delivers.
    machine.kill_supervisor(run).await;
    assert_eq!(runs::reconcile(&machine.session).await.left.len(), 1);
    fs::remove_file(objects.join("ballast")).unwrap();
    assert_eq!(runs::reconcile(&machine.session).await.delivered, [id]);
    assert_complete(&machine, id, "room again").await;
}

#[tokio::test]
async fn parts_of_interrupted_uploads_are_swept_once_a_day() {
    let machine = Machine::new().await;
    let root =
        machine.session.store.root().join("users").join(&machine.session.user.identity.keycloak_id).join("files");
    let part = |name: &str| {
        let part = root.join(uuid::Uuid::new_v4().to_string()).join(name);
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::write(&part, "part").unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * mecapy::storage::ABANDONED;
        fs::File::open(&part).unwrap().set_modified(long_ago).unwrap();
        part
    };
    for swept in [true, false] {
        let part = part("mesh.csv#1");
        let id = machine.calculation(CODE).await;
        machine.submit(id).await;
        assert_complete(&machine, id, "swept").await;
        if swept {
            // By the supervisor, after everything that somebody waits for.
            wait_for("the sweep", || (!part.exists()).then_some(())).await;
        } else {
            assert!(part.exists(), "not again on the same day");
        }
    }
}

#[tokio::test]
async fn what_a_full_store_refuses_is_deleted_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("small");
    let Some(_disk) = SmallDisk::mount(&objects, "1m") else {
        return crate::support::skipped("mounting a tmpfs needs root");
    };
    let machine = with_a_full_store(&objects, folder).await;
    let id = machine.calculation(CODE).await;
    let run = machine.submit(id).await;
    trouble(&machine, run).await;
    runs::delete(&machine.session, id).await.unwrap();
    // The supervisor pauses for longer and longer between its tries, but not once it is told.
    machine.assert_nothing_left().await;
    assert!(db::calculations::get(&machine.session.db, machine.session.user.id, id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_database_that_is_busy_is_waited_for() {
    let machine = Machine::new().await;
    let id = machine.calculation(CODE).await;
    // Somebody else writes for longer than one try waits.
    let file = machine.session.config.paths.data.join("mecapy.db");
    let ready = machine.folder.path().join("locked");
    let script = format!(
        "import sqlite3, sys, pathlib\nc = sqlite3.connect({file:?}, isolation_level=None)\nc.execute('BEGIN IMMEDIATE')\n\
         pathlib.Path({ready:?}).touch()\nsys.stdin.read()"
    );
    let run = machine.submit_with(id, &machine.faulty("none")).await;
    let mut writer = Command::new("python3").arg("-c").arg(script).stdin(std::process::Stdio::piped()).spawn().unwrap();
    wait_for("the lock", || ready.exists().then_some(())).await;
    let waited = wait_for("the trouble", || match machine.state(run) {
        None => Some(None),
        Some(state) => state.waiting_reason.filter(|reason| reason.contains("locked")).map(Some),
    });
    let _ = tokio::time::timeout(PATIENCE / 4, waited).await;
    drop(writer.stdin.take());
    writer.wait().unwrap();
    assert_complete(&machine, id, "busy").await;
    assert!(
        db::runs::get(&machine.session.db, machine.session.user.id, id).await.unwrap().unwrap().completed_at.is_some()
    );
}
