//! Runs whose screen goes away: the terminal is hung up, the whole process group is killed.

use super::support::{GATED, MECAPY, Machine, wait_for};
use mecapy::domain::{id::CalculationId, status::Status};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{fs, io::Read};

/// `mecapy calc run --follow` in a terminal of its own, once it shows the run's first line.
fn following(machine: &Machine) -> (Box<dyn Child + Send + Sync>, Box<dyn MasterPty + Send>) {
    let script = machine.folder.path().join("slow.py");
    fs::write(&script, GATED).unwrap();
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 80, ..PtySize::default() }).unwrap();
    let mut command = CommandBuilder::new(MECAPY);
    command.args(["calc", "run", "--follow", "--timeout", "60"]);
    command.arg(&script);
    command.env("HOME", machine.folder.path());
    command.env("MECAPY_RUNS_MAX_PER_HOST", "64");
    let paths = &machine.session.config.paths;
    for (name, path) in
        [("CONFIG", &paths.config), ("STATE", &paths.state), ("CACHE", &paths.cache), ("DATA", &paths.data)]
    {
        command.env(format!("MECAPY_PATHS_{name}"), path);
    }
    let child = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 1_024];
    while !seen.contains("up\r\n") {
        let read = reader.read(&mut buffer).unwrap_or_default();
        assert!(read > 0, "it ended early: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    (child, pty.master)
}

async fn goes_on(machine: &Machine) {
    let id = CalculationId(1);
    assert_eq!(machine.get(id).await.status, Status::Running, "it still runs");
    let run = machine.record(id).await.id;
    assert!(machine.supervisor(run).is_some());
    fs::write(machine.spool(run).join("work/out/go"), "").unwrap();
    assert_eq!(machine.follow(id).await, "up\ndone\n");
    assert_eq!(machine.get(id).await.status, Status::Completed);
    assert_eq!(machine.log(id).await, "up\ndone\n");
    machine.assert_nothing_left().await;
}

#[tokio::test]
async fn a_terminal_that_is_hung_up_takes_no_run_along() {
    let machine = Machine::new().await;
    let (mut child, terminal) = following(&machine);
    drop(terminal);
    wait_for("the end of the follower", || child.try_wait().unwrap()).await;
    goes_on(&machine).await;
}

#[tokio::test]
async fn a_process_group_that_is_killed_takes_no_run_along() {
    let machine = Machine::new().await;
    let (mut child, _terminal) = following(&machine);
    let group = rustix::process::Pid::from_raw(i32::try_from(child.process_id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    wait_for("the end of the follower", || child.try_wait().unwrap()).await;
    goes_on(&machine).await;
}
