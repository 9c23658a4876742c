//! From a job to what the shim is told.

use super::{EngineError, Level};
use crate::sandbox::{
    Interpreter, Job, Program, filter,
    parts::{self, RUNNER},
    wire::{Plan, Walls},
};
use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

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
    let Program::Python(python) = &job.program else {
        return Err(EngineError::Refused(
            "this runs the command of a container image, which the built-in sandbox cannot".into(),
        ));
    };
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
    let home = std::env::home_dir();
    for prefix in python.prefixes.iter().flat_map(|prefix| narrow(prefix, &folder, home.as_deref())) {
        let bound = plan.binds.iter().any(|bind| prefix.starts_with(OsStr::from_bytes(bind)));
        if !bound {
            plan.binds.push(prefix.into_os_string().into_vec());
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
        start_in: Vec::new(),
        also_scratch: Vec::new(),
        secret: Vec::new(),
    };
    for path in SYSTEM.iter().chain(&SETTINGS) {
        match fs::read_link(path) {
            Ok(target) => plan.links.push((path.as_bytes().to_vec(), target.into_os_string().into_vec())),
            Err(_) if Path::new(path).exists() => plan.binds.push(path.as_bytes().to_vec()),
            Err(_) => {}
        }
    }
    Ok(plan)
}

/// What the code may read of a prefix: all of it, or only Python's own parts where it holds the user's other files.
///
/// A venv made straight in the home folder, or an interpreter below `~/.local`, must not show the code everything
/// else that is there, the spool of other runs included.
fn narrow(prefix: &Path, folder: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let holds_more = folder.starts_with(prefix) || home.is_some_and(|home| home.starts_with(prefix));
    if !holds_more {
        return vec![prefix.to_owned()];
    }
    let parts = ["bin", "lib", "lib64", "pyvenv.cfg"].map(|part| prefix.join(part));
    parts.into_iter().filter(|part| part.exists() && !folder.starts_with(part)).collect()
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
    let mut path = python.path.parent().unwrap_or(Path::new("/usr/bin")).as_os_str().as_bytes().to_vec();
    path.extend(b":/usr/local/bin:/usr/bin:/bin");
    let mut list = parts::variables(&job.limits, &scratch);
    list.push(("PATH", path));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_holds_the_users_files_is_narrowed_to_pythons_own() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        for part in ["bin", "lib", ".local/state/mecapy/spool/1", ".local/lib", "project/venv"] {
            fs::create_dir_all(home.join(part)).unwrap();
        }
        let folder = home.join(".local/state/mecapy/spool/1");
        let narrowed = |prefix: &str| narrow(&home.join(prefix), &folder, Some(home));
        assert_eq!(narrowed(""), [home.join("bin"), home.join("lib")]);
        assert_eq!(narrowed(".local"), [home.join(".local/lib")]);
        assert_eq!(narrowed("project/venv"), [home.join("project/venv")]);
        assert_eq!(narrow(Path::new("/opt/python"), &folder, Some(home)), [Path::new("/opt/python")]);
    }

    #[test]
    fn a_job_without_namespaces_may_not_name_the_fixed_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/main.py"), "import os\nopen('/workspace/out/data.json')\n").unwrap();
        let refusal = refuse_fixed_paths(folder.path()).unwrap_err().to_string();
        assert!(refusal.starts_with("line 2 of the code names /workspace"), "{refusal}");
        fs::write(folder.path().join("in/main.py"), "def calculate():\n    return {}\n").unwrap();
        refuse_fixed_paths(folder.path()).unwrap();
    }
}
