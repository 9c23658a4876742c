//! A home folder of its own for the real program: nothing of the machine's user is read or written.

use super::user::Person;
use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A temporary home folder.
pub struct Home {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    program: PathBuf,
    /// The person to run as.
    ordinary: Option<Person>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Done {
    /// The exit code; 128 + number for a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Home {
    /// An empty home.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // The bound on runs of a host is shared by everybody on it: other tests, and people.
        let variables = [("MECAPY_RUNS_MAX_PER_HOST", "64"), ("MECAPY_SANDBOX_ENGINE", "builtin")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { folder, variables, program: env!("CARGO_BIN_EXE_mecapy").into(), ordinary: None }
    }

    /// The same with a variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another file as the program.
    pub fn with_program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// The same for a user whom permissions hold back; root (CI) becomes somebody else.
    pub fn of_an_ordinary_user(mut self) -> Self {
        if rustix::process::geteuid().is_root() {
            let person = Person::unprivileged();
            // The build folder may be out of that person's reach.
            let program = self.path().join("mecapy");
            std::fs::copy(&self.program, &program).expect("the program can be copied");
            give(&program, person);
            give(self.path(), person);
            self.program = program;
            self.ordinary = Some(person);
        }
        self
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below it and gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the home")).expect("the folder can be made");
        std::fs::write(&path, content).expect("the file can be written");
        if let Some(person) = self.ordinary {
            give(&path, person);
        }
        path
    }

    /// The embedded database.
    pub fn database(&self) -> PathBuf {
        self.path().join(".local/share/mecapy/mecapy.db")
    }

    /// The program, in this home, with no other variables than these and PATH.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(person) = self.ordinary {
            command.uid(person.id()).gid(person.id());
        }
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("USER", "ann")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.command(arguments).output().expect("the program starts").into()
    }

    /// Runs it to its end with this on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Done {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that does not read all of it closes the pipe; that is its right.
        let _ = child.stdin.take().expect("piped above").write_all(input);
        child.wait_with_output().expect("the program ends").into()
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let status = output.status;
        Self {
            code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            out: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
            err: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        }
    }
}

impl Done {
    /// Fails the test unless it ended with this code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Fails the test unless standard error holds this.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.err.contains(words), "{words:?} is not in stderr: {}\nstdout: {}", self.err, self.out);
        self
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\nstderr: {}", self.out, self.err))
    }

    /// Standard output as one JSON value a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }
}

fn give(path: &Path, person: Person) {
    std::os::unix::fs::chown(path, Some(person.id()), Some(person.id())).expect("root gives files away");
}
