//! Whole runs in real containers.

pub use crate::runs::support;
use crate::support::docker::Engine;
use mecapy::domain::{limits::Limits, status::Status};
use std::collections::BTreeSet;
use support::Machine;

/// A machine whose runs go to this engine.
pub async fn machine(engine: &Engine, image: &str, set: &[&str]) -> Machine {
    let (host, image) = (format!("docker.host={}", engine.host()), format!("sandbox.image={image}"));
    let all: Vec<&str> =
        ["sandbox.engine=docker", host.as_str(), image.as_str()].into_iter().chain(set.iter().copied()).collect();
    Machine::with(&all).await
}

/// Containers of mecapy, and volumes, of an engine.
pub fn things(engine: &Engine) -> BTreeSet<String> {
    use bollard::query_parameters::{ListContainersOptionsBuilder, ListVolumesOptions};
    crate::support::docker::block_on(async {
        let client = engine.client();
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let began = std::time::Instant::now();
        let containers = loop {
            match client.list_containers(Some(options.clone())).await {
                // Podman's `stopped`, which passes.
                Err(bollard::errors::Error::JsonDataError { .. }) if began.elapsed() < support::PATIENCE => {}
                answer => break answer.expect("the engine answers"),
            }
        };
        let names = containers.into_iter().flat_map(|container| container.names.unwrap_or_default());
        let volumes = client.list_volumes(None::<ListVolumesOptions>).await.expect("the engine answers");
        let volumes = volumes.volumes.unwrap_or_default().into_iter();
        // Unnamed ones tell by their label whose they are.
        let volumes = volumes.map(|volume| format!("volume {} {:?}", volume.name, volume.labels.get("io.mecapy.run")));
        names.map(|name| format!("container {name}")).chain(volumes).collect()
    })
}

/// Fails where anything of these runs stays in the engine. A container goes just after the end was recorded.
pub fn assert_gone(engine: &Engine, runs: &[mecapy::domain::id::RunId]) {
    let began = std::time::Instant::now();
    loop {
        let left: Vec<_> =
            things(engine).into_iter().filter(|name| runs.iter().any(|run| name.contains(&run.to_string()))).collect();
        if left.is_empty() {
            return;
        }
        assert!(began.elapsed() < support::PATIENCE, "left behind: {left:?}");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

const EVERYTHING: &str = r#"
import json, sys, os
print("to stdout")
print("to stderr", file=sys.stderr)
os.write(1, bytes(range(256)) + b"\n")
with open("/workspace/out/progress.jsonl", "w") as f:
    f.write('{"step": 3, "total": 4, "residual": 0.5}\n')
with open("/workspace/out/files/a.csv", "w") as f:
    f.write("1,2\n")
with open("note.txt", "w") as f:
    f.write("an artifact")
def calculate(x=1):
    return {"twice": 2 * x, "uid": os.getuid(), "threads": os.environ["OMP_NUM_THREADS"]}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_a_container_ends_with_everything_it_made() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let limits = Limits { timeout: 60, memory_limit: 256, cpu_limit: 1.0 };
    let id = machine.calculation_with(EVERYTHING, r#"{"x": 21}"#, limits, vec![]).await;
    let run = machine.submit(id).await;
    let text = machine.follow(id).await;
    let row = machine.get(id).await;
    let record = machine.record(id).await;
    assert_eq!(row.status, Status::Completed, "{:?} {text}", row.error_message);
    assert_eq!(row.result_data.as_deref(), Some(r#"{"twice": 42, "uid": 65534, "threads": "1"}"#));
    assert!(text.contains("to stdout\n") && text.contains("to stderr\n"), "{text}");
    assert_eq!(record.engine.as_ref().map(ToString::to_string).as_deref(), Some("docker"));
    assert!(record.level.as_deref().unwrap().starts_with("Docker "), "{record:?}");
    assert!(record.image_digest.as_deref().unwrap().contains("sha256:"), "{record:?}");
    assert_eq!(record.container_id, Some(format!("mecapy-{run}")));
    assert!(
        record.accounting.as_ref().map(ToString::to_string).as_deref().unwrap().starts_with("cgroup_v"),
        "{record:?}"
    );
    assert!(
        row.memory_used.unwrap() >= 5 && row.cpu_time.unwrap() > 0.0 && row.execution_time.unwrap() > 0.0,
        "{row:?}"
    );
    let files: BTreeSet<_> = machine.files(id).await.into_iter().map(|linked| linked.file.filename).collect();
    assert!(files.contains("a.csv") && files.contains("note.txt"), "{files:?}");
    machine.assert_nothing_left().await;
    assert_gone(engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_a_command_of_its_own_runs_it_and_python_code_is_refused_there() {
    use mecapy::{
        db,
        domain::{calculation::NewCalculation, tool::NewTool},
    };
    let Some(engine) = Engine::shared() else { return };
    let image = engine.bash().to_owned();
    let machine = machine(engine, &image, &[]).await;
    let session = &machine.session;
    let tool = NewTool {
        name: "length".into(),
        display_name: "Length".into(),
        description: "Of its parameters".into(),
        version: "1".into(),
        code_template: String::new(),
        docker_image: image.clone(),
        limits: Limits::default(),
        changelog: None,
    };
    let tool = db::tools::publish(&session.db, session.user.id, &tool).await.unwrap();
    let new = NewCalculation::from_tool(&tool, "own command", Some(r#"{"a": 1}"#.into()));
    let id = db::calculations::create(&session.db, session.user.id, &new).await.unwrap();
    let run = machine.submit(id).await;
    let text = machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{:?} {text}", row.error_message);
    assert!(row.result_data.as_deref().is_some_and(|result| result.starts_with('{')), "{row:?}");
    let failing = NewCalculation::from_tool(&tool, "fails", Some(r#"{"exit": 7}"#.into()));
    let failing = db::calculations::create(&session.db, session.user.id, &failing).await.unwrap();
    let second = machine.submit(failing).await;
    machine.follow(failing).await;
    assert!(machine.get(failing).await.error_message.unwrap().starts_with("exited with code 7"));

    // The same image cannot run Python, which is said before there is a run.
    let python = machine.calculation("print(1)").await;
    let options =
        mecapy::runs::RunOptions { image: Some(image), program: Some(support::MECAPY.into()), ..Default::default() };
    let refused = mecapy::runs::submit(session, python, &options).await.unwrap_err().to_string();
    assert!(refused.contains("has no python3"), "{refused}");
    assert_eq!(machine.get(python).await.status, Status::Pending);
    assert!(db::runs::get(&session.db, session.user.id, python).await.unwrap().is_none());
    machine.assert_nothing_left().await;
    assert_gone(engine, &[run, second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_has_two_stages_and_tells_when_the_second_comes() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["caps.grace=2"]).await;
    let deaf = r#"
import signal, time
def told(*_):
    with open("/workspace/out/artifacts/told", "w") as f: f.write("SIGTERM came")
signal.signal(signal.SIGTERM, told)
print("up", flush=True)
while True: time.sleep(1)
"#;
    let id = machine.calculation(deaf).await;
    let run = machine.submit(id).await;
    let log = machine.spool(run).join("log");
    support::wait_for("output", || std::fs::read_to_string(&log).ok().filter(|log| log.contains("up"))).await;
    assert_eq!(mecapy::runs::cancel(&machine.session, id).await.unwrap(), mecapy::runs::Cancel::Asked);
    let state = support::wait_for("the stop", || machine.state(run).filter(|state| state.killed_at.is_some())).await;
    let left = state.killed_at.unwrap() - chrono::Utc::now().naive_utc();
    assert!(left.num_milliseconds() <= 2_000, "{left}");
    machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Cancelled);
    let files: Vec<_> = machine.files(id).await.into_iter().map(|linked| linked.file.filename).collect();
    assert!(files.contains(&"told".to_owned()), "what was written before stays: {files:?}");
    machine.assert_nothing_left().await;
    assert_gone(engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_requires_a_container_gets_no_other_walls() {
    use mecapy::{config, runs::RunOptions};
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let code = "#!/usr/bin/env python3\n# mecapy: requires docker\nprint('walls')\n";
    let there = machine(engine, image, &["sandbox.engine=auto"]).await;
    let id = there.calculation(code).await;
    let run = there.submit(id).await;
    assert_eq!(there.follow(id).await, "walls\n");
    assert_eq!(there.record(id).await.engine.as_ref().map(ToString::to_string).as_deref(), Some("docker"));
    assert_gone(engine, &[run]);

    let nowhere = ["docker.host=unix:///nowhere/engine.sock", "sandbox.engine=auto"];
    let absent = Machine::with(&nowhere).await;
    let refused = async |machine: &Machine, options: RunOptions| {
        let id = machine.calculation(code).await;
        let error = mecapy::runs::submit(&machine.session, id, &options).await.unwrap_err().to_string();
        assert!(error.contains("only a container will do (# mecapy: requires docker)"), "{error}");
        assert_eq!(machine.get(id).await.status, Status::Pending);
        error
    };
    let builtin = || RunOptions { engine: Some(config::Engine::Builtin), ..RunOptions::default() };
    let words = refused(&absent, RunOptions::default()).await;
    assert!(words.contains("/nowhere/engine.sock"), "{words}");
    // Nobody's word changes it: not the person's, not the settings'.
    assert!(refused(&there, builtin()).await.contains("the built-in sandbox was asked for"));
    assert!(refused(&Machine::new().await, RunOptions::default()).await.contains("sandbox.engine is builtin"));
    // The same code without that line runs there.
    let plain = absent.calculation(&code.replace("requires", "likes")).await;
    absent.submit(plain).await;
    absent.follow(plain).await;
    assert_eq!(absent.record(plain).await.engine.as_ref().map(ToString::to_string).as_deref(), Some("builtin"));
    let typo = there.calculation("# mecapy: requires dokcer\nprint(1)").await;
    let error = mecapy::runs::submit(&there.session, typo, &builtin()).await.unwrap_err().to_string();
    assert!(error.contains("requires dokcer") && error.contains("not known"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_megabytes_of_output_lose_nothing() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let code = "import os\nfor i in range(300):\n    os.write(1, b''.join(b'%9d\\n' % (i * 10000 + j) for j in range(10000)))\n";
    let limits = Limits { timeout: 120, memory_limit: 256, cpu_limit: 2.0 };
    let id = machine.calculation_with(code, "{}", limits, vec![]).await;
    let run = machine.submit(id).await;
    machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{row:?}");
    let mut log = mecapy::runs::open_log(&machine.session, id).await.unwrap().unwrap();
    assert_eq!(log.len(), 3_000_000);
    for number in [0, 1_234_567, 2_999_999] {
        let line = log.lines(number, 1).unwrap().remove(0);
        assert_eq!(String::from_utf8(line.bytes).unwrap(), format!("{number:9}"));
    }
    assert_gone(engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_output_stops_the_run() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["caps.log_mib=1"]).await;
    let id = machine.calculation("while True: print('x' * 1000)").await;
    let run = machine.submit(id).await;
    machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Failed);
    assert_eq!(machine.record(id).await.error_kind.as_ref().map(ToString::to_string).as_deref(), Some("output_limit"));
    assert_gone(engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_figures_are_seen_while_it_runs() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let code = "import json, time\nheld = bytearray(50 << 20)\nwith open('/workspace/out/progress.jsonl', 'w') as f:\n  \
                for i in range(600):\n    f.write(json.dumps({'step': i, 'total': 600, 'residual': 0.1}) + '\\n'); f.flush(); time.sleep(0.1)\n";
    let id = machine.calculation(code).await;
    let run = machine.submit(id).await;
    let seen = support::wait_for("progress and figures", || {
        let state = machine.state(run)?;
        let progress = state.progress.as_ref()?.step? > 2.0;
        (progress && state.usage?.memory > 50 << 20).then_some(state)
    })
    .await;
    assert_eq!(seen.progress.unwrap().metrics, [("residual".to_owned(), 0.1)]);
    assert!(seen.usage.unwrap().memory < 200 << 20, "{:?}", seen.usage);
    mecapy::runs::cancel(&machine.session, id).await.unwrap();
    machine.follow(id).await;
    assert_gone(engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_supervisor_is_killed_goes_on_and_is_recorded_whole() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let code = "import time\nfor i in range(30):\n    print('line', i, flush=True)\n    time.sleep(0.1)\n\
                def calculate(): return {'done': True}\n";
    let id = machine.calculation(code).await;
    let run = machine.submit(id).await;
    let log = machine.spool(run).join("log");
    support::wait_for("output", || std::fs::read_to_string(&log).ok().filter(|log| log.contains("line 3"))).await;
    machine.kill_supervisor(run).await;
    let program = std::path::Path::new(support::MECAPY);
    let report = mecapy::runs::reconcile_with(&machine.session, Some(program)).await;
    assert_eq!(report.adopted, [id], "{report:?}");
    machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!((row.status, row.result_data.as_deref()), (Status::Completed, Some(r#"{"done": true}"#)), "{row:?}");
    let expected: String = (0..30).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(machine.log(id).await, expected);
    machine.assert_nothing_left().await;
    assert_gone(engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_fires_while_nobody_watches() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["caps.grace=1"]).await;
    let limits = Limits { timeout: 3, memory_limit: 128, cpu_limit: 1.0 };
    let code = "import time\nprint('up', flush=True)\nwhile True: time.sleep(1)";
    let id = machine.calculation_with(code, "{}", limits, vec![]).await;
    let run = machine.submit(id).await;
    let log = machine.spool(run).join("log");
    support::wait_for("output", || std::fs::read_to_string(&log).ok().filter(|log| log.contains("up"))).await;
    machine.kill_supervisor(run).await;
    let client = engine.client();
    let name = format!("mecapy-{run}");
    let began = std::time::Instant::now();
    while client.inspect_container(&name, None).await.unwrap().state.unwrap().running.unwrap() {
        assert!(began.elapsed() < support::PATIENCE, "the clock does not fire");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let program = std::path::Path::new(support::MECAPY);
    mecapy::runs::reconcile_with(&machine.session, Some(program)).await;
    machine.follow(id).await;
    assert_eq!(machine.get(id).await.error_message.as_deref(), Some("timed out after 3 s"));
    assert_eq!(machine.record(id).await.error_kind.as_ref().map(ToString::to_string).as_deref(), Some("timeout"));
    machine.assert_nothing_left().await;
    assert_gone(engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_runs_it_by_the_same_socket() {
    let Some(engine) = Engine::podman() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let id =
        machine.calculation_with(EVERYTHING, r#"{"x": 4}"#, Limits { timeout: 60, ..Limits::default() }, vec![]).await;
    let run = machine.submit(id).await;
    let text = machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{:?} {text}", row.error_message);
    assert!(row.result_data.unwrap().starts_with(r#"{"twice": 8, "uid": 65534"#));
    assert!(text.contains("to stdout\n") && text.contains("to stderr\n"), "{text}");
    assert!(machine.record(id).await.level.unwrap().starts_with("Podman "));
    machine.assert_nothing_left().await;
    assert_gone(engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_image_plain_python_runs_built_in_and_says_so_and_other_images_are_refused() {
    use mecapy::{runs::SubmitError, sandbox::EngineError};
    let Some(engine) = Engine::shared() else { return };
    let host = format!("docker.host={}", engine.host());
    let machine = Machine::with(&["sandbox.engine=auto", &host, "sandbox.image=mecapy.test/absent:1"]).await;
    let id = machine.calculation("print('here')").await;
    machine.submit(id).await;
    assert_eq!(machine.follow(id).await, "here\n");
    let record = machine.record(id).await;
    assert_eq!(record.engine.as_ref().map(ToString::to_string).as_deref(), Some("builtin"));
    let notes = record.notes.join("\n");
    assert!(notes.contains("built-in sandbox: the image mecapy.test/absent:1 is not on this host"), "{notes}");

    // No Python here either: only the image is left, and it is named as what is missing.
    let nowhere = machine.calculation("print('here')").await;
    let options = mecapy::runs::RunOptions { python: Some("/nowhere/python3".into()), ..Default::default() };
    let error = mecapy::runs::submit(&machine.session, nowhere, &options).await.unwrap_err();
    let named = |image: &str| image == "mecapy.test/absent:1";
    assert!(
        matches!(&error, SubmitError::Engine(EngineError::ImageMissing { image, instead: false }) if named(image)),
        "{error}"
    );

    let own = machine.calculation("print('here')").await;
    let mut options = mecapy::runs::RunOptions {
        image: Some("mecapy.test/solver:3".into()),
        program: Some(support::MECAPY.into()),
        ..Default::default()
    };
    let error = mecapy::runs::submit(&machine.session, own, &options).await.unwrap_err();
    assert!(matches!(error, SubmitError::Engine(EngineError::ImageMissing { instead: true, .. })), "{error}");
    let words = error.to_string();
    assert!(words.contains("mecapy.test/solver:3") && words.contains("--engine builtin"), "{words}");
    assert_eq!(machine.get(own).await.status, Status::Pending);
    // The person says so, and the record says it.
    options.engine = Some(mecapy::config::Engine::Builtin);
    mecapy::runs::submit(&machine.session, own, &options).await.unwrap();
    machine.follow(own).await;
    let notes = machine.record(own).await.notes.join("\n");
    assert!(notes.contains("without the image mecapy.test/solver:3"), "{notes}");

    let third = machine.calculation("print(1)").await;
    options = mecapy::runs::RunOptions { engine: Some(mecapy::config::Engine::Docker), ..Default::default() };
    let error = mecapy::runs::submit(&machine.session, third, &options).await.unwrap_err().to_string();
    assert!(error.contains("not on this host"), "{error}");
}
