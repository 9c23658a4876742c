//! Supervisors with nobody to report to, and engines that do not come back: nobody waits for ever, nothing stays.

use super::runs::{
    assert_gone, machine,
    support::{MECAPY, Machine, has_ended, wait_for},
    things,
};
use crate::support::docker::Engine;
use mecapy::{
    domain::{
        id::{CalculationId, RunId},
        limits::Limits,
        status::Status,
    },
    runs::{self, Cancel, Kind},
};
use std::{fs, path::Path};

const LIMITS: Limits = Limits { timeout: 600, memory_limit: 256, cpu_limit: 1.0 };

/// Deaf to SIGTERM, and without an end.
const ENDLESS: &str = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\n\
                       while True: time.sleep(1)\n";

/// A run that is up, and who supervises it.
async fn up(machine: &Machine, program: &Path) -> (CalculationId, RunId, i32) {
    let id = machine.calculation_with(ENDLESS, "{}", LIMITS, vec![]).await;
    let run = machine.submit_with(id, program).await;
    let log = machine.spool(run).join("log");
    wait_for("output", || fs::read_to_string(&log).ok().filter(|log| log.contains("up"))).await;
    let pid = machine.supervisor(run).unwrap().as_raw_pid();
    (id, run, pid)
}

/// As often as the supervisor writes into it meanwhile.
async fn remove(folder: &Path) {
    wait_for("an end of the folder", || {
        let _ = fs::remove_dir_all(folder);
        (!folder.exists()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_somebody_removed_keeps_neither_supervisor_nor_container() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &["runs.max_per_user=1"]).await;
    let (id, run, pid) = up(&machine, Path::new(MECAPY)).await;
    remove(&machine.spool(run)).await;
    wait_for("the end of the running one", || has_ended(pid).then_some(())).await;
    assert_gone(engine, &[run]);
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Failed);
    assert!(row.error_message.as_deref().is_some_and(|words| words.contains("removed by somebody")), "{row:?}");
    assert!(!runs::reconcile(&machine.session).await.left.iter().any(|left| left.contains("nothing of it")));

    // The same for one that waits for its turn.
    let (_, first, _) = up(&machine, Path::new(MECAPY)).await;
    let waiting = machine.calculation("print(1)").await;
    let waiting = machine.submit(waiting).await;
    wait_for("the reason", || machine.state(waiting)?.waiting_reason).await;
    let pid = machine.supervisor(waiting).unwrap().as_raw_pid();
    remove(&machine.spool(waiting)).await;
    wait_for("the end of the waiting one", || has_ended(pid).then_some(())).await;

    // And for a whole state folder that was moved away and removed.
    let pid = machine.supervisor(first).unwrap().as_raw_pid();
    remove(&machine.session.config.paths.state).await;
    wait_for("the end of the last", || has_ended(pid).then_some(())).await;
    assert_gone(engine, &[first, waiting]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_engine_gone_as_well_a_supervisor_without_a_spool_ends() {
    let Some(engine) = Engine::own() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(&engine, image, &[]).await;
    let (_, run, pid) = up(&machine, &machine.faulty("impatient")).await;
    engine.kill();
    remove(&machine.spool(run)).await;
    wait_for("its end", || has_ended(pid).then_some(())).await;
    // What could not be removed is found once the engine is back.
    engine.start();
    let found = runs::leftovers(&machine.session).await;
    assert_eq!(
        found.leftovers.iter().map(|left| (left.kind, left.run)).collect::<Vec<_>>(),
        [(Kind::Container, Some(run))]
    );
    found.leftovers[0].remove().await.unwrap();
    assert_gone(&engine, &[run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_stays_away_is_left_to_the_next_start() {
    let Some(engine) = Engine::own() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(&engine, image, &["caps.grace=1"]).await;
    let before = things(&engine);
    let (id, run, pid) = up(&machine, &machine.faulty("impatient")).await;
    engine.kill();
    wait_for("its end", || has_ended(pid).then_some(())).await;
    assert!(machine.spool(run).is_dir(), "nothing is lost");
    // Whoever looks after it next is as patient, and no more.
    let report = runs::reconcile_with(&machine.session, Some(&machine.faulty("impatient"))).await;
    assert_eq!(report.adopted, [id], "{report:?}");
    let pid = wait_for("another", || machine.supervisor(run).filter(|now| now.as_raw_pid() != pid)).await.as_raw_pid();
    wait_for("its end", || has_ended(pid).then_some(())).await;
    engine.start();
    assert_eq!(runs::reconcile_with(&machine.session, Some(Path::new(MECAPY))).await.adopted, [id]);
    machine.follow(id).await;
    let row = machine.get(id).await;
    assert_eq!((row.status, machine.log(id).await.as_str()), (Status::Failed, "up\n"), "{row:?}");
    machine.assert_nothing_left().await;
    assert_eq!(things(&engine), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_stop_gives_up_an_engine_that_is_away() {
    let Some(engine) = Engine::own() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(&engine, image, &[]).await;
    let (id, run, _) = up(&machine, Path::new(MECAPY)).await;
    engine.kill();
    let waiting = wait_for("the reason", || machine.state(run)?.waiting_reason).await;
    assert!(waiting.contains("the engine does not answer"), "{waiting}");
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
    wait_for("the stop", || machine.state(run)?.killed_at).await;
    assert_eq!(machine.get(id).await.status, Status::Running, "it may still be told");
    assert_eq!(runs::cancel_now(&machine.session, id).await.unwrap(), Cancel::Killed);
    machine.follow(id).await;
    assert_eq!((machine.get(id).await.status, machine.log(id).await.as_str()), (Status::Cancelled, "up\n"));
    let notes = machine.record(id).await.notes.join("\n");
    assert!(notes.contains("does not answer") && notes.contains("mecapy sandbox prune"), "{notes}");
    machine.assert_nothing_left().await;
    engine.start();
    for leftover in runs::leftovers(&machine.session).await.leftovers {
        assert_eq!(leftover.run, Some(run));
        leftover.remove().await.unwrap();
    }
    assert_gone(&engine, &[run]);
}
