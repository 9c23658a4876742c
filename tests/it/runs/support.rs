//! A machine of its own for each test: folders, settings, a session, and mecapy as the supervisor.

use mecapy::{
    config::{Environment, Flags, Paths, load_from},
    db,
    domain::{
        calculation::{Calculation, InputLink, NewCalculation},
        file::LinkedFile,
        id::{CalculationId, RunId},
        limits::Limits,
        run::RunRecord,
        run_state::RunState,
    },
    runs::{self, Follow, Followed, RunOptions},
    session::Session,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// The program under test.
pub const MECAPY: &str = env!("CARGO_BIN_EXE_mecapy");

/// No step takes longer on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Goes on until it is told to end, by a file beside its outputs.
pub const GATED: &str = r#"
import pathlib, time
out = pathlib.Path("/workspace/out") if pathlib.Path("/workspace/out").exists() else pathlib.Path(__file__).parents[1] / "out"
print("up", flush=True)
while not (out / "go").exists():
    time.sleep(0.02)
print("done")
"#;

/// An installation in a folder that goes with it.
pub struct Machine {
    pub folder: tempfile::TempDir,
    pub session: Session,
}

impl Machine {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With settings, as `--set` takes them.
    pub async fn with(set: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let session = session(folder.path(), set).await;
        Self { folder, session }
    }

    pub async fn calculation(&self, code: &str) -> CalculationId {
        self.calculation_with(code, "{}", Limits { timeout: 60, memory_limit: 512, cpu_limit: 2.0 }, vec![]).await
    }

    pub async fn calculation_with(
        &self,
        code: &str,
        parameters: &str,
        limits: Limits,
        inputs: Vec<InputLink>,
    ) -> CalculationId {
        let new = NewCalculation {
            name: "test".into(),
            description: None,
            code: code.into(),
            parameters: Some(parameters.into()),
            limits,
            tool_id: None,
            tool_version_id: None,
            parent_id: None,
            inputs,
        };
        db::calculations::create(&self.session.db, self.session.user.id, &new).await.unwrap()
    }

    pub async fn submit(&self, id: CalculationId) -> RunId {
        self.submit_with(id, Path::new(MECAPY)).await
    }

    pub async fn submit_with(&self, id: CalculationId, program: &Path) -> RunId {
        let options = RunOptions { program: Some(program.to_owned()), ..RunOptions::default() };
        runs::submit(&self.session, id, &options).await.unwrap()
    }

    /// mecapy with a fault asked for.
    pub fn faulty(&self, fault: &str) -> PathBuf {
        self.wrapper(&format!("MECAPY_FAULT={fault} exec {MECAPY} \"$@\""))
    }

    /// A program of shell that may do something before it becomes mecapy.
    pub fn wrapper(&self, script: &str) -> PathBuf {
        let path = self.folder.path().join(format!("wrapper-{}", RunId::new()));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub async fn get(&self, id: CalculationId) -> Calculation {
        db::calculations::get(&self.session.db, self.session.user.id, id).await.unwrap().unwrap()
    }

    pub async fn record(&self, id: CalculationId) -> RunRecord {
        db::runs::get(&self.session.db, self.session.user.id, id).await.unwrap().unwrap()
    }

    pub async fn files(&self, id: CalculationId) -> Vec<LinkedFile> {
        db::calculations::files(&self.session.db, self.session.user.id, id).await.unwrap()
    }

    pub fn spool(&self, run: RunId) -> PathBuf {
        runs::folder(&self.session.config.paths.spool(), run)
    }

    pub fn state(&self, run: RunId) -> Option<RunState> {
        let text = fs::read(self.spool(run).join("state.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The process that supervises a run.
    pub fn supervisor(&self, run: RunId) -> Option<rustix::process::Pid> {
        let text = fs::read(self.spool(run).join("supervisor.json")).ok()?;
        let who: serde_json::Value = serde_json::from_slice(&text).ok()?;
        rustix::process::Pid::from_raw(i32::try_from(who["pid"].as_i64()?).ok()?)
    }

    pub async fn kill_supervisor(&self, run: RunId) {
        let pid = wait_for("the supervisor", || self.supervisor(run)).await;
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        wait_for("its death", || has_ended(pid.as_raw_pid()).then_some(())).await;
    }

    /// Follows a run to its end; everything it printed.
    pub async fn follow(&self, id: CalculationId) -> String {
        let mut follow = Follow::open(&self.session, id).await.unwrap();
        let mut text = String::new();
        tokio::time::timeout(PATIENCE, async {
            while let Some(followed) = follow.next().await.unwrap() {
                if let Followed::Lines(lines) = followed {
                    for line in lines {
                        text.push_str(&String::from_utf8_lossy(&line.bytes));
                        text.push('\n');
                    }
                }
            }
        })
        .await
        .expect("the run ends");
        text
    }

    /// The whole log of a run that is over.
    pub async fn log(&self, id: CalculationId) -> String {
        let Some(mut log) = runs::open_log(&self.session, id).await.unwrap() else { return String::new() };
        let count = usize::try_from(log.len()).unwrap();
        log.lines(0, count)
            .unwrap()
            .iter()
            .fold(String::new(), |text, line| text + &String::from_utf8_lossy(&line.bytes) + "\n")
    }

    /// Nothing of any run is left: no spool, no ticket, no process.
    pub async fn assert_nothing_left(&self) {
        let spool = self.session.config.paths.spool();
        wait_for("an empty spool", || {
            fs::read_dir(&spool).map_or(true, |mut entries| entries.next().is_none()).then_some(())
        })
        .await;
        let queue = self.session.config.paths.state.join("queue").join(runs::host_name());
        let tickets = fs::read_dir(queue)
            .into_iter()
            .flatten()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "ticket"));
        assert_eq!(tickets.count(), 0, "tickets are left");
        let root = self.folder.path().to_str().unwrap().to_owned();
        wait_for("no process", || processes(&root).is_empty().then_some(())).await;
    }
}

/// Processes whose command line or working folder names a path.
pub fn processes(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if entry.file_name().to_str().is_none_or(|name| name.parse::<u32>().is_err()) {
            continue;
        }
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let mounts = fs::read_to_string(entry.path().join("mountinfo")).unwrap_or_default();
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if command.contains(path) || (mounts.contains(path) && mounts.contains("/workspace")) {
            found.push(format!("{} {} {command}", entry.file_name().display(), name.trim()));
        }
    }
    found
}

/// Waits for something to be there.
pub async fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A session of the installation in `root`.
pub async fn session(root: &Path, set: &[&str]) -> Session {
    let environment = Environment {
        variables: std::collections::BTreeMap::new(),
        home: root.to_owned(),
        current: root.to_owned(),
        base: Paths {
            config: root.join("config"),
            state: root.join("state"),
            cache: root.join("cache"),
            data: root.join("data"),
        },
        system_file: root.join("system.toml"),
    };
    // Tests run beside each other, on hosts with few cores.
    let set =
        ["runs.max_per_host=64", "sandbox.engine=builtin"].iter().chain(set).map(|set| (*set).to_owned()).collect();
    let flags = Flags { set, ..Flags::default() };
    Session::open(Arc::new(load_from(&flags, &environment).unwrap().config)).await.unwrap()
}

/// Whether a process does nothing any more: it is not there, or it has ended with all its threads and nobody has
/// waited for it yet.
pub fn has_ended(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| {
        // Fields 3 and 20 (proc(5)): its first thread may be over while others still hold files and locks.
        rest.starts_with(['Z', 'X']) && matches!(rest.split(' ').nth(17), Some("0" | "1"))
    })
}
