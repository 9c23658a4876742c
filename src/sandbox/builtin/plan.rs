//! From a job to what the shim is told.

use super::{EngineError, Level, filter};
use crate::sandbox::{
    Interpreter, Job, Program,
    wire::{Plan, Walls},
};
use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The managed runner: calls the code and accounts for what happened.
const RUNNER: &str = include_str!("../../../assets/runner/runner.py");
/// Where the code finds it in a private root; beside `in`, `out` and `scratch` elsewhere.
const RUNNER_PATH: &str = "/run/mecapy/runner.py";

/// Whom the code becomes where root starts it: `nobody` of every Linux.
const NOBODY: u64 = 65_534;

/// What of the host every program needs to read.
const SYSTEM: [&str; 8] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/sys/devices/system/cpu"];
/// What of `/etc` libraries read; the rest of it is nobody's business.
const SETTINGS: [&str; 7] = [
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/matplotlibrc",
];

impl Level {
    pub(super) const fn walls(self) -> Walls {
        match self {
            Self::E0 => Walls::None,
            Self::E1 => Walls::Landlock,
            Self::E2 => Walls::Namespaces,
        }
    }
}

/// A plan that only tries the walls.
pub fn probe(level: Level) -> Result<Plan, EngineError> {
    let mut plan = walls(level)?;
    plan.probe = true;
    Ok(plan)
}

/// The plan of a job.
pub fn of(job: &Job, level: Level) -> Result<Plan, EngineError> {
    let folder = job.folder.canonicalize();
    let folder = folder.map_err(|source| EngineError::Folder { path: job.folder.clone(), source })?;
    let workspace = if level == Level::E2 { PathBuf::from("/workspace") } else { folder.clone() };
    let Program::Python(python) = &job.program;
    let mut plan = walls(level)?;
    let runner = if level == Level::E2 {
        plan.files.push((RUNNER_PATH.into(), RUNNER.into()));
        PathBuf::from(RUNNER_PATH)
    } else {
        refuse_fixed_paths(&folder)?;
        let path = folder.join("in/.runner.py");
        fs::write(&path, RUNNER).map_err(|source| EngineError::Folder { path: path.clone(), source })?;
        path
    };
    for prefix in &python.prefixes {
        let bound = plan.binds.iter().any(|bind| prefix.starts_with(OsStr::from_bytes(bind)));
        // A prefix that holds the run's own folder holds everybody's: code finds nothing to import there anyway.
        if !bound && !folder.starts_with(prefix) {
            plan.binds.push(prefix.as_os_str().as_bytes().to_vec());
        }
    }
    plan.folder = folder.as_os_str().as_bytes().to_vec();
    // Isolated (no user site, no PYTHON variables, no folder of the script in the path), no bytecode files.
    plan.argv = vec![python.path.as_os_str().as_bytes().to_vec(), b"-I".to_vec(), b"-B".to_vec()];
    // A crash of a C library then says where the code was.
    plan.argv.extend([b"-X".to_vec(), b"faulthandler".to_vec()]);
    plan.argv.push(runner.as_os_str().as_bytes().to_vec());
    plan.env = environment(job, python, &workspace, level);
    let (limits, caps) = (&job.limits, &job.caps);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    plan.timeout_ms = u64::from(limits.timeout) * 1000;
    plan.memory = u64::from(limits.memory_limit) << 20;
    plan.cpu_milli = if limits.cpu_limit >= cores { 0 } else { (limits.cpu_limit * 1000.0).max(1.0) as u64 };
    plan.pids = caps.pids.into();
    plan.output_files = caps.output_files.into();
    plan.output_bytes = caps.output_bytes;
    plan.scratch_bytes = caps.scratch_bytes;
    plan.tmp_bytes = caps.tmp_bytes;
    // Counted as memory, so that more than half of it would only turn a full disk into a kill.
    plan.shm_bytes = plan.memory / 2;
    plan.grace_ms = u64::from(caps.grace) * 1000;
    Ok(plan)
}

fn walls(level: Level) -> Result<Plan, EngineError> {
    let failed = |error: filter::FilterError| EngineError::Setup { step: "seccomp".into(), problem: error.to_string() };
    let mut plan = Plan {
        probe: false,
        walls: level.walls(),
        folder: Vec::new(),
        become_id: if level == Level::E2 && rustix::process::geteuid().is_root() { NOBODY } else { 0 },
        binds: Vec::new(),
        links: Vec::new(),
        files: account_files(),
        argv: Vec::new(),
        env: Vec::new(),
        filters: filter::programs(level.walls()).map_err(failed)?,
        signal_filters: filter::no_signals().map_err(failed)?,
        timeout_ms: 0,
        memory: 0,
        cpu_milli: 0,
        pids: 0,
        output_files: 0,
        output_bytes: 0,
        scratch_bytes: 0,
        tmp_bytes: 1 << 20,
        shm_bytes: 1 << 20,
        grace_ms: 0,
    };
    for path in SYSTEM.iter().chain(&SETTINGS) {
        match fs::read_link(path) {
            Ok(target) => plan.links.push((path.as_bytes().to_vec(), target.into_os_string().as_bytes().to_vec())),
            Err(_) if Path::new(path).exists() => plan.binds.push(path.as_bytes().to_vec()),
            Err(_) => {}
        }
    }
    Ok(plan)
}

/// Who the code is, in the files where programs look it up.
fn account_files() -> Vec<(Vec<u8>, Vec<u8>)> {
    let id = 1000;
    [
        (
            "/etc/passwd",
            format!("mecapy:x:{id}:{id}::/workspace/scratch:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"),
        ),
        ("/etc/group", format!("mecapy:x:{id}:\nnogroup:x:65534:\n")),
        ("/etc/hosts", "127.0.0.1 localhost mecapy\n".to_owned()),
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".to_owned()),
    ]
    .map(|(path, text)| (path.into(), text.into_bytes()))
    .into()
}

fn environment(job: &Job, python: &Interpreter, workspace: &Path, level: Level) -> Vec<Vec<u8>> {
    let scratch = workspace.join("scratch");
    let threads = job.limits.cpu_limit.ceil().max(1.0).to_string();
    let mut path = python.path.parent().unwrap_or(Path::new("/usr/bin")).as_os_str().as_bytes().to_vec();
    path.extend(b":/usr/local/bin:/usr/bin:/bin");
    let mut list: Vec<(&str, Vec<u8>)> = vec![
        ("PATH", path),
        ("HOME", scratch.as_os_str().as_bytes().to_vec()),
        ("LANG", "C.UTF-8".into()),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
        ("MECAPY_CPU_LIMIT", job.limits.cpu_limit.to_string().into()),
        ("MECAPY_MEM_LIMIT_MB", job.limits.memory_limit.to_string().into()),
        ("MECAPY_SCRATCH", scratch.as_os_str().as_bytes().to_vec()),
    ];
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
        list.push((name, threads.clone().into()));
    }
    if level != Level::E2 {
        list.push(("MECAPY_WORKSPACE", workspace.as_os_str().as_bytes().to_vec()));
        list.push(("TMPDIR", scratch.as_os_str().as_bytes().to_vec()));
    }
    list.into_iter().map(|(name, value)| [name.as_bytes(), b"=", &value].concat()).collect()
}

/// Without a private root nothing can be put at `/workspace`.
fn refuse_fixed_paths(folder: &Path) -> Result<(), EngineError> {
    let path = folder.join("in/main.py");
    let code = fs::read(&path).map_err(|source| EngineError::Folder { path: path.clone(), source })?;
    let names_it = |line: &[u8]| line.windows(10).any(|part| part == b"/workspace");
    let Some(at) = code.split(|byte| *byte == b'\n').position(names_it) else { return Ok(()) };
    let line = at + 1;
    Err(EngineError::Refused(format!(
        "line {line} of the code names /workspace, which this host cannot provide (isolation level E1, no user \
         namespaces); a calculate function that takes its files as parameters runs, and so does any code at level E2: \
         mecapy doctor shows what an administrator can do"
    )))
}
