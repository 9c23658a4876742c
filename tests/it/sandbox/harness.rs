//! Runs jobs in a process of their own, as an unprivileged user or as the caller, several at a time.

use crate::support::user::Person;
use mecapy::{
    domain::{
        id::RunId,
        limits::{Caps, Limits},
        run::{ErrorKind, Outcome, Usage},
        status::Status,
    },
    sandbox::{Ended, Job, Outputs, Program, Running, Stopped, builtin, contract, python},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::Semaphore,
};

/// One run to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    pub name: String,
    pub code: Vec<u8>,
    pub parameters: String,
    /// Content and name of input files.
    pub inputs: Vec<(String, String)>,
    pub limits: Limits,
    pub caps: Caps,
    /// Seconds after the start.
    pub cancel_after: Option<f64>,
    pub python: Option<PathBuf>,
}

impl Case {
    pub fn new(name: &str, code: &str) -> Self {
        Self {
            name: name.into(),
            code: code.into(),
            parameters: "{}".into(),
            inputs: Vec::new(),
            limits: Limits { timeout: 20, ..Limits::default() },
            caps: Caps::default(),
            cancel_after: None,
            python: None,
        }
    }

    /// Runs this one alone, without privileges.
    pub fn run(self) -> Seen {
        run(Person::unprivileged(), &[self], &[]).remove(0)
    }
}

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    pub name: String,
    pub outcome: Outcome,
    /// The first and last part of what it printed.
    pub output: String,
    pub output_bytes: u64,
    /// Whether "ESCAPE" stood anywhere in it.
    pub escaped: bool,
    /// The level it ran at.
    pub level: String,
    /// Seconds from the call that starts it to its collected outcome.
    pub wall: f64,
    /// Figures as they came: seconds since the start, and bytes.
    pub samples: Vec<(f64, u64)>,
    /// What the collected files hold, up to a kilobyte each.
    pub kept: Vec<String>,
}

impl Seen {
    /// Nothing yet.
    pub fn of(case: &Case, level: String) -> Self {
        Self {
            name: case.name.clone(),
            outcome: refused(String::new()),
            output: String::new(),
            output_bytes: 0,
            escaped: false,
            level,
            wall: 0.0,
            samples: Vec::new(),
            kept: Vec::new(),
        }
    }
}

/// How many run at once: each has half a core, and there are two.
const AT_ONCE: usize = 4;
/// The most that is kept of an output at either end, bytes.
const KEPT: usize = 64 << 10;

/// Runs all of them as `person`; the answers are in the order of the cases.
pub fn run(person: Person, cases: &[Case], variables: &[(&str, &str)]) -> Vec<Seen> {
    let home = person.folder();
    let request = home.path().join("request.json");
    fs::write(&request, serde_json::to_vec(cases).unwrap()).unwrap();
    let text = request.to_str().unwrap().to_owned();
    let mut variables = variables.to_vec();
    variables.push(("MECAPY_IT_REQUEST", &text));
    person.run("sandbox::harness::as_another_process", home.path(), &variables);
    serde_json::from_slice(&fs::read(home.path().join("answer.json")).unwrap()).unwrap()
}

#[test]
#[ignore = "other tests start it in a process of its own"]
fn as_another_process() {
    let request = PathBuf::from(std::env::var_os("MECAPY_IT_REQUEST").expect("started by another test"));
    let home = request.parent().unwrap().to_owned();
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(&request).unwrap()).unwrap();
    super::levels::lower(std::env::var("MECAPY_IT_DENY").ok().as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = runtime.block_on(async {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let runs: Vec<_> = cases
            .into_iter()
            .enumerate()
            .map(|(number, case)| {
                let (places, folder) = (places.clone(), home.join(number.to_string()));
                tokio::spawn(async move {
                    let _place = places.acquire_owned().await.unwrap();
                    one(case, &folder).await
                })
            })
            .collect();
        let mut seen = Vec::new();
        for run in runs {
            seen.push(run.await.unwrap());
        }
        seen
    });
    fs::write(home.join("answer.json"), serde_json::to_vec(&seen).unwrap()).unwrap();
}

async fn one(case: Case, folder: &Path) -> Seen {
    let isolation = builtin::probe();
    let mut seen = Seen::of(&case, isolation.level.to_string());
    let interpreter = python::find(case.python.as_deref()).unwrap();
    let begun = Instant::now();
    let run = folder.join("run");
    fs::create_dir(folder).unwrap();
    let mut inputs = Vec::new();
    for (content, name) in &case.inputs {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        inputs.push((path, name.clone()));
    }
    let Ok(code) = String::from_utf8(case.code.clone()) else {
        seen.outcome = refused("the code is not valid UTF-8".into());
        return seen;
    };
    if let Err(error) = contract::prepare(&run, &code, &case.parameters, &inputs) {
        seen.outcome = refused(error.to_string());
        return seen;
    }
    let program = Program::Python(interpreter);
    let (limits, caps) = (case.limits, case.caps);
    let job = Job {
        run: RunId::new(),
        folder: run.clone(),
        program,
        limits,
        caps,
        belongs: mecapy::sandbox::Belongs::default(),
    };
    let started = match isolation.accept(true) {
        Ok(level) => builtin::start(&job, level).await,
        Err(error) => Err(error),
    };
    let running = match started {
        Ok(running) => running,
        Err(error) => {
            seen.outcome = refused(error.to_string());
            return seen;
        }
    };
    let mut running = Running::Builtin(running);
    let (ended, tail) = watch(&case, &mut running, &mut seen).await;
    judge(&case, &ended, &tail, folder, &mut seen);
    seen.wall = begun.elapsed().as_secs_f64();
    // Folders without permissions, and more of them inside each other than a path can name.
    for (program, arguments) in [("chmod", ["-R", "u+rwx"].as_slice()), ("rm", &["-rf"])] {
        let done = tokio::process::Command::new(program).args(arguments).arg(&run).output().await.unwrap();
        assert!(done.status.success(), "{program} of {}: {}", case.name, String::from_utf8_lossy(&done.stderr));
    }
    seen
}

/// Reads a run to its end, cancels it where the case says so; how it ended, and the end of its stderr.
pub async fn watch(case: &Case, running: &mut Running, seen: &mut Seen) -> (Ended, String) {
    let Outputs { mut stdout, mut stderr } = running.take_output().unwrap();
    let (mut out, mut err) = (Log::default(), Log::default());
    let mut usage = running.watch_usage();
    let clock = Instant::now();
    let mut cancel = case.cancel_after.map(Duration::from_secs_f64);
    let (mut out_open, mut err_open, mut usage_open) = (true, true, true);
    let mut end = None;
    let (mut one, mut two) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    while end.is_none() || out_open || err_open {
        let to_cancel = cancel.map_or(Duration::from_hours(1), |after| after.saturating_sub(clock.elapsed()));
        tokio::select! {
            more = out.fill(&mut stdout, &mut one), if out_open => out_open = more,
            more = err.fill(&mut stderr, &mut two), if err_open => err_open = more,
            ended = running.wait(), if end.is_none() => end = Some(ended.unwrap()),
            changed = usage.changed(), if usage_open => {
                usage_open = changed.is_ok();
                let Usage { execution_time, memory, .. } = *usage.borrow_and_update();
                seen.samples.push((execution_time, memory));
            }
            () = tokio::time::sleep(to_cancel), if end.is_none() => {
                cancel = None;
                running.stop(Stopped::Cancelled);
            }
        }
        if out.bytes + err.bytes > case.caps.log_bytes {
            running.stop(Stopped::Log);
        }
    }
    seen.escaped = out.escaped || err.escaped;
    seen.output_bytes = out.bytes + err.bytes;
    seen.output = [out.text(), err.text()].join("\n");
    (end.unwrap(), String::from_utf8_lossy(&err.last).into_owned())
}

/// Collects what a run left below `folder/run`.
pub fn judge(case: &Case, ended: &Ended, tail: &str, folder: &Path, seen: &mut Seen) {
    let into = folder.join("kept");
    seen.outcome = contract::collect(&folder.join("run"), &into, ended, &case.caps, &case.limits, tail);
    seen.kept = seen.outcome.outputs.iter().map(|file| beginning(&into.join(&file.stored))).collect();
}

fn beginning(path: &Path) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path).unwrap().take(1_024).read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The end of a run that never began.
pub fn refused(message: String) -> Outcome {
    Outcome {
        status: Status::Failed,
        error_kind: Some(ErrorKind::Refused),
        error_message: Some(message),
        error_line: None,
        result_data: None,
        outputs: Vec::new(),
        notes: Vec::new(),
        exit_code: None,
        signal: None,
        usage: None,
    }
}

/// An output, its ends kept and all of it searched.
#[derive(Default)]
struct Log {
    first: Vec<u8>,
    last: Vec<u8>,
    bytes: u64,
    escaped: bool,
}

impl Log {
    /// Reads once; whether there may be more.
    async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> bool {
        let read = from.read(buffer).await.unwrap_or(0);
        let new = &buffer[..read];
        self.bytes += read as u64;
        let room = KEPT.saturating_sub(self.first.len()).min(read);
        self.first.extend_from_slice(&new[..room]);
        let seam = self.last.len().saturating_sub(8);
        self.last.extend_from_slice(new);
        self.escaped |= self.last[seam..].windows(6).any(|part| part == b"ESCAPE");
        if self.last.len() > KEPT {
            self.last.drain(..self.last.len() - KEPT);
        }
        read > 0
    }

    fn text(&self) -> String {
        let mut bytes = self.first.clone();
        if self.bytes as usize > self.first.len() {
            let missing = self.bytes as usize - self.first.len();
            bytes.extend_from_slice(b"\n...\n");
            bytes.extend_from_slice(&self.last[self.last.len().saturating_sub(missing)..]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
