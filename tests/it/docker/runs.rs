//! Whole runs in real containers.

#[path = "../runs/support.rs"]
#[allow(dead_code, reason = "the machine of the tests of runs, of which these need a part")]
pub mod support;

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
        let containers = client.list_containers(Some(options)).await.expect("the engine answers");
        let names = containers.into_iter().flat_map(|container| container.names.unwrap_or_default());
        let volumes = client.list_volumes(None::<ListVolumesOptions>).await.expect("the engine answers");
        let volumes = volumes.volumes.unwrap_or_default().into_iter().map(|volume| format!("volume {}", volume.name));
        names.map(|name| format!("container {name}")).chain(volumes).collect()
    })
}

/// Fails where anything of these runs is left in the engine.
pub fn assert_gone(engine: &Engine, runs: &[mecapy::domain::id::RunId]) {
    let left: Vec<_> =
        things(engine).into_iter().filter(|name| runs.iter().any(|run| name.contains(&run.to_string()))).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
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
    assert_eq!(record.engine.as_deref(), Some("docker"));
    assert!(record.level.as_deref().unwrap().starts_with("Docker "), "{record:?}");
    assert!(record.image_digest.as_deref().unwrap().contains("sha256:"), "{record:?}");
    assert_eq!(record.container_id, Some(format!("mecapy-{run}")));
    assert!(record.accounting.as_deref().unwrap().starts_with("cgroup_v"), "{record:?}");
    assert!(
        row.memory_used.unwrap() >= 5 && row.cpu_time.unwrap() > 0.0 && row.execution_time.unwrap() > 0.0,
        "{row:?}"
    );
    let files: BTreeSet<_> = machine.files(id).await.into_iter().map(|linked| linked.file.filename).collect();
    assert!(files.contains("a.csv") && files.contains("note.txt"), "{files:?}");
    machine.assert_nothing_left().await;
    assert_gone(engine, &[run]);
}
