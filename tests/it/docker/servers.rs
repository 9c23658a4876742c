//! The engines of the tests themselves: they come up, have their images, and leave nothing.

use crate::support::docker::{Engine, Registry};
use std::{fs, path::Path, time::Duration};

/// Runs an image to its end and gives its output. The image has to have an entrypoint.
fn run(engine: &Engine, image: &str, command: &str) -> String {
    // Podman's own limits may be above what root may raise here.
    let limits = ["nofile", "nproc"].map(|name| format!(r#"{{"Name":{name:?},"Soft":1024,"Hard":1024}}"#)).join(",");
    let body = format!(
        r#"{{"Image":{image:?},"Cmd":{command},"Tty":true,"HostConfig":{{"NetworkMode":"none","Ulimits":[{limits}]}}}}"#
    );
    let made: serde_json::Value =
        serde_json::from_str(&engine.api("POST", "/containers/create", &body)).expect("an object");
    let id = made["Id"].as_str().expect("an id");
    engine.api("POST", &format!("/containers/{id}/start"), "");
    engine.api("POST", &format!("/containers/{id}/wait"), "");
    let said = engine.api("GET", &format!("/containers/{id}/logs?stdout=1&stderr=1"), "");
    engine.api("DELETE", &format!("/containers/{id}?v=1&force=1"), "");
    said
}

const NUMPY: &str = r#"["python3","-c","import numpy; print(numpy.linalg.solve([[2.0,0],[0,4]],[2,4]))"]"#;

#[test]
fn the_engine_runs_python_with_numpy() {
    let Some(engine) = Engine::shared() else { return };
    let Some(image) = engine.python() else { return };
    assert!(run(engine, image, NUMPY).contains("[1. 1.]"));
}

#[test]
fn podman_runs_python_with_numpy() {
    let Some(engine) = Engine::podman() else { return };
    let Some(image) = engine.python() else { return };
    assert!(run(engine, image, NUMPY).contains("[1. 1.]"));
}

#[test]
fn images_without_python_start_their_own_program() {
    let Some(engine) = Engine::shared() else { return };
    // Both look for their parameters, which nobody gives them here.
    assert!(run(engine, engine.bash(), "[]").contains("/workspace/in/data.json"));
    let Some(musl) = engine.musl() else { return };
    assert!(run(engine, musl, "[]").contains("in/data.json: No such file"));
}

#[test]
fn an_engine_is_stopped_killed_and_started_again_and_leaves_nothing() {
    let Some(engine) = Engine::own() else { return };
    let folder = engine.folder().to_owned();
    let bash = engine.bash().to_owned();
    let image = engine.derive(&bash, "sleeper:1", &[r#"ENTRYPOINT ["/bin/bash","-c","read -t 3600 <> <(:)"]"#]);
    let body = format!(r#"{{"Image":{image:?},"HostConfig":{{"NetworkMode":"none"}}}}"#);
    let made: serde_json::Value = serde_json::from_str(&engine.api("POST", "/containers/create", &body)).unwrap();
    let id = made["Id"].as_str().unwrap().to_owned();
    let running = |engine: &Engine| {
        let state: serde_json::Value =
            serde_json::from_str(&engine.api("GET", &format!("/containers/{id}/json"), "")).unwrap();
        state["State"]["Running"].as_bool().unwrap()
    };
    engine.api("POST", &format!("/containers/{id}/start"), "");
    assert!(running(&engine));
    engine.stop();
    engine.start();
    assert!(!running(&engine), "an engine ends its containers when it stops");
    engine.api("POST", &format!("/containers/{id}/start"), "");
    engine.kill();
    assert!(!processes_naming(&folder).is_empty(), "the container's monitor outlives a killed engine");
    drop(engine);
    assert!(!folder.exists(), "{} is still there", folder.display());
    let left = processes_naming(&folder);
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_registry_takes_and_gives_images() {
    let (Some(engine), Some(registry)) = (Engine::shared(), Registry::private()) else { return };
    let reference = registry.push(engine, engine.bash(), "bash", "of-registry");
    assert!(reference.starts_with("127.0.0.1:"));
}

/// The command lines that have a path in this folder.
fn processes_naming(folder: &Path) -> Vec<String> {
    let folder = format!("{}/", folder.display());
    let lines = || {
        let processes = fs::read_dir("/proc").expect("/proc is there").flatten();
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&folder))
            .collect()
    };
    // What was killed just now may still be listed.
    let end = std::time::Instant::now() + Duration::from_secs(2);
    loop {
        let found: Vec<String> = lines();
        if found.is_empty() || std::time::Instant::now() > end {
            return found;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
