//! Containers and engines that break under a run: it ends as trouble of the engine, and what there was is kept.

use super::{
    life::{ENDLESS, LIMITS, Run, assert_complete, assert_nothing_left, reconcile, runs_now, submit, until_printed},
    runs::{
        machine,
        support::{MECAPY, Machine, wait_for},
        things,
    },
};
use crate::support::docker::{Engine, block_on};
use bollard::query_parameters::{KillContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use mecapy::domain::status::Status;
use std::{fs, path::Path};

/// Fails as trouble of the engine, with what there was.
async fn assert_engine_error(engine: &Engine, machine: &Machine, run: &Run, words: &str) {
    machine.follow(run.id).await;
    let (row, record) = (machine.get(run.id).await, machine.record(run.id).await);
    let message = row.error_message.unwrap_or_default();
    assert_eq!(
        (row.status, record.error_kind.as_ref().map(ToString::to_string).as_deref()),
        (Status::Failed, Some("engine")),
        "{message}"
    );
    assert!(message.contains(words), "{message}");
    let log = machine.log(run.id).await;
    assert!(log.contains("out 0\n") && log.contains("out 5\n"), "{log}");
    assert_nothing_left(engine, machine, run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_reboot_what_there_was_is_collected_and_said() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 5\n").await;
    machine.kill_supervisor(run.run).await;
    let client = engine.client();
    let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
    block_on(async { client.kill_container(&format!("mecapy-{}", run.run), Some(options)).await }).unwrap();
    wait_for("the end of the container", || (runs_now(engine, &run) == Some(false)).then_some(())).await;
    let who = machine.spool(run.run).join("supervisor.json");
    let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&who).unwrap()).unwrap();
    text["boot_id"] = "another".into();
    fs::write(&who, text.to_string()).unwrap();
    reconcile(&machine).await;
    assert_engine_error(engine, &machine, &run, "container").await;
    assert!(machine.files(run.id).await.iter().any(|linked| linked.file.filename == "a.txt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_somebody_removed_is_said_and_the_log_is_kept() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    let machine = machine(engine, image, &[]).await;
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 5\n").await;
    let client = engine.client();
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    block_on(async { client.remove_container(&format!("mecapy-{}", run.run), Some(options)).await }).unwrap();
    assert_engine_error(engine, &machine, &run, "container").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_stopped_ends_its_runs_which_is_said_and_nothing_is_lost() {
    let Some(engine) = Engine::own() else { return };
    let Some(image) = engine.python() else { return };
    let before = things(&engine);
    let machine = machine(&engine, image, &["caps.grace=1"]).await;
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 5\n").await;
    engine.stop();
    // It told its containers to end, which the shim reports; what is left of this one is still to go.
    assert!(machine.spool(run.run).is_dir());
    engine.start();
    assert_engine_error(&engine, &machine, &run, "engine").await;
    assert!(machine.files(run.id).await.iter().any(|linked| linked.file.filename == "a.txt"));

    // Killed: what ran goes on without it until it is back, which ends it.
    let run = submit(&machine, Path::new(MECAPY), ENDLESS, LIMITS).await;
    until_printed(&machine, &run, "out 5\n").await;
    engine.kill();
    // Down: the run is neither failed nor lost for that.
    let waiting = wait_for("the reason", || machine.state(run.run)?.waiting_reason).await;
    assert!(waiting.contains("engine"), "{waiting}");
    assert_eq!(machine.get(run.id).await.status, Status::Running);
    engine.start();
    assert_engine_error(&engine, &machine, &run, "engine").await;
    assert_eq!(things(&engine), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_live_restore_a_run_goes_on_through_a_restart_of_the_engine() {
    let Some(engine) = Engine::own_with(&["--live-restore"]) else { return };
    let Some(image) = engine.python() else { return };
    let before = things(&engine);
    let machine = machine(&engine, image, &[]).await;
    for kill in [false, true] {
        let run = submit(&machine, Path::new(MECAPY), 100, LIMITS).await;
        until_printed(&machine, &run, "out 5\n").await;
        if kill {
            // Its supervisor with it.
            machine.kill_supervisor(run.run).await;
            engine.kill();
        } else {
            engine.stop();
        }
        engine.start();
        if kill {
            reconcile(&machine).await;
        }
        assert_complete(&engine, &machine, &run, 100).await;
    }
    assert_eq!(things(&engine), before);
}
