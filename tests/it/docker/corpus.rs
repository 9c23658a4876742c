//! The hostile and awkward calculations of `tests/corpus` in containers, and what the engine has left of them.

use super::runs::things;
use crate::{
    sandbox::{
        corpus::Script,
        harness::{Case, Seen, judge, refused, watch},
    },
    support::docker::Engine,
};
use mecapy::{
    domain::id::RunId,
    sandbox::{self, Asked, Chosen, Job, contract, docker},
};
use std::{fs, path::Path, sync::Arc, time::Instant};
use tokio::sync::Semaphore;

/// Half a core each.
const AT_ONCE: usize = 4;

/// What runs in this image of this engine.
pub fn chosen(engine: &Engine, image: &str, own_command: bool) -> Chosen {
    let endpoint = docker::Endpoint { address: docker::Address::Unix(engine.socket()), origin: "the test".to_owned() };
    Chosen::Docker(Box::new(docker::Choice {
        fetch: None,
        endpoint,
        image: image.to_owned(),
        image_id: image.to_owned(),
        own_command,
        facts: None,
    }))
}

/// Runs one from its folders to its judged end, and removes it.
pub async fn one(chosen: &Chosen, case: Case, folder: &Path) -> Seen {
    let engine = sandbox::Engine::open(chosen, &Asked::default()).await.unwrap();
    let run = RunId::new();
    let mut seen = Seen::of(&case, engine.about(run).level);
    let begun = Instant::now();
    let work = folder.join("run");
    fs::create_dir(folder).unwrap();
    let Ok(code) = String::from_utf8(case.code.clone()) else {
        seen.outcome = refused("the code is not valid UTF-8".into());
        return seen;
    };
    if let Err(error) = contract::prepare(&work, &code, &case.parameters, &[]) {
        seen.outcome = refused(error.to_string());
        return seen;
    }
    let job = Job {
        run,
        folder: work.clone(),
        program: engine.program(),
        limits: case.limits,
        caps: case.caps,
        belongs: mecapy::sandbox::Belongs::default(),
    };
    let created = engine.create(&job, &mut |_| {}).await.unwrap();
    let mut running = match created.start(&mut |_| {}).await {
        Ok(running) => running,
        Err(error) => {
            seen.outcome = refused(error.to_string());
            return seen;
        }
    };
    let (ended, tail) = watch(&case, &mut running, &mut seen).await;
    let mut notes = running.notes();
    notes.extend(running.identity().fetch(&work).await.unwrap());
    judge(&case, &ended, &tail, folder, &mut seen);
    seen.outcome.notes.extend(notes);
    running.identity().discard().await.unwrap();
    seen.wall = begun.elapsed().as_secs_f64();
    seen
}

/// Processes in the control groups that an engine makes for its containers.
fn processes(engine: &Engine) -> Vec<String> {
    let mark = engine.folder().file_name().unwrap().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let groups = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        if groups.contains(&mark) {
            let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.push(format!("{} {}", entry.file_name().display(), command.trim()));
        }
    }
    found
}

/// Names in the folders that everybody may write to.
fn temporary() -> Vec<String> {
    let owned = |entry: &fs::DirEntry| {
        use std::os::unix::fs::MetadataExt as _;
        entry.metadata().is_ok_and(|metadata| metadata.uid() == 65_534)
    };
    let names =
        ["/tmp", "/var/tmp", "/dev/shm"].into_iter().flat_map(|place| fs::read_dir(place).into_iter().flatten());
    names.flatten().filter(owned).map(|entry| entry.path().display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_script_ends_as_it_must_in_a_container() {
    // One of its own: what is left is compared.
    let Some(engine) = Engine::own() else { return };
    let Some(image) = engine.python() else { return };
    let chosen = chosen(&engine, image, false);
    let home = tempfile::tempdir().unwrap();
    let only = std::env::var("MECAPY_IT_ONLY").unwrap_or_default();
    let scripts: Vec<_> = Script::all().into_iter().filter(|script| script.file.starts_with(&only)).collect();
    let before = (things(&engine), temporary());
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let runs: Vec<_> = scripts
        .iter()
        .enumerate()
        .map(|(number, script)| {
            let (case, chosen, places) = (script.case(None), chosen.clone(), places.clone());
            let folder = home.path().join(number.to_string());
            tokio::spawn(async move {
                let _place = places.acquire_owned().await.unwrap();
                one(&chosen, case, &folder).await
            })
        })
        .collect();
    let mut problems = Vec::new();
    for (script, run) in scripts.iter().zip(runs) {
        let seen = run.await.unwrap();
        problems.extend(script.problems(&seen).iter().map(|problem| format!("{}: {problem}", script.file)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(things(&engine), before.0, "containers and volumes");
    let left: Vec<_> = temporary().into_iter().filter(|name| !before.1.contains(name)).collect();
    assert!(left.is_empty(), "files: {left:?}");
    assert_eq!(processes(&engine), [""; 0], "processes");
}
