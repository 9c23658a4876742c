//! What is left over by anything: found, told and removed; and what only looks like it stays.

use super::support::{Machine, processes, wait_for};
use crate::support::home::Home;
use mecapy::runs::{self, Kind};
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// Out of the reach of SIGTERM.
const DEAF: &str =
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)";

async fn found(machine: &Machine) -> Vec<(Kind, String)> {
    let found = runs::leftovers(&machine.session).await;
    assert!(found.unseen.is_empty(), "{found:?}");
    found.leftovers.into_iter().map(|leftover| (leftover.kind, leftover.name)).collect()
}

#[tokio::test]
async fn a_sandbox_that_nobody_supervises_is_ended_and_one_that_lives_is_not() {
    let (machine, other) = (Machine::with(&["caps.grace=600"]).await, Machine::new().await);
    let id = machine.calculation(DEAF).await;
    let run = machine.submit(id).await;
    wait_for("output", || fs::read(machine.spool(run).join("log")).ok().filter(|log| log == b"up\n")).await;
    assert_eq!(found(&machine).await, [], "it is supervised");

    machine.kill_supervisor(run).await;
    fs::remove_dir_all(machine.spool(run)).unwrap();
    assert_eq!(found(&other).await, [], "it is another state folder's");
    let leftovers = runs::leftovers(&machine.session).await.leftovers;
    assert_eq!(leftovers.iter().map(|it| (it.kind, it.run)).collect::<Vec<_>>(), [(Kind::Process, Some(run))]);
    leftovers[0].remove().await.unwrap();
    assert_eq!(found(&machine).await, []);
    let root = machine.folder.path().to_str().unwrap().to_owned();
    wait_for("no process", || processes(&root).is_empty().then_some(())).await;
}

fn aged(path: &Path) {
    let file = fs::File::open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_hours(2)).unwrap();
}

#[test]
fn remains_of_what_was_interrupted_are_told_and_removed_on_request() {
    let home = Home::new();
    let code = home.file("a.py", "print('a')");
    let kept = home.file("kept.csv", "1,2");
    let (code, kept) = (code.to_str().unwrap(), kept.to_str().unwrap());
    home.run(&["calc", "run", code, "--input", &format!("table={kept}"), "--wait"]).code(0);
    home.run(&["calc", "logs", "1"]).code(0);
    let silent = home.run(&["sandbox", "prune"]).code(0);
    assert_eq!((silent.out.as_str(), silent.err.as_str()), ("", ""), "a healthy host has nothing");

    let state = home.path().join(".local/state/mecapy/spool");
    let logs = home.path().join(".cache/mecapy/logs");
    let store = home.path().join(".local/share/mecapy/objects/users");
    let person = fs::read_dir(&store).unwrap().next().unwrap().unwrap().path();
    let (old, new) = (logs.join(".half-unpacked"), logs.join(".being-unpacked"));
    let unknown = logs.join("4711-0123456789abcdef");
    for folder in [&old, &new, &unknown, &state] {
        fs::create_dir_all(folder).unwrap();
    }
    let staged = person.join("files/0/mesh.csv#1");
    let sending = person.join("files/1/mesh.csv#1");
    for file in [&staged, &sending] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "half").unwrap();
    }
    aged(&old);
    aged(&staged);

    let rows = home.run(&["sandbox", "prune", "--dry-run", "--json"]).code(0).json_lines();
    let mut told: Vec<_> =
        rows.iter().map(|row| (row["kind"].as_str().unwrap(), row["name"].as_str().unwrap())).collect();
    told.sort_unstable();
    let mut expected =
        [("log", &old), ("log", &unknown), ("upload", &staged)].map(|(kind, path)| (kind, path.to_str().unwrap()));
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert!(rows.iter().all(|row| row["removed"] == false) && old.exists() && staged.exists());
    home.run(&["sandbox", "prune", "--read-only"]).code(6);

    let done = home.run(&["sandbox", "prune"]).code(0);
    assert!(
        done.out.lines().count() == 3 && done.out.lines().all(|line| line.starts_with("removed: ")),
        "{}",
        done.out
    );
    assert!(!old.exists() && !unknown.exists() && !staged.exists());
    assert!(new.exists() && sending.exists(), "what goes on stays");
    assert_eq!(home.run(&["sandbox", "prune"]).code(0).out, "");
    assert_eq!(home.run(&["calc", "logs", "1"]).code(0).out, "a\n");
}
