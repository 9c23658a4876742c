//! A server that ends with the test process, however that ends: a shell in its own session holds it, in its own mount
//! namespace, and cleans up when its standard input closes.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/docker/keeper.sh");

/// A server and whoever cleans up after it.
pub struct Keeper {
    folder: PathBuf,
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    /// A keeper of a new folder, given to `command` so that it can name paths in it; nothing is started yet.
    pub fn new(kind: &str, command: impl FnOnce(&Path) -> Command) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("mecapy-it-{kind}-"))
            .tempdir()
            .expect("a temporary folder can be made")
            .keep();
        let command = command(&folder);
        let mut shell = Command::new("setsid");
        // As a process group leader, setsid would fork, and nobody would hear of the shell's end.
        shell.args(["--wait", "unshare", "--mount", "--propagation", "private", "bash", SCRIPT]);
        shell.arg(&folder).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        let mut shell = shell
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid and unshare are part of every distribution");
        let (orders, answers) = (shell.stdin.take(), shell.stdout.take().map(BufReader::new));
        Self { folder, shell, orders, answers: answers.expect("piped above") }
    }

    /// The server's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives an order (`start`, `stop` or `kill`) and waits until it is done.
    pub fn order(&mut self, word: &str) {
        let mut answer = String::new();
        writeln!(self.orders.as_ref().expect("open until dropped"), "{word}").expect("the keeper listens");
        self.answers.read_line(&mut answer).expect("the keeper answers");
        assert_eq!(answer.trim(), word, "the keeper of {} is gone", self.folder.display());
    }

    /// The last lines that the server wrote.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(2_000)..]).into_owned()
    }

    /// Waits until `ready`; otherwise what the server wrote last.
    pub fn wait(&self, patience: Duration, mut ready: impl FnMut() -> bool) -> Result<(), String> {
        let end = Instant::now() + patience;
        while !ready() {
            if Instant::now() > end {
                return Err(self.log());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.shell.wait();
    }
}
