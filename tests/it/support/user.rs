//! An unprivileged user for a part of a test: root proves nothing about "no root".
//!
//! Where the tests run as root, a process of the test binary itself is started as somebody who exists nowhere else:
//! an id without an account, so that nothing is added to the machine and two runs at once do not meet. Elsewhere it
//! is the current user.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, fs::chown, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// Who a process runs as: a user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person(u32);

impl Person {
    /// Nobody special, and nobody else's tests.
    pub fn unprivileged() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return Self::caller();
        }
        // Above every id that a distribution gives away.
        let number = std::process::id().wrapping_mul(16) + MADE.fetch_add(1, Ordering::Relaxed);
        Self(200_000 + number % 1_000_000)
    }

    /// Whoever runs the tests.
    pub fn caller() -> Self {
        Self(rustix::process::geteuid().as_raw())
    }

    /// The user id.
    pub fn id(self) -> u32 {
        self.0
    }

    /// A folder of this person's own, closed to others.
    pub fn folder(self) -> tempfile::TempDir {
        let folder = tempfile::Builder::new().prefix("mecapy-it-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        chown(folder.path(), Some(self.id()), Some(self.id())).ok();
        folder
    }

    /// One ignored test of this binary as a process of this person, with `variables` and nothing else around it.
    pub fn command(self, test: &str, home: &Path, variables: &[(&str, &str)]) -> Command {
        // By descriptor: the build folder may be closed to this person.
        let mut command = Command::new("/proc/self/exe");
        command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", home).env("LANG", "C.UTF-8");
        command.envs(variables.iter().copied()).current_dir("/").stdin(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(self.id()).gid(self.id());
        }
        command
    }

    /// Runs it to its end, which must be a good one.
    pub fn run(self, test: &str, home: &Path, variables: &[(&str, &str)]) {
        let output = self.command(test, home, variables).output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success() && said(&output.stdout).contains("1 passed"),
            "{test} as {self:?}: {}\n{}\n{}",
            output.status,
            said(&output.stdout),
            said(&output.stderr)
        );
    }
}
