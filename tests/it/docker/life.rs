//! Runs in containers outlive their supervisors: adopted, collected, begun again, ended in time; nothing stays.

use super::runs::{
    assert_gone, machine,
    support::{MECAPY, Machine, PATIENCE, has_ended, wait_for},
};
use crate::support::docker::{Engine, block_on};
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use mecapy::{
    domain::{
        id::{CalculationId, RunId},
        limits::Limits,
        status::Status,
    },
    runs::{self, Cancel, Kind, Report},
};
use std::{fs, path::Path, time::Instant};

/// An output, lines on both streams for as long as it is told, and a result.
const CODE: &str = r#"
import json, os, pathlib, sys, time
out = pathlib.Path("/workspace/out")
(out / "files" / "a.txt").write_text("a")
def calculate(n):
    for i in range(n):
        os.write(1, b"out %d\n" % i)
        os.write(2, b"err %d\n" % i)
        time.sleep(0.05)
    return {"n": n}
"#;

pub(super) const LIMITS: Limits = Limits { timeout: 60, memory_limit: 256, cpu_limit: 1.0 };

/// Never ends by itself.
pub(super) const ENDLESS: u32 = 100_000;

pub(super) struct Run {
    pub(super) id: CalculationId,
    pub(super) run: RunId,
}

pub(super) async fn submit(machine: &Machine, program: &Path, n: u32, limits: Limits) -> Run {
    let id = machine.calculation_with(CODE, &format!("{{\"n\": {n}}}"), limits, vec![]).await;
    let run = machine.submit_with(id, program).await;
    Run { id, run }
}

pub(super) async fn until_printed(machine: &Machine, run: &Run, line: &str) {
    let log = machine.spool(run.run).join("log");
    let printed = || fs::read_to_string(&log).is_ok_and(|log| log.contains(line));
    wait_for("output", || (printed() || !machine.spool(run.run).is_dir()).then_some(())).await;
    assert!(printed(), "it ended before: {:?}", machine.get(run.id).await.error_message);
}

pub(super) async fn reconcile(machine: &Machine) -> Report {
    let report = runs::reconcile_with(&machine.session, Some(Path::new(MECAPY))).await;
    assert!(report.left.is_empty(), "{report:?}");
    report
}

/// Whether the container runs; `None` where there is none.
pub(super) fn runs_now(engine: &Engine, run: &Run) -> Option<bool> {
    let client = engine.client();
    let name = format!("mecapy-{}", run.run);
    block_on(async { client.inspect_container(&name, None).await.ok()?.state?.running })
}

/// Every line once and in its order, and nothing else.
fn assert_whole(log: &str, n: u32) {
    for stream in ["out", "err"] {
        let lines: Vec<_> = log.lines().filter(|line| line.starts_with(stream)).collect();
        let expected: Vec<_> = (0..n).map(|i| format!("{stream} {i}")).collect();
        assert_eq!(lines, expected);
    }
    assert_eq!(log.lines().count(), 2 * n as usize, "{log}");
}

pub(super) async fn assert_complete(engine: &Engine, machine: &Machine, run: &Run, n: u32) {
    machine.follow(run.id).await;
    let row = machine.get(run.id).await;
    assert_eq!(row.status, Status::Completed, "{:?}", row.error_message);
    assert_eq!(row.result_data, Some(format!("{{\"n\": {n}}}")));
    assert_whole(&machine.log(run.id).await, n);
    let files: Vec<_> = machine.files(run.id).await.into_iter().map(|linked| linked.file.filename).collect();
    assert!(files.len() == 2 && files.contains(&"a.txt".to_owned()), "each file once: {files:?}");
    assert_nothing_left(engine, machine, run).await;
}

pub(super) async fn assert_nothing_left(engine: &Engine, machine: &Machine, run: &Run) {
    machine.assert_nothing_left().await;
    assert_gone(engine, &[run.run]);
    let found = runs::leftovers(&machine.session).await;
    assert!(found.leftovers.is_empty() && found.unseen.is_empty(), "{found:?}");
    assert!(reconcile(machine).await.is_empty());
}

/// The part of what a start says.
type Told = fn(&Report) -> &Vec<CalculationId>;

/// Each step, and what the next start says of it.
async fn killed_at(steps: &[(&str, Told)]) {
    let Some(engine) = Engine::shared() else { return };
    killed_at_with(engine, steps).await;
}

async fn killed_at_with(engine: &Engine, steps: &[(&str, Told)]) {
    let Some(image) = engine.python() else { return };
    for (step, list) in steps {
        let machine = machine(engine, image, &[]).await;
        let run = submit(&machine, &machine.faulty(&format!("kill:{step}")), 3, LIMITS).await;
        let pid = wait_for("the supervisor", || machine.supervisor(run.run)).await;
        wait_for("its death", || has_ended(pid.as_raw_pid()).then_some(())).await;
        let kept = machine.spool(run.run).is_dir();
        assert!(kept, "{step}: it ended before: {:?}", machine.get(run.id).await.error_message);
        let report = reconcile(&machine).await;
        assert_eq!(list(&report), &[run.id], "{step}: {report:?}");
        assert_complete(engine, &machine, &run, 3).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_code_began_it_begins_again() {
    let restarted: fn(&Report) -> &Vec<_> = |report| &report.restarted;
    let steps = ["noted", "created", "filled", "claimed"].map(|step| (step, restarted));
    killed_at(&steps).await;
    // Made, said to be starting, and never started.
    killed_at(&[("starting", |report| &report.adopted)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_once_the_code_began_it_is_adopted() {
    let adopted: fn(&Report) -> &Vec<_> = |report| &report.adopted;
    killed_at(&["begun", "started", "ended", "fetched"].map(|step| (step, adopted))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_end_the_end_stands() {
    let delivered: fn(&Report) -> &Vec<_> = |report| &report.delivered;
    killed_at(&["final", "delivering", "recorded", "clearing", "discarded", "delivered"].map(|step| (step, delivered)))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_the_end_does_not_wait_for_the_container_to_go() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let gate = machine.folder.path().join("gate");
    let run = submit(&machine, &machine.faulty(&format!("pause:clearing:{}", gate.display())), 3, LIMITS).await;
    assert_whole(&machine.follow(run.id).await, 3);
    assert_eq!(machine.get(run.id).await.status, Status::Completed);
    assert_whole(&machine.log(run.id).await, 3);
    assert!(runs_now(engine, &run).is_some() && machine.spool(run.run).is_dir(), "it is still to go");
    assert!(runs::leftovers(&machine.session).await.leftovers.is_empty(), "its supervisor sees to it");
    fs::write(&gate, "").unwrap();
    assert_complete(engine, &machine, &run, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_outputs_come_with_the_end_and_much_is_fetched() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let gate = machine.folder.path().join("gate");
    let program = machine.faulty(&format!("pause:ended:{}", gate.display()));
    let run = submit(&machine, &program, 3, LIMITS).await;
    wait_for("its end", || gate.with_extension("reached").exists().then_some(())).await;
    let client = engine.client();
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    block_on(async { client.remove_container(&format!("mecapy-{}", run.run), Some(options)).await }).unwrap();
    fs::write(&gate, "").unwrap();
    assert_complete(engine, &machine, &run, 3).await;

    let much = r#"
import pathlib
out = pathlib.Path("/workspace/out")
for i in range(20): (out / "files" / f"{i}.txt").write_text(str(i))
(out / "artifacts" / "deep").mkdir()
(out / "artifacts" / "deep" / "large").write_bytes(bytes(range(256)) * 1_000)
print("no newline", end="")
"#;
    let id = machine.calculation_with(much, "{}", LIMITS, vec![]).await;
    let run = machine.submit(id).await;
    assert_eq!(machine.follow(id).await, "no newline\n");
    let sizes: Vec<_> = machine.files(id).await.into_iter().map(|linked| linked.file.file_size).collect();
    assert!(sizes.len() == 22 && sizes.contains(&256_000), "{sizes:?}");
    assert_nothing_left(engine, &machine, &Run { id, run }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_without_its_supervisor_is_adopted_with_its_whole_log() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let run = submit(&machine, Path::new(MECAPY), 60, LIMITS).await;
    until_printed(&machine, &run, "out 5\n").await;
    machine.kill_supervisor(run.run).await;
    // Two screens start at once.
    let reports = tokio::join!(reconcile(&machine), reconcile(&machine));
    let adopted = [reports.0.adopted, reports.1.adopted].concat();
    assert!(!adopted.is_empty() && adopted.iter().all(|id| *id == run.id), "{adopted:?}");
    until_printed(&machine, &run, "out 20\n").await;
    // And once more.
    machine.kill_supervisor(run.run).await;
    reconcile(&machine).await;
    assert_complete(engine, &machine, &run, 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_podman_a_killed_supervisor_is_followed_by_another_at_every_step() {
    let Some(engine) = Engine::podman() else { return };
    let restarted: Told = |report| &report.restarted;
    let adopted: Told = |report| &report.adopted;
    let delivered: Told = |report| &report.delivered;
    killed_at_with(engine, &[("created", restarted), ("filled", restarted), ("starting", adopted)]).await;
    killed_at_with(engine, &[("begun", adopted), ("started", adopted), ("ended", adopted), ("final", delivered)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_podman_a_run_goes_on_alone_is_taken_over_stopped_and_timed_out() {
    let Some(engine) = Engine::podman() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["caps.grace=1"]).await;
    let run = submit(&machine, Path::new(MECAPY), 40, LIMITS).await;
    until_printed(&machine, &run, "out 5\n").await;
    machine.kill_supervisor(run.run).await;
    assert_eq!(reconcile(&machine).await.adopted, [run.id]);
    assert_complete(engine, &machine, &run, 40).await;

    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 1\n").await;
    assert_eq!(runs::cancel(&machine.session, run.id).await.unwrap(), Cancel::Asked);
    machine.follow(run.id).await;
    assert_eq!(machine.get(run.id).await.status, Status::Cancelled);

    let run = submit(&machine, Path::new(MECAPY), ENDLESS, Limits { timeout: 3, ..LIMITS }).await;
    until_printed(&machine, &run, "out 1\n").await;
    machine.kill_supervisor(run.run).await;
    wait_for("the end of the container", || (runs_now(engine, &run) == Some(false)).then_some(())).await;
    reconcile(&machine).await;
    machine.follow(run.id).await;
    assert_eq!(machine.get(run.id).await.error_message.as_deref(), Some("timed out after 3 s"));
    assert_nothing_left(engine, &machine, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_taken_over_counts_among_those_that_run() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["runs.max_per_user=1", "caps.grace=1"]).await;
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 1\n").await;
    machine.kill_supervisor(run.run).await;
    assert_eq!(reconcile(&machine).await.adopted, [run.id]);
    let queue = machine.session.config.paths.state.join("queue").join(runs::host_name());
    wait_for("its turn", || {
        fs::read_to_string(queue.join("slot.0")).ok().filter(|slot| slot.trim() == run.id.to_string())
    })
    .await;
    let next = submit(&machine, Path::new(MECAPY), 3, LIMITS).await;
    let reason = wait_for("the reason", || machine.state(next.run)?.waiting_reason).await;
    assert_eq!(reason, format!("1 of 1 running: waiting for #{}", run.id));
    runs::cancel_now(&machine.session, run.id).await.unwrap();
    machine.follow(run.id).await;
    assert_complete(engine, &machine, &next, 3).await;

    // Where the place was taken meanwhile, it has the next one, before those that wait.
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 1\n").await;
    machine.kill_supervisor(run.run).await;
    let between = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &between, "out 1\n").await;
    assert_eq!(reconcile(&machine).await.adopted, [run.id]);
    let ticket = queue.join(format!("{}.ticket", run.run));
    wait_for("its place in the queue", || ticket.exists().then_some(())).await;
    let last = submit(&machine, Path::new(MECAPY), 3, LIMITS).await;
    wait_for("the queue", || machine.state(last.run)?.waiting_reason.filter(|reason| reason.ends_with("1 ahead")))
        .await;
    runs::cancel_now(&machine.session, between.id).await.unwrap();
    machine.follow(between.id).await;
    wait_for("its turn", || (!ticket.exists()).then_some(())).await;
    let reason = || machine.state(last.run)?.waiting_reason.filter(|reason| reason.contains(&format!("#{}", run.id)));
    wait_for("the other one to wait for it", reason).await;
    runs::cancel_now(&machine.session, run.id).await.unwrap();
    machine.follow(run.id).await;
    assert_complete(engine, &machine, &last, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_that_runs_were_given_to_is_looked_through() {
    let (Some(engine), Some(other)) = (Engine::shared(), Engine::own()) else { return };
    let (Some(image), Some(_)) = (engine.python(), other.python()) else { return };
    let machine = machine(engine, image, &[]).await;
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 1\n").await;
    // The settings lead to another engine by now.
    let host = format!("docker.host={}", other.host());
    let image = format!("sandbox.image={image}");
    let set = ["sandbox.engine=docker", &host, &image];
    let later = super::runs::support::session(machine.folder.path(), &set).await;
    let found = runs::leftovers(&later).await;
    assert!(found.leftovers.is_empty() && found.unseen.is_empty(), "{found:?}");
    for engine in [engine, &other] {
        let host = engine.host();
        assert!(found.looked.iter().any(|looked| looked.starts_with("Docker ") && looked.contains(&host)), "{found:?}");
    }
    machine.kill_supervisor(run.run).await;
    fs::remove_dir_all(machine.spool(run.run)).unwrap();
    let found = runs::leftovers(&later).await;
    let kinds: Vec<_> = found.leftovers.iter().map(|leftover| (leftover.kind, leftover.run)).collect();
    assert_eq!(kinds, [(Kind::Container, Some(run.run))], "{found:?}");
    found.leftovers[0].remove().await.unwrap();
    assert_gone(engine, &[run.run]);
    // The one of the settings is not there: that is said, and is a problem.
    other.stop();
    let found = runs::leftovers(&later).await;
    assert!(found.unseen.iter().any(|unseen| unseen.contains(&other.host())), "{found:?}");
    assert!(found.looked.iter().any(|looked| looked.contains(&engine.host())), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ended_without_its_supervisor_is_collected() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let run = submit(&machine, Path::new(MECAPY), 20, LIMITS).await;
    until_printed(&machine, &run, "out 1\n").await;
    machine.kill_supervisor(run.run).await;
    wait_for("the end of the container", || (runs_now(engine, &run) == Some(false)).then_some(())).await;
    reconcile(&machine).await;
    assert_complete(engine, &machine, &run, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_holds_with_every_client_dead() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["caps.grace=1"]).await;
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, Limits { timeout: 3, ..LIMITS }).await;
    until_printed(&machine, &run, "out 1\n").await;
    machine.kill_supervisor(run.run).await;
    let began = Instant::now();
    wait_for("the end of the container", || (runs_now(engine, &run) == Some(false)).then_some(())).await;
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    reconcile(&machine).await;
    machine.follow(run.id).await;
    let (row, record) = (machine.get(run.id).await, machine.record(run.id).await);
    assert_eq!(
        (row.status, record.error_kind.as_ref().map(ToString::to_string).as_deref()),
        (Status::Failed, Some("timeout"))
    );
    assert_eq!(row.error_message.as_deref(), Some("timed out after 3 s"));
    assert!(machine.files(run.id).await.iter().any(|linked| linked.file.filename == "a.txt"));
    assert_nothing_left(engine, &machine, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_supervisor_is_cancelled_all_the_same() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["caps.grace=1"]).await;
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 1\n").await;
    machine.kill_supervisor(run.run).await;
    // The next start is this program, which supervises as the real one does.
    assert!(reconcile(&machine).await.adopted == [run.id]);
    assert_eq!(runs::cancel(&machine.session, run.id).await.unwrap(), Cancel::Asked);
    machine.follow(run.id).await;
    assert_eq!(machine.get(run.id).await.status, Status::Cancelled);
    assert_nothing_left(engine, &machine, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_is_told_to_end_leaves_its_container_to_the_next() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let run = submit(&machine, Path::new(MECAPY), 40, LIMITS).await;
    until_printed(&machine, &run, "out 5\n").await;
    let pid = machine.supervisor(run.run).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait_for("its end", || has_ended(pid.as_raw_pid()).then_some(())).await;
    assert_eq!(runs_now(engine, &run), Some(true));
    assert_eq!(reconcile(&machine).await.adopted, [run.id]);
    assert_complete(engine, &machine, &run, 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_figures_come_within_a_second() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["caps.grace=1"]).await;
    let code = "import time\nballast = bytearray(32 << 20)\nprint('up', flush=True)\ntime.sleep(600)";
    let id = machine.calculation_with(code, "{}", LIMITS, vec![]).await;
    let run = machine.submit(id).await;
    let usage = wait_for("figures", || machine.state(run)?.usage.filter(|usage| usage.memory > 0)).await;
    assert!(usage.execution_time <= 1.1, "{usage:?}");
    wait_for("its memory", || machine.state(run)?.usage.filter(|usage| usage.memory > 32 << 20)).await;
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
    machine.follow(id).await;
    assert_nothing_left(engine, &machine, &Run { id, run }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_without_a_spool_are_pruned_and_those_of_others_are_not() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let (machine, other) = (machine(engine, image, &[]).await, machine(engine, image, &[]).await);
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 1\n").await;
    assert!(runs::leftovers(&machine.session).await.leftovers.is_empty(), "it lives");
    machine.kill_supervisor(run.run).await;
    assert!(runs::leftovers(&machine.session).await.leftovers.is_empty(), "it has a spool");
    fs::remove_dir_all(machine.spool(run.run)).unwrap();
    assert!(runs::leftovers(&other.session).await.leftovers.is_empty(), "it is another state folder's");
    let found = runs::leftovers(&machine.session).await;
    let kinds: Vec<_> = found.leftovers.iter().map(|leftover| (leftover.kind, leftover.run)).collect();
    assert_eq!(kinds, [(Kind::Container, Some(run.run))], "{found:?}");
    found.leftovers[0].remove().await.unwrap();
    assert_gone(engine, &[run.run]);

    // A volume whose container is gone.
    let labels = |machine: &Machine| {
        let spools = machine.session.config.paths.spool();
        let owner = &machine.session.user.identity.keycloak_id;
        let (host, run) = (runs::host_name(), run.run);
        format!(
            r#"{{"io.mecapy.run":"{run}","io.mecapy.owner":"{owner}","io.mecapy.host":"{host}","io.mecapy.spools":"{}"}}"#,
            spools.display()
        )
    };
    let volume = format!("left-{}", run.run);
    engine.api("POST", "/volumes/create", &format!(r#"{{"Name":"{volume}","Labels":{}}}"#, labels(&machine)));
    assert!(runs::leftovers(&other.session).await.leftovers.is_empty());
    let found = runs::leftovers(&machine.session).await.leftovers;
    assert_eq!(found.iter().map(|leftover| leftover.kind).collect::<Vec<_>>(), [Kind::Volume]);
    found[0].remove().await.unwrap();
    assert_gone(engine, &[run.run]);
    tokio::time::timeout(PATIENCE, machine.session.db.close()).await.unwrap().unwrap();
}
