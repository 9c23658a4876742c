//! Ends that nobody ordered: the supervisor is killed, hangs, or the shim itself is killed. Nothing may live on.

use super::traces;
use crate::support::user::Person;
use mecapy::{
    domain::{
        id::RunId,
        limits::{Caps, Limits},
    },
    sandbox::{
        Job, Program,
        builtin::{self, EngineError, Identity, Leftover},
        contract, python,
    },
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    path::PathBuf,
    process::Child,
    time::{Duration, Instant},
};

/// Deaf to SIGTERM, out of its session, and with a child that is as well.
const DEAF: &str = "
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
open('started', 'w').close()
while True: time.sleep(1)
";

/// Holds a sandbox as a supervisor does, and tells who it is.
#[test]
#[ignore = "other tests start it in a process of its own"]
fn as_a_supervisor() {
    let home = PathBuf::from(std::env::var_os("MECAPY_IT_HOLD").expect("started by another test"));
    super::levels::lower(std::env::var("MECAPY_IT_DENY").ok().as_deref());
    let timeout = std::env::var("MECAPY_IT_TIMEOUT").unwrap().parse().unwrap();
    let folder = home.join("run");
    contract::prepare(&folder, DEAF, "{}", &[]).unwrap();
    let job = Job {
        run: RunId::new(),
        folder: folder.clone(),
        program: Program::Python(python::find(None).unwrap()),
        limits: Limits { timeout, ..Limits::default() },
        caps: Caps { grace: 1, ..Caps::default() },
        belongs: mecapy::sandbox::Belongs::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut running = builtin::start(&job, builtin::probe().level).await.unwrap();
        while !folder.join("out/artifacts/started").exists() {
            tokio::task::yield_now().await;
        }
        let identity = serde_json::to_vec(running.identity()).unwrap();
        fs::write(home.join("identity.part"), identity).unwrap();
        fs::rename(home.join("identity.part"), home.join("identity")).unwrap();
        let ended = running.wait().await;
        let lost = matches!(ended, Err(EngineError::Lost(_)));
        fs::write(home.join("ended"), if lost { "lost" } else { "told" }).unwrap();
    });
}

struct Held {
    person: Person,
    home: tempfile::TempDir,
    supervisor: Child,
    identity: Identity,
}

impl Held {
    fn start(timeout: u32, deny: Option<&str>) -> Self {
        let person = Person::unprivileged();
        let home = person.folder();
        let path = home.path().to_str().unwrap().to_owned();
        let timeout = timeout.to_string();
        let mut variables = vec![("MECAPY_IT_HOLD", path.as_str()), ("MECAPY_IT_TIMEOUT", &timeout)];
        variables.extend(deny.map(|deny| ("MECAPY_IT_DENY", deny)));
        let mut supervisor = person.command("sandbox::ends::as_a_supervisor", home.path(), &variables).spawn().unwrap();
        let file = home.path().join("identity");
        until("the sandbox starts", || {
            assert!(supervisor.try_wait().unwrap().is_none(), "the supervisor ended early");
            file.exists()
        });
        let identity = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        Self { person, home, supervisor, identity }
    }

    fn signal_supervisor(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.supervisor), signal).unwrap();
    }

    /// Every process of this person but the supervisor.
    fn others(&self) -> Vec<String> {
        let supervisor = format!("process {} ", self.supervisor.id());
        let processes = traces::of(self.person).into_iter().filter(|trace| trace.starts_with("process "));
        processes.filter(|trace| !trace.starts_with(&supervisor)).collect()
    }

    fn ended(&self) -> String {
        fs::read_to_string(self.home.path().join("ended")).unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited for 30 s: {what}");
        #[expect(clippy::disallowed_methods, reason = "the test has no runtime, and what it waits for tells nobody")]
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Processes of one person can be counted only where they are not everybody's.
fn alone() -> bool {
    let alone = rustix::process::geteuid().is_root();
    if !alone {
        crate::support::skipped("only root can give these processes an id of their own");
    }
    alone
}

#[test]
fn the_sandbox_of_a_killed_supervisor_ends_and_a_later_start_can_end_it_at_once() {
    if !alone() {
        return;
    }
    for deny in [None, Some("namespaces")] {
        let mut held = Held::start(60, deny);
        assert!(!held.others().is_empty() && held.identity.is_alive());
        held.supervisor.kill().unwrap();
        held.supervisor.wait().unwrap();
        let begun = Instant::now();
        builtin::kill_leftover(&held.identity).unwrap();
        until("everything is gone", || held.others().is_empty());
        assert!(begun.elapsed() < Duration::from_secs(5), "{deny:?}: {:?}", begun.elapsed());
        assert_eq!(builtin::kill_leftover(&held.identity).unwrap(), Leftover::Gone);
    }
}

#[test]
fn nobody_needs_to_call_for_the_end_of_an_orphaned_sandbox() {
    if !alone() {
        return;
    }
    let mut held = Held::start(60, None);
    held.supervisor.kill().unwrap();
    held.supervisor.wait().unwrap();
    until("SIGTERM, the grace and SIGKILL end it", || held.others().is_empty());
}

#[test]
fn the_clock_fires_while_the_supervisor_hangs() {
    if !alone() {
        return;
    }
    let held = Held::start(3, None);
    held.signal_supervisor(Signal::STOP);
    // The outer stage stays as a zombie until its parent goes on; that counts as ended.
    until("the sandbox is over", || held.others().is_empty());
    held.signal_supervisor(Signal::CONT);
    until("the end is told", || held.ended() == "told");
}

#[test]
fn a_killed_shim_takes_everything_with_it_and_is_reported_as_trouble_of_the_engine() {
    if !alone() {
        return;
    }
    let held = Held::start(60, None);
    kill_process(Pid::from_raw(held.identity.pid).unwrap(), Signal::KILL).unwrap();
    until("the loss is told", || held.ended() == "lost");
    until("nothing is left", || held.others().is_empty());
}
