//! Runs that nothing goes wrong with, and those that their owner stops.

use super::support::{MECAPY, Machine, wait_for};
use futures_util::FutureExt as _;
use mecapy::{
    db,
    domain::{
        calculation::InputLink,
        file::FileRole,
        limits::Limits,
        run_state::{Phase, RunState},
        status::Status,
    },
    runs::{self, Cancel, Follow, Followed, RunOptions, SubmitError},
    storage,
};
use std::{fs, path::Path, time::Duration};

/// Prints, reports, writes an output and an artifact, and has a result.
const EVERYTHING: &str = r#"
import json, pathlib, sys
def calculate(d, mesh):
    print("hello")
    print("careful", file=sys.stderr)
    out = pathlib.Path("/workspace/out") if pathlib.Path("/workspace/out").exists() else mesh.parents[2] / "out"
    (out / "progress.jsonl").write_text('{"step": 1, "total": 2}\n')
    (out / "files").mkdir(exist_ok=True)
    (out / "artifacts").mkdir(exist_ok=True)
    (out / "files" / "table.csv").write_text("a,b\n1,2\n")
    (out / "artifacts" / "empty.txt").write_text("")
    return {"area": d * 2, "mesh": mesh.read_text()}
"#;

/// Whoever follows from the submission on may look before the supervisor does.
#[tokio::test]
async fn a_follower_that_was_there_first_sees_the_run_live() {
    let machine = Machine::new().await;
    let gate = machine.folder.path().join("gate");
    let slow = machine.faulty(&format!("pause:awake:{}", gate.display()));
    let id = machine.calculation("import time\ntime.sleep(1)\n").await;
    machine.submit_with(id, &slow).await;
    let mut follow = Follow::open(&machine.session, id).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let mut next = std::pin::pin!(follow.next());
        let followed = if let Some(followed) = next.as_mut().now_or_never() {
            followed
        } else {
            // All there is to see without a supervisor was seen.
            fs::write(&gate, "").unwrap();
            next.await
        };
        match followed.unwrap() {
            Some(followed) => seen.push(followed),
            None => break,
        }
    }
    let live = |followed: &Followed| matches!(followed, Followed::State(state) if state.phase == Phase::Running);
    assert!(seen.iter().any(live), "{seen:?}");
    assert!(matches!(seen.last(), Some(Followed::Ended(Status::Completed))), "{seen:?}");
}

#[tokio::test]
async fn a_run_ends_with_everything_it_made() {
    let machine = Machine::new().await;
    let mesh = machine.folder.path().join("mesh.csv");
    fs::write(&mesh, "1;2").unwrap();
    let session = &machine.session;
    let input = storage::upload(&session.store, &session.db, &session.user, &mesh, &[]).await.unwrap();
    let input = InputLink { file_id: input.file.id, file_role: FileRole::Input, alias: None };
    let limits = Limits { timeout: 60, memory_limit: 512, cpu_limit: 2.0 };
    let id = machine.calculation_with(EVERYTHING, r#"{"d": 21}"#, limits, vec![input]).await;
    machine.submit(id).await;
    let text = machine.follow(id).await;
    assert!(text.contains("hello\n") && text.contains("careful\n"), "{text}");

    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{:?}", row.error_message);
    let result: serde_json::Value = serde_json::from_str(&row.result_data.unwrap()).unwrap();
    assert_eq!(result, serde_json::json!({"area": 42, "mesh": "1;2"}));
    assert!(row.execution_time.unwrap() > 0.0 && row.memory_used.unwrap() > 0);
    assert!(row.started_at.unwrap() <= row.completed_at.unwrap());
    let record = machine.record(id).await;
    assert_eq!((record.engine.as_ref().map(ToString::to_string).as_deref(), record.limits), (Some("builtin"), limits));
    assert!(record.interpreter.unwrap().contains("python"));

    let mut files: Vec<_> = machine
        .files(id)
        .await
        .into_iter()
        .map(|linked| (linked.file_role.name().to_owned(), linked.file.filename))
        .collect();
    files.sort();
    let log = format!("calculation-{id}.log.gz");
    assert_eq!(
        files,
        [("artifact", "empty.txt"), ("input", "mesh.csv"), ("log", &log), ("output", "table.csv")]
            .map(|(role, name)| (role.to_owned(), name.to_owned()))
    );
    assert_eq!(machine.log(id).await, text, "the stored log is the one that was followed");
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn what_a_run_does_is_seen_while_it_does_it() {
    let machine = Machine::new().await;
    let code = r#"
import pathlib, time
out = pathlib.Path("/workspace/out") if pathlib.Path("/workspace/out").exists() else pathlib.Path(__file__).parents[1] / "out"
with open(out / "progress.jsonl", "w", buffering=1) as progress:
    progress.write('{"step": 1, "total": 4, "residual": 0.5}\nnot json\n')
    ballast = bytearray(64 << 20)
    print("partial", end="", flush=True)
    time.sleep(600)
"#;
    let id = machine.calculation(code).await;
    let run = machine.submit(id).await;
    let state = wait_for("progress and figures", || {
        machine
            .state(run)
            .filter(|state| state.progress.is_some() && state.usage.is_some_and(|usage| usage.memory > 64 << 20))
    })
    .await;
    assert_eq!((state.phase, state.status), (Phase::Running, Status::Running));
    let progress = state.progress.unwrap();
    assert_eq!((progress.fraction(), progress.metrics), (Some(0.25), vec![("residual".to_owned(), 0.5)]));
    assert!(state.isolation.is_some() && state.started_at.is_some());
    // A line that has not ended is there to be seen; one that reports nothing is told.
    let mut log = runs::open_log(&machine.session, id).await.unwrap().unwrap();
    wait_for("the lines", || {
        log.refresh().unwrap();
        let lines = log.lines(0, 10).unwrap();
        let text: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect();
        (text.iter().any(|line| line == "partial") && text.iter().any(|line| line.contains("skipped: not json")))
            .then_some(())
    })
    .await;
    runs::cancel(&machine.session, id).await.unwrap();
    machine.follow(id).await;
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn a_quiet_run_wakes_nobody() {
    let machine = Machine::new().await;
    let id = machine.calculation("import time\nprint('asleep', flush=True)\ntime.sleep(600)").await;
    let run = machine.submit(id).await;
    let log = machine.spool(run).join("log");
    wait_for("its sleep", || fs::read(&log).ok().filter(|log| log == b"asleep\n")).await;
    let state = wait_for("its figures", || machine.state(run).filter(|state| state.usage.is_some())).await;
    let mut watch = runs::Watch::open(&machine.spool(run)).unwrap();
    let mut events = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(4), async {
        while let Some(event) = watch.next().await {
            events.push(event);
        }
    })
    .await;
    // What it is at first. Then its figures where they really moved: a host may take memory back from what sleeps.
    let mut before = state;
    for event in &events {
        let state = match event {
            runs::Event::State(state) => state,
            runs::Event::Log(7) => continue,
            _ => panic!("{event:?}"),
        };
        let (was, is) = (before.usage.unwrap(), state.usage.unwrap());
        let moved = is.memory.abs_diff(was.memory) >= 2 << 20 || is.cpu_time - was.cpu_time >= 0.01;
        let printed = state.log_bytes != before.log_bytes;
        assert!(moved || printed || event == &events[0], "it changed while nothing happened: {events:#?}");
        before = RunState::clone(state);
    }
    runs::cancel(&machine.session, id).await.unwrap();
    machine.follow(id).await;
}

#[tokio::test]
async fn a_silent_run_has_no_log_file() {
    let machine = Machine::new().await;
    let id = machine.calculation("x = 1").await;
    machine.submit(id).await;
    assert_eq!(machine.follow(id).await, "");
    assert_eq!(machine.get(id).await.status, Status::Completed);
    assert!(machine.files(id).await.is_empty());
    assert!(runs::open_log(&machine.session, id).await.unwrap().is_none());
}

/// Parent, process group, session and terminal of a process (proc(5), `/proc/PID/stat`, fields 4 to 7).
fn stat(pid: &str) -> [i64; 4] {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<i64> =
        stat.rsplit_once(") ").unwrap().1.split(' ').skip(1).take(4).map(|field| field.parse().unwrap()).collect();
    fields.try_into().unwrap()
}

#[tokio::test]
async fn a_supervisor_is_on_its_own_and_inherits_nothing() {
    let machine = Machine::new().await;
    let id = machine.calculation("import time\nprint('up', flush=True)\ntime.sleep(600)").await;
    let lock = machine.folder.path().join("callers-lock");
    let program = machine.wrapper(&format!("exec 9>{}; flock -n 9 || exit 1; exec {MECAPY} \"$@\"", lock.display()));
    let run = machine.submit_with(id, &program).await;
    let pid = wait_for("the supervisor", || machine.supervisor(run)).await.as_raw_pid();
    wait_for("output", || fs::read(machine.spool(run).join("log")).ok().filter(|log| log == b"up\n")).await;

    let [parent, _group, session, terminal] = stat(&pid.to_string());
    // Not getsid(2) of rustix: it takes no session that is led from outside this process namespace (0).
    let [_, _, mine, _] = stat("self");
    assert_ne!(parent, i64::from(std::process::id()), "it is nobody's child");
    assert!(session != mine && session != i64::from(pid), "a session of its own, which it does not lead");
    assert_eq!(terminal, 0);
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    assert_eq!(fs::read_link(format!("/proc/{pid}/fd/0")).unwrap(), Path::new("/dev/null"));
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(!environment.contains("CARGO"), "{environment}");
    let free = std::process::Command::new("flock").arg("-n").arg(&lock).arg("true").status().unwrap();
    assert!(free.success(), "the caller's lock went with the caller");

    // A hang-up does not reach it, nor does it mind one.
    let supervisor = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::HUP).unwrap();
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
    machine.follow(id).await;
    assert_eq!(machine.get(id).await.status, Status::Cancelled);
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn what_a_cancelled_run_wrote_is_kept() {
    let machine = Machine::new().await;
    let code = r#"
import pathlib, time
out = pathlib.Path("/workspace/out") if pathlib.Path("/workspace/out").exists() else pathlib.Path(__file__).parents[1] / "out"
(out / "artifacts").mkdir(exist_ok=True)
(out / "artifacts" / "half.txt").write_text("half of it")
print("half of it", flush=True)
time.sleep(600)
"#;
    let id = machine.calculation(code).await;
    let run = machine.submit(id).await;
    wait_for("output", || fs::read(machine.spool(run).join("log")).ok().filter(|log| !log.is_empty())).await;
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
    machine.follow(id).await;
    assert_eq!(machine.get(id).await.status, Status::Cancelled);
    let names: Vec<_> = machine.files(id).await.into_iter().map(|linked| linked.file.filename).collect();
    assert!(names.contains(&"half.txt".to_owned()), "{names:?}");
    assert_eq!(machine.log(id).await, "half of it\n");
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::AlreadyOver(Status::Cancelled));
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn runs_wait_their_turn_in_order_and_say_why() {
    let machine = Machine::with(&["runs.max_per_user=1"]).await;
    let mut ids = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let id = machine.calculation("import time\ntime.sleep(0.3)").await;
        waiting.push(machine.submit(id).await);
        ids.push(id);
    }
    let reason = wait_for("a reason", || machine.state(waiting[1]).and_then(|state| state.waiting_reason)).await;
    assert!(reason.contains("running: waiting for #") || reason.contains("waiting for its turn"), "{reason}");
    // The last one does not want its turn any more.
    assert_eq!(machine.get(ids[3]).await.status, Status::Pending);
    assert_eq!(runs::cancel(&machine.session, ids[3]).await.unwrap(), Cancel::Cancelled);
    for id in &ids {
        machine.follow(*id).await;
    }
    let rows = [machine.get(ids[0]).await, machine.get(ids[1]).await, machine.get(ids[2]).await];
    for (before, after) in [(0, 1), (1, 2)] {
        assert_eq!(rows[after].status, Status::Completed);
        assert!(rows[after].started_at.unwrap() >= rows[before].completed_at.unwrap(), "one at a time, in order");
    }
    let last = machine.get(ids[3]).await;
    assert_eq!((last.status, last.started_at), (Status::Cancelled, None));
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn too_much_output_ends_the_run_and_says_how_much_is_missing() {
    let machine = Machine::with(&["caps.log_mib=1"]).await;
    let code = "import os\nfor _ in range(64):\n    os.write(1, b'x' * 65535 + b'\\n')\nprint('never seen')";
    let id = machine.calculation(code).await;
    machine.submit(id).await;
    let text = machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Failed);
    assert_eq!(
        machine.record(id).await.error_kind.as_ref().map(ToString::to_string).as_deref(),
        Some("output_limit"),
        "{:?}",
        row.error_message
    );
    assert!(text.ends_with(" of output not kept: the limit is 1.0 MiB]\n"), "{}", &text[text.len() - 100..]);
    assert!(text.len() < (1 << 20) + 1_000);
}

#[tokio::test]
async fn what_cannot_run_is_refused_and_changes_nothing() {
    let machine = Machine::new().await;
    let options = RunOptions { program: Some(MECAPY.into()), ..RunOptions::default() };
    let session = &machine.session;
    let mesh = machine.folder.path().join("mesh.csv");
    fs::write(&mesh, "1;2").unwrap();
    let file = storage::upload(&session.store, &session.db, &session.user, &mesh, &[]).await.unwrap().file;
    let input = InputLink { file_id: file.id, file_role: FileRole::Input, alias: Some("grid".into()) };
    let id = machine.calculation_with("x = 1", "{}", Limits::default(), vec![input]).await;
    session.store.remove(&file.s3_key).await.unwrap();
    let error = runs::submit(session, id, &options).await.unwrap_err();
    assert!(error.to_string().starts_with("input grid.csv: "), "{error}");

    let error = runs::submit(session, mecapy::domain::id::CalculationId(999), &options).await.unwrap_err();
    assert!(matches!(error, SubmitError::NotFound(_)), "{error}");
    assert!(matches!(runs::cancel(session, id).await, Err(runs::CancelError::NotStarted(_))));
    assert_eq!(machine.get(id).await.status, Status::Pending);
    assert!(db::runs::get(&session.db, session.user.id, id).await.unwrap().is_none(), "it is still a draft");

    let twice = machine.calculation("x = 1").await;
    machine.submit(twice).await;
    let error = runs::submit(session, twice, &options).await.unwrap_err();
    assert!(matches!(error, SubmitError::Db(db::DbError::Conflict(_))), "{error}");
    machine.follow(twice).await;
    machine.assert_nothing_left().await;
}
