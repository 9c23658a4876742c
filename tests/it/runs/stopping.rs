//! A stop in two stages, of one and of many, in either engine.

use super::support::{MECAPY, Machine, PATIENCE, wait_for};
use crate::{docker, support::docker::Engine};
use mecapy::{
    domain::{
        id::{CalculationId, RunId},
        status::Status,
    },
    runs::{self, Cancel},
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// Writes down that SIGTERM came, and does not care.
const DEAF: &str = "
import pathlib, signal, time
out = pathlib.Path('/workspace/out') if pathlib.Path('/workspace/out').exists() else pathlib.Path(__file__).parents[1] / 'out'
signal.signal(signal.SIGTERM, lambda *_: (out / 'artifacts' / 'told').write_text('SIGTERM came'))
print('up', flush=True)
while True: time.sleep(0.05)
";

/// Long enough that whoever waited for it would be noticed.
const GRACE: &str = "caps.grace=300";

/// What leaves something behind is not the run.
fn nothing_is_left(engine: Option<&Engine>, runs: &[RunId]) {
    if let Some(engine) = engine {
        docker::runs::assert_gone(engine, runs);
    }
}

/// One machine whose runs are containers where there is an engine, and one with the built-in sandbox.
async fn machines(set: &[&str]) -> Vec<(Machine, Option<&'static Engine>)> {
    let mut machines = vec![(Machine::with(set).await, None)];
    if let Some(engine) = Engine::shared()
        && let Some(image) = engine.python()
    {
        machines.push((docker::runs::machine(engine, image, set).await, Some(engine)));
    }
    machines
}

async fn up(machine: &Machine) -> (CalculationId, RunId) {
    let id = machine.calculation(DEAF).await;
    let run = machine.submit(id).await;
    let log = machine.spool(run).join("log");
    wait_for("output", || fs::read_to_string(&log).ok().filter(|log| log.contains("up"))).await;
    (id, run)
}

async fn assert_cancelled(machine: &Machine, id: CalculationId, kept: bool) {
    machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Cancelled, "{row:?}");
    let files: Vec<_> = machine.files(id).await.into_iter().map(|linked| linked.file.filename).collect();
    assert_eq!(files.contains(&"told".to_owned()), kept, "what was written before stays: {files:?}");
    assert!(machine.record(id).await.accounting.is_some(), "its figures are known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_ends_it_at_once() {
    for (machine, engine) in machines(&[GRACE]).await {
        let (id, run) = up(&machine).await;
        assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
        let state = wait_for("the stop", || machine.state(run).filter(|state| state.killed_at.is_some())).await;
        let left = state.killed_at.unwrap() - chrono::Utc::now().naive_utc();
        assert!((290..=300).contains(&left.num_seconds()), "{left}");
        // Written a moment after the signal came.
        wait_for("the signal", || told(&machine, run, engine)).await;
        assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Stopping, "it has its grace");
        assert_eq!(machine.get(id).await.status, Status::Running);
        let began = Instant::now();
        assert_eq!(runs::cancel_now(&machine.session, id).await.unwrap(), Cancel::Killed);
        assert_cancelled(&machine, id, true).await;
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        assert!(matches!(runs::cancel_now(&machine.session, id).await.unwrap(), Cancel::AlreadyOver(_)));
        machine.assert_nothing_left().await;
        nothing_is_left(engine, &[run]);
    }
}

/// Nobody but the code sees into a container that runs; the second stop may come when the signal was certainly sent.
fn told(machine: &Machine, run: RunId, engine: Option<&Engine>) -> Option<()> {
    match engine {
        None => machine.spool(run).join("work/out/artifacts/told").exists().then_some(()),
        Some(engine) => {
            let asked = engine.api("GET", &format!("/containers/mecapy-{run}/top?ps_args=-o%20pid,args"), "");
            let pid = asked.split('"').find_map(|word| word.parse::<u32>().ok().filter(|pid| is_python(*pid)))?;
            fs::metadata(format!("/proc/{pid}/root/workspace/out/artifacts/told")).ok().map(drop)
        }
    }
}

fn is_python(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("python"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_sharp_from_the_start_has_no_grace() {
    for (machine, engine) in machines(&[GRACE]).await {
        let (id, run) = up(&machine).await;
        assert_eq!(runs::cancel_now(&machine.session, id).await.unwrap(), Cancel::Killed);
        assert_cancelled(&machine, id, false).await;
        machine.assert_nothing_left().await;
        nothing_is_left(engine, &[run]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_stages_reach_a_run_whose_supervisor_was_killed_between_them() {
    for (machine, engine) in machines(&[GRACE]).await {
        let Some(engine) = engine else { continue };
        let (id, run) = up(&machine).await;
        assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
        wait_for("the signal", || told(&machine, run, Some(engine))).await;
        machine.kill_supervisor(run).await;
        assert_eq!(runs::reconcile_with(&machine.session, Some(Path::new(MECAPY))).await.adopted, [id]);
        wait_for("the first stage again", || machine.state(run)?.killed_at).await;
        assert_eq!(runs::cancel_now(&machine.session, id).await.unwrap(), Cancel::Killed);
        assert_cancelled(&machine, id, true).await;
        machine.assert_nothing_left().await;
        nothing_is_left(Some(engine), &[run]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_stopped_those_that_wait_and_those_that_run() {
    for (machine, engine) in machines(&[GRACE, "runs.max_per_user=2"]).await {
        let (first, second) = (up(&machine).await, up(&machine).await);
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let id = machine.calculation(DEAF).await;
            waiting.push((id, machine.submit(id).await));
        }
        for (_, run) in &waiting {
            wait_for("the queue", || machine.state(*run)?.waiting_reason).await;
        }
        // Those that wait first: they must not begin when there is room.
        for (id, _) in &waiting {
            assert_eq!(runs::cancel(&machine.session, *id).await.unwrap(), Cancel::Cancelled);
        }
        for (id, _) in [first, second] {
            assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
            assert_eq!(runs::cancel_now(&machine.session, id).await.unwrap(), Cancel::Killed);
        }
        let began = Instant::now();
        for (id, _) in waiting.iter().copied().chain([first, second]) {
            machine.follow(id).await;
            assert_eq!(machine.get(id).await.status, Status::Cancelled);
        }
        assert!(began.elapsed() < PATIENCE);
        for (id, _) in &waiting {
            assert_eq!(machine.get(*id).await.execution_time, None, "it never ran");
        }
        machine.assert_nothing_left().await;
        let runs: Vec<_> = waiting.into_iter().chain([first, second]).map(|(_, run)| run).collect();
        nothing_is_left(engine, &runs);
    }
}
