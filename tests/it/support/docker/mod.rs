//! Real container engines for the tests: dockerd and Podman on sockets of their own, images made on the spot, and a
//! registry on loopback. Nothing of the machine's own engine is read or changed.

pub mod images;
mod keeper;
mod podman;
pub mod registry;

pub use registry::Registry;

use super::skipped;
use bollard::{API_DEFAULT_VERSION, Docker};
use keeper::Keeper;
use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// How long a server may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A real engine on its own socket.
pub struct Engine {
    keeper: Mutex<Keeper>,
    folder: PathBuf,
    made: images::Made,
}

impl Engine {
    /// The dockerd of the whole test binary, or `None` after saying that the test is skipped.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<Engine, String>> = OnceLock::new();
        said(SHARED.get_or_init(|| Self::docker(&[])).as_ref())
    }

    /// A dockerd of the test's own, to be stopped and started: see [`Engine::stop`].
    pub fn own() -> Option<Self> {
        said(Self::docker(&[]))
    }

    /// The same with more of dockerd's options.
    pub fn own_with(options: &[&str]) -> Option<Self> {
        said(Self::docker(options))
    }

    /// Podman's service of the whole test binary.
    pub fn podman() -> Option<&'static Self> {
        static SHARED: OnceLock<Result<Engine, String>> = OnceLock::new();
        said(SHARED.get_or_init(|| Self::start_new("podman", podman::command)).as_ref())
    }

    fn docker(options: &[&str]) -> Result<Self, String> {
        Self::start_new("dockerd", |folder| dockerd(folder, options))
    }

    fn start_new(program: &str, command: impl FnOnce(&Path) -> Command) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err(format!("{program} is started by root only"));
        }
        if !on_the_path(program) {
            return Err(format!("no {program} on the PATH"));
        }
        let keeper = Keeper::new(program, command);
        let engine =
            Self { folder: keeper.folder().to_owned(), keeper: Mutex::new(keeper), made: images::Made::default() };
        engine.try_start().map_err(|log| format!("{program} does not start here: {log}"))?;
        Ok(engine)
    }

    /// Whether this is Podman's service.
    pub fn is_podman(&self) -> bool {
        self.folder.to_string_lossy().contains("podman")
    }

    /// The socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("engine.sock")
    }

    /// The value of `DOCKER_HOST` for it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where it keeps everything; gone with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A new client, belonging to the runtime of the caller.
    pub fn client(&self) -> Docker {
        Docker::connect_with_unix(&self.host(), 120, API_DEFAULT_VERSION)
            .map(|client| client.with_timeout(Duration::from_mins(2)))
            .expect("a client needs no engine")
    }

    /// Lets users without any group use the socket.
    pub fn open_to_everybody(&self) {
        use std::os::unix::fs::PermissionsExt as _;
        for (path, mode) in [(self.folder.clone(), 0o711), (self.socket(), 0o666)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
        }
    }

    /// Stops it in an orderly way, which ends its containers.
    pub fn stop(&self) {
        self.keeper().order("stop");
    }

    /// Kills it; its containers go on without it.
    pub fn kill(&self) {
        self.keeper().order("kill");
    }

    /// Starts it again and waits until it answers.
    #[track_caller]
    pub fn start(&self) {
        self.try_start().unwrap_or_else(|log| panic!("the engine does not come back: {log}"));
    }

    fn try_start(&self) -> Result<(), String> {
        let mut keeper = self.keeper();
        keeper.order("start");
        keeper.wait(PATIENCE, || answers(&self.socket()))
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is, or `None` after saying why the test is skipped.
fn said<T, E: AsRef<str>>(outcome: Result<T, E>) -> Option<T> {
    outcome.map_err(|reason| skipped(reason.as_ref())).ok()
}

/// Whether a program can be started by its name.
pub fn on_the_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// Runs asynchronous work of the support to its end, from any test, with a runtime around it or not.
pub fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        scope.spawn(move || runtime().block_on(work)).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A dockerd that leaves the machine's network, settings and control groups alone.
fn dockerd(folder: &Path, options: &[&str]) -> Command {
    let settings = folder.join("daemon.json");
    std::fs::write(&settings, "{}").expect("the folder is ours");
    let mark = folder.file_name().expect("a temporary folder has a name").to_string_lossy();
    let mut command = Command::new("dockerd");
    for (option, name) in
        [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid"), ("--config-file", "daemon.json")]
    {
        command.arg(option).arg(folder.join(name));
    }
    command
        .arg("--host")
        .arg(format!("unix://{}", folder.join("engine.sock").display()))
        .args(["--group", "root", "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"])
        .args(["--userland-proxy=false", "--exec-opt=native.cgroupdriver=cgroupfs"])
        .arg(format!("--cgroup-parent=/{mark}"))
        .args(options);
    // Where its containerd writes what it did, when a slow machine makes dockerd restart it.
    let temporary = folder.join("tmp");
    std::fs::create_dir_all(&temporary).expect("the folder is ours");
    command.env("TMPDIR", temporary);
    // Nothing is ever asked of a public registry.
    for name in ["HTTP_PROXY", "HTTPS_PROXY"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.env("NO_PROXY", "127.0.0.0/8,localhost");
    command
}

/// Whether an engine answers on this socket.
fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.") && answer.contains(" 200 "))
    };
    ask().unwrap_or(false)
}
