//! How far this host lets code be shut in, found by trying.

use super::{EngineError, plan};
use crate::sandbox::{
    parts,
    wire::{Report, read_message},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::Write,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Command, Stdio},
    time::Duration,
};

/// How long a try may take on a busy host.
const PATIENCE: Duration = Duration::from_secs(30);

/// The strength of the built-in sandbox on this host.
///
/// A fourth level, hard limits by a systemd user scope, is not built: nothing here could show that it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Nothing but limits: the code has the rights of its user.
    E0,
    /// Landlock and seccomp: files and network are shut off, processes are not hidden, no `/workspace`.
    E1,
    /// User namespaces: a private root, process list, network and shared memory.
    E2,
}

impl Level {
    /// `E2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::E0 => "E0",
            Self::E1 => "E1",
            Self::E2 => "E2",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What was found, in words for the run's record and for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// The level.
    pub level: Level,
    /// What holds.
    pub holds: Vec<String>,
    /// What does not, with the reason where one is known.
    pub lacks: Vec<String>,
    /// What an administrator can do about it.
    pub advice: Option<String>,
}

impl Isolation {
    /// One paragraph: what holds, what does not.
    pub fn guarantee(&self) -> String {
        let holds = self.holds.join("; ");
        if self.lacks.is_empty() {
            return format!("Holds: {holds}.");
        }
        format!("Holds: {holds}. Does not hold: {}.", self.lacks.join("; "))
    }

    /// The level to run at, or the refusal: without isolation nothing runs unless the configuration says so.
    pub fn accept(&self, allow_unisolated: bool) -> Result<Level, EngineError> {
        if self.level == Level::E0 && !allow_unisolated {
            return Err(EngineError::Unisolated { reason: self.lacks.join("; ") });
        }
        if self.level == Level::E0 && rustix::process::geteuid().is_root() {
            return Err(EngineError::Refused(
                "code is never run with the rights of root; start mecapy as an ordinary user".into(),
            ));
        }
        Ok(self.level)
    }
}

/// Finds the level by setting a sandbox up and taking it down, the mounts included. Blocks for about 10 ms.
pub fn probe() -> Isolation {
    let mut lacks = vec![
        "CPU share is approximate".to_owned(),
        "no control group: memory is summed by sampling, a limit passed is noticed within 0.3 s".to_owned(),
    ];
    let namespaces = match attempt(Level::E2) {
        Ok(landlock) => {
            let mut holds = vec![
                "private file system, the system read-only".to_owned(),
                "private process list, host name and shared memory".to_owned(),
                "no network".to_owned(),
                "no privileges, dangerous system calls refused".to_owned(),
            ];
            if landlock == 0 {
                lacks.push("this kernel has no Landlock (a second wall around files)".to_owned());
            } else {
                holds.push("Landlock around files".to_owned());
            }
            return Isolation { level: Level::E2, holds, lacks, advice: None };
        }
        Err(error) => error.to_string(),
    };
    let advice = Some(advice(&namespaces));
    lacks.push(format!("no private file system ({namespaces})"));
    lacks.push("no /workspace: code that names it is refused".to_owned());
    lacks.push("processes of the host can be seen".to_owned());
    let limits = "time, memory, processes and files are limited".to_owned();
    if rustix::process::geteuid().is_root() {
        lacks.push("root gets no lower level".to_owned());
        return Isolation { level: Level::E0, holds: vec![limits], lacks, advice };
    }
    match attempt(Level::E1) {
        Ok(landlock) => {
            let mut holds = vec![
                "Landlock: writes only to its own folders, reads only the system and its interpreter".to_owned(),
                "no network, no sockets".to_owned(),
                "no privileges, dangerous system calls refused".to_owned(),
            ];
            if landlock >= SIGNALS_KEPT_IN {
                holds.push("signals stay inside".to_owned());
            } else {
                lacks.push("the code can send no signals, not even to its own children".to_owned());
            }
            Isolation { level: Level::E1, holds, lacks, advice }
        }
        Err(error) => {
            lacks.push(format!("files are not shut off ({error})"));
            Isolation { level: Level::E0, holds: vec![limits, "no network".to_owned()], lacks, advice }
        }
    }
}

/// The version of Landlock that keeps signals inside (Linux 6.12).
const SIGNALS_KEPT_IN: u64 = 6;

/// Sets it up and takes it down; the kernel's version of Landlock, 0 for none.
fn attempt(level: Level) -> Result<u64, EngineError> {
    let plan = plan::probe(level)?;
    let (mut ours, theirs) = UnixStream::pair().map_err(EngineError::Spawn)?;
    ours.set_read_timeout(Some(PATIENCE)).map_err(EngineError::Spawn)?;
    let mut child = Command::new(parts::shim_path().map_err(EngineError::Spawn)?)
        .arg0("mecapy-shim")
        .env_clear()
        .current_dir("/")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(EngineError::Spawn)?;
    let answer = ours.write_all(&plan.encode()).and_then(|()| read_message(&mut ours));
    // Closed before the wait: without us the shim ends by itself.
    drop(ours);
    let status = child.wait().map_err(EngineError::Spawn)?;
    match answer.ok().as_deref().and_then(Report::decode) {
        Some(Report::Started(0)) if level == Level::E1 => {
            Err(EngineError::Setup { step: "Landlock".into(), problem: "this kernel has none".into() })
        }
        Some(Report::Started(landlock)) => Ok(landlock),
        Some(Report::Failed(step, problem)) => {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Err(EngineError::Setup { step: text(step), problem: text(problem) })
        }
        _ => Err(EngineError::Lost(status.to_string())),
    }
}

/// What usually stands in the way of user namespaces, and the line that removes it.
fn advice(problem: &str) -> String {
    let setting = |name: &str| fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default().trim().to_owned();
    advice_for(
        &setting("kernel/apparmor_restrict_unprivileged_userns"),
        &setting("kernel/unprivileged_userns_clone"),
        &setting("user/max_user_namespaces"),
        problem,
    )
}

/// From the values of the three settings, empty where the kernel has none of that name, and from what was tried.
fn advice_for(apparmor: &str, clone: &str, most: &str, problem: &str) -> String {
    if apparmor == "1" {
        "AppArmor denies user namespaces their rights (Ubuntu 23.10 and later); an administrator allows them with: \
         sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (and a file in /etc/sysctl.d to keep it)"
            .to_owned()
    } else if clone == "0" {
        "user namespaces are switched off; an administrator allows them with: sysctl -w kernel.unprivileged_userns_clone=1"
            .to_owned()
    } else if most == "0" {
        "no user namespace is allowed; an administrator allows them with: sysctl -w user.max_user_namespaces=15000"
            .to_owned()
    } else if problem.contains("not implemented") {
        "this kernel is too old: Linux 5.12 or newer is needed".to_owned()
    } else {
        "user namespaces are refused by something else, in a container usually by its runtime: there, \
         --security-opt seccomp=unconfined --security-opt systempaths=unconfined lets them through"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrators_line_follows_the_setting_at_fault() {
        assert!(advice_for("1", "", "1000", "").contains("apparmor_restrict_unprivileged_userns=0"));
        assert!(advice_for("0", "0", "1000", "").contains("unprivileged_userns_clone=1"));
        assert!(advice_for("", "", "0", "").contains("max_user_namespaces="));
        assert!(advice_for("", "1", "1000", "new namespaces: Operation not permitted").contains("container"));
        assert!(advice_for("", "", "1000", "restrict /usr: Function not implemented").contains("5.12"));
    }

    #[test]
    fn nothing_runs_unisolated_unless_allowed() {
        let none = Isolation { level: Level::E0, holds: vec![], lacks: vec!["no namespaces".into()], advice: None };
        assert!(none.accept(false).unwrap_err().to_string().contains("no namespaces"));
        let some = Isolation { level: Level::E1, ..none };
        assert_eq!(some.accept(false).unwrap(), Level::E1);
    }
}
