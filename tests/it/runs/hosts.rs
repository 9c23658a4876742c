//! Two hosts on one database: what each sees of the other's runs, a stop from afar, and nothing that runs twice.
//!
//! The other host is this one under another name, in a namespace of its own; only root can make that.

use super::support::{MECAPY, Machine, PATIENCE, has_ended, wait_for};
use crate::support::{home::Home, postgres};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use mecapy::{
    db,
    domain::{id::CalculationId, run::RunRecord, run_state::RunState, status::Status},
    runs::{self, Cancel, Follow, Followed},
};
use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const OTHER: &str = "other-host";

/// Whether this machine lets the tests give a process another host name.
fn can_rename() -> bool {
    let done = Command::new("unshare").args(["--uts", "hostname", OTHER]).output();
    let can = done.is_ok_and(|done| done.status.success());
    if !can {
        crate::support::skipped("another host name needs root and the program unshare");
    }
    can
}

/// A command of mecapy on the other host.
fn on_other(home: &Home, arguments: &[&str]) -> Command {
    let inner = home.command(arguments);
    let mut command = Command::new("unshare");
    command.args(["--uts", "/bin/sh", "-c", "hostname \"$0\" && exec \"$@\"", OTHER]).arg(inner.get_program());
    command.args(inner.get_args()).env_clear().current_dir(home.path()).stdin(std::process::Stdio::null());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.process_group(0);
    command
}

fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

async fn record(machine: &Machine, id: CalculationId) -> RunRecord {
    db::runs::get(&machine.session.db, machine.session.user.id, id).await.unwrap().unwrap()
}

/// This machine, and a home of the same person on the other host, with one database and one store.
async fn pair(database: &postgres::Database) -> (Machine, Home) {
    let machine = Machine::with(&[&format!("database.url={}", database.url())]).await;
    let store = machine.session.store.root().display().to_string();
    let home = Home::new().with("DATABASE_URL", &database.url()).with("MECAPY_STORAGE_PATH", &store);
    // Nobody waits for that long: what ends in time was ended by the second stage.
    let home = home.with("MECAPY_CAPS_GRACE", "60");
    (machine, home)
}

/// Submits on the other host and waits until it runs there.
async fn running_elsewhere(machine: &Machine, home: &Home, code: &str) -> CalculationId {
    home.file("code.py", code);
    let submitted = on_other(home, &["calc", "run", "code.py", "--json", "--timeout", "120"]);
    let submitted = String::from_utf8(done(submitted).stdout).unwrap();
    let value: serde_json::Value = serde_json::from_str(submitted.lines().next().unwrap()).unwrap();
    let id = CalculationId(value["id"].as_i64().or_else(|| value["calculation"].as_i64()).expect(&submitted));
    let began = Instant::now();
    while record(machine, id).await.status != Status::Running {
        assert!(began.elapsed() < PATIENCE, "it never runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    id
}

#[tokio::test]
async fn a_run_of_another_host_is_watched_and_stopped_from_here() {
    let Some(database) = postgres::database() else { return };
    if !can_rename() {
        return;
    }
    let (machine, home) = pair(&database).await;
    let code = "import os, signal, time, json\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                out = os.path.join(os.environ.get('MECAPY_OUT', '/workspace/out'), 'progress.jsonl')\n\
                open(out, 'w').write(json.dumps({'step': 3, 'total': 9}) + '\\n')\n\
                x = bytearray(30 << 20)\nprint('far away', flush=True)\ntime.sleep(100)\n";
    let id = running_elsewhere(&machine, &home, code).await;
    let began = Instant::now();
    let state = loop {
        let record = record(&machine, id).await;
        assert_eq!(record.host, OTHER);
        let state = record.live.as_deref().and_then(|live| serde_json::from_str::<RunState>(live).ok());
        if let Some(state) = state.filter(|state| state.usage.is_some_and(|usage| usage.memory > 20 << 20)) {
            assert!(record.heartbeat_at.is_some() && record.cpu_time.is_some() && record.peak_memory.is_some());
            break state;
        }
        assert!(began.elapsed() < PATIENCE, "its record never tells what it uses");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((state.status, state.limits.timeout), (Status::Running, 120));
    assert_eq!(state.progress.and_then(|progress| progress.step), Some(3.0));

    let mut follow = Follow::open(&machine.session, id).await.unwrap();
    assert!(follow.is_elsewhere());
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
    // It is deaf to that, and would have a long grace.
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Stopping);
    assert_eq!(runs::cancel_now(&machine.session, id).await.unwrap(), Cancel::Killed);
    let (mut text, mut end) = (String::new(), None);
    let all = async {
        while let Some(followed) = follow.next().await.unwrap() {
            match followed {
                Followed::Lines(lines) => {
                    text.extend(lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()));
                }
                Followed::Ended(status) => end = Some(status),
                Followed::Trouble(error) => panic!("{error}"),
                Followed::State(_) | Followed::LogLength(_) => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("it ends");
    assert_eq!((end, text.as_str()), (Some(Status::Cancelled), "far away"));
}

/// Work for every core and one more, until it is dropped.
struct Load(Arc<AtomicBool>);

impl Load {
    fn new() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..=std::thread::available_parallelism().map_or(2, usize::from) {
            let over = over.clone();
            std::thread::spawn(move || while !over.load(Ordering::Relaxed) {});
        }
        Self(over)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_asked_elsewhere_reaches_a_busy_supervisor_in_time() {
    let Some(database) = postgres::database() else { return };
    if !can_rename() {
        return;
    }
    let (machine, home) = pair(&database).await;
    // It prints without end, and does not mind being told to stop: its folder is there to be looked at.
    let code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                while True: print('x' * 100, flush=True)\n";
    let id = running_elsewhere(&machine, &home, code).await;
    let run = record(&machine, id).await.id;
    let note = home.path().join(".local/state/mecapy/spool").join(run.to_string()).join("cancel");
    let _load = Load::new();
    for wait in [300, 800] {
        // Any moment of its round.
        tokio::time::sleep(Duration::from_millis(wait)).await;
        assert!(!note.exists());
    }
    assert_eq!(runs::cancel(&machine.session, id).await.unwrap(), Cancel::Asked);
    let received = wait_for("the stop", || fs::metadata(&note).ok()?.modified().ok()).await;
    let asked = database.superuser(&format!("SELECT stop_requested_at FROM calculation_runs WHERE id = '{run}'"));
    let asked = NaiveDateTime::parse_from_str(&asked, "%Y-%m-%d %H:%M:%S%.f").expect(&asked);
    let received = DateTime::<Utc>::from(received).naive_utc();
    assert!(received - asked <= TimeDelta::seconds(2), "asked at {asked}, received at {received}");
    assert!(asked <= received, "asked at {asked}, received at {received}");
}

#[tokio::test]
async fn no_other_host_takes_a_run_even_with_the_same_folders() {
    let Some(database) = postgres::database() else { return };
    if !can_rename() {
        return;
    }
    let url = database.url();
    let machine = Machine::with(&[&format!("database.url={url}")]).await;
    let id = machine.calculation("print('once')").await;
    let run = machine.submit_with(id, &machine.faulty("kill:waiting")).await;
    let pid = wait_for("the supervisor", || machine.supervisor(run)).await;
    wait_for("its death", || has_ended(pid.as_raw_pid()).then_some(())).await;

    // Home folders are often the same on all hosts: what is in the spool is another host's all the same.
    let state = machine.session.config.paths.state.display().to_string();
    let home = Home::new().with("DATABASE_URL", &url).with("MECAPY_PATHS_STATE", &state);
    done(on_other(&home, &["calc", "ls"]));
    assert_eq!(record(&machine, id).await.status, Status::Pending);
    assert!(machine.spool(run).is_dir());

    let report = runs::reconcile_with(&machine.session, Some(Path::new(MECAPY))).await;
    assert_eq!(report.restarted, [id], "{report:?}");
    assert_eq!(machine.follow(id).await, "once\n");
    // Of two that would claim it one gets it, whatever host they are on.
    assert_eq!(record(&machine, id).await.status, Status::Completed);
    // Its name goes first, what was in it a moment later.
    let spool = machine.session.config.paths.spool();
    wait_for("an empty spool", || fs::read_dir(&spool).unwrap().next().is_none().then_some(())).await;
}
