//! What a container engine says of itself, and what is known of its version.

use bollard::{
    API_DEFAULT_VERSION, ClientVersion,
    models::{SystemInfo, SystemVersion},
};
use serde::{Deserialize, Serialize};

/// The first engine without the holes in copying to containers: CVE-2026-41567, CVE-2026-41568 and CVE-2026-42306.
const COPY_FIXED: [u64; 3] = [29, 5, 1];

/// The first runc of each series without CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881.
const RUNC_FIXED: [[u64; 3]; 3] = [[1, 2, 8], [1, 3, 3], [1, 4, 0]];

/// An engine as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `Docker` or `Podman`.
    pub product: String,
    /// Its version, as it says it.
    pub version: String,
    /// The newest version of the interface that it speaks.
    pub api: String,
    /// The program that makes the containers, with its version: `runc 1.1.5`.
    pub runtime: Option<(String, String)>,
    /// `1` or `2`.
    pub cgroup_version: Option<String>,
    /// `systemd`, `cgroupfs` or `none`.
    pub cgroup_driver: Option<String>,
    /// `overlay2`, `vfs`, ...
    pub storage_driver: Option<String>,
    /// Where it keeps images and volumes, on its own host.
    pub folder: Option<String>,
    /// Cores of its host; 0 where it does not say.
    pub cores: u64,
    /// Whether it runs without root.
    pub rootless: bool,
    /// The names of what it shuts containers in with: `seccomp`, `apparmor`, `selinux`, `userns`, `cgroupns`.
    pub security: Vec<String>,
    /// Whether its default system call filter was switched off.
    pub unfiltered: bool,
    /// The limits that it cannot keep, in words.
    pub unlimited: Vec<String>,
    /// Whether containers go on while it is restarted.
    pub live_restore: bool,
    /// Kernel, as `uname -r`.
    pub kernel: Option<String>,
    /// As the engine calls it: `x86_64`, `aarch64`.
    pub architecture: Option<String>,
}

/// Something known to be wrong with a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hole {
    /// Which program, and what it lets happen.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

impl Facts {
    /// The newest interface that both sides know; `None` where the engine's is no version.
    pub fn spoken(&self) -> Option<ClientVersion> {
        let (major, minor) = self.api.split_once('.')?;
        let theirs = ClientVersion { major_version: major.parse().ok()?, minor_version: minor.parse().ok()? };
        let ours = ClientVersion { ..*API_DEFAULT_VERSION };
        Some(if theirs < ours { theirs } else { ours })
    }

    /// From its two answers.
    pub fn of(version: &SystemVersion, info: &SystemInfo) -> Self {
        let components = version.components.as_deref().unwrap_or_default();
        let is_podman = components.iter().any(|component| component.name.starts_with("Podman"));
        // Docker calls it by its name, Podman "OCI Runtime (crun)" with several lines of version.
        let runtime = components.iter().find_map(|component| {
            let name = component
                .name
                .strip_prefix("OCI Runtime (")
                .map_or(&*component.name, |name| name.trim_end_matches(')'));
            let version = component.version.lines().next()?.split_whitespace().last()?;
            matches!(name, "runc" | "crun" | "youki" | "runsc").then(|| (name.to_owned(), version.to_owned()))
        });
        let options = info.security_options.as_deref().unwrap_or_default();
        // Each is `name=seccomp,profile=default`; engines before 1.13 gave the bare name.
        let named = |option: &String| {
            let first = option.split(',').next().unwrap_or_default();
            first.strip_prefix("name=").unwrap_or(first).to_owned()
        };
        let security: Vec<String> = options.iter().map(named).collect();
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        Self {
            product: if is_podman { "Podman" } else { "Docker" }.to_owned(),
            version: version.version.clone().unwrap_or_default(),
            api: version.api_version.clone().unwrap_or_default(),
            runtime,
            cgroup_version: info.cgroup_version.map(|it| it.to_string()).filter(|it| !it.is_empty()),
            cgroup_driver: info.cgroup_driver.map(|it| it.to_string()).filter(|it| !it.is_empty()),
            storage_driver: text(&info.driver),
            folder: text(&info.docker_root_dir),
            cores: info.ncpu.and_then(|cores| u64::try_from(cores).ok()).unwrap_or(0),
            rootless: security.iter().any(|name| name == "rootless"),
            unfiltered: options.iter().any(|it| it.contains("seccomp") && it.contains("profile=unconfined"))
                || !security.iter().any(|name| name == "seccomp"),
            unlimited: [
                ("memory", info.memory_limit),
                ("swap", info.swap_limit),
                ("CPU", info.cpu_cfs_quota),
                ("processes", info.pids_limit),
            ]
            .into_iter()
            .filter(|(_, kept)| *kept == Some(false))
            .map(|(name, _)| name.to_owned())
            .collect(),
            security,
            live_restore: info.live_restore_enabled.unwrap_or(false),
            kernel: text(&info.kernel_version),
            architecture: text(&info.architecture),
        }
    }

    /// What is known to be wrong with this engine, worst first. Distributions mend holes without a new number, so
    /// this is a warning and never a refusal.
    pub fn holes(&self) -> Vec<Hole> {
        let mut holes = Vec::new();
        if let Some((name, version)) = &self.runtime
            && name == "runc"
            && numbers(version).is_some_and(is_runc_open)
        {
            holes.push(Hole {
                what: format!(
                    "runc {version} lets a container write to the kernel's own files on the host, by what is mounted \
                     while it starts (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881)"
                ),
                advice: "upgrade runc to 1.2.8, 1.3.3 or newer, unless your distribution mended this one".to_owned(),
            });
        }
        if self.product == "Docker" && numbers(&self.version).is_some_and(|version| version < COPY_FIXED) {
            holes.push(Hole {
                what: format!(
                    "engine {}: copying files to a running container lets its code write to the host \
                     (CVE-2026-41567, CVE-2026-41568, CVE-2026-42306); mecapy copies only before its code starts and \
                     after it ended",
                    self.version
                ),
                advice: "upgrade the engine to 29.5.1 or newer, unless your distribution mended this one".to_owned(),
            });
        }
        holes
    }

    /// One line: product, version, interface.
    pub fn name(&self) -> String {
        format!("{} {}, API {}", self.product, self.version, self.api)
    }
}

fn is_runc_open(version: [u64; 3]) -> bool {
    let fixed = RUNC_FIXED.iter().find(|fixed| fixed[..2] == version[..2]);
    fixed.map_or(version < RUNC_FIXED[0], |fixed| version < *fixed)
}

/// The first three numbers of a version, whatever follows them: `1.1.5+ds1`, `29.5.0-rc.1`.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let mut next = || parts.next().and_then(Result::ok);
    Some([next()?, next()?, next().unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: &serde_json::Value, info: &serde_json::Value) -> Facts {
        let version = serde_json::from_value(version.clone()).unwrap();
        Facts::of(&version, &serde_json::from_value(info.clone()).unwrap())
    }

    /// As Docker 20.10 of Debian 12 answers.
    fn docker(version: &str, runc: &str) -> Facts {
        of(
            &serde_json::json!({
                "Version": version, "ApiVersion": "1.41",
                "Components": [{"Name": "Engine", "Version": version}, {"Name": "runc", "Version": runc}],
            }),
            &serde_json::json!({
                "Driver": "overlay2", "CgroupDriver": "cgroupfs", "CgroupVersion": "1", "MemoryLimit": true,
                "SwapLimit": false, "PidsLimit": true, "CpuCfsQuota": true, "LiveRestoreEnabled": false,
                "SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"],
                "DockerRootDir": "/var/lib/docker", "Architecture": "x86_64", "KernelVersion": "6.1.0",
            }),
        )
    }

    #[test]
    fn dockers_answers_are_read() {
        let facts = docker("20.10.24+dfsg1", "1.1.5+ds1");
        assert_eq!(facts.name(), "Docker 20.10.24+dfsg1, API 1.41");
        assert_eq!(facts.runtime, Some(("runc".into(), "1.1.5+ds1".into())));
        assert_eq!((facts.cgroup_version.as_deref(), facts.cgroup_driver.as_deref()), (Some("1"), Some("cgroupfs")));
        assert_eq!(facts.security, ["apparmor", "seccomp"]);
        assert_eq!(facts.unlimited, ["swap"]);
        assert!(!facts.rootless && !facts.unfiltered && !facts.live_restore);
    }

    #[test]
    fn podmans_answers_are_read() {
        let facts = of(
            &serde_json::json!({
                "Version": "4.3.1", "ApiVersion": "1.41",
                "Components": [
                    {"Name": "Podman Engine", "Version": "4.3.1"},
                    {"Name": "OCI Runtime (crun)", "Version": "crun version 1.8.1\ncommit: f8a096\nspec: 1.0.0"},
                ],
            }),
            &serde_json::json!({"SecurityOptions": ["name=seccomp,profile=unconfined", "name=rootless"]}),
        );
        assert_eq!(facts.name(), "Podman 4.3.1, API 1.41");
        assert_eq!(facts.runtime, Some(("crun".into(), "1.8.1".into())));
        assert!(facts.rootless && facts.unfiltered);
        assert!(facts.holes().is_empty(), "Docker's numbers say nothing of Podman");
    }

    #[test]
    fn known_holes_go_by_version() {
        assert_eq!(docker("20.10.24+dfsg1", "1.1.5+ds1").holes().len(), 2);
        assert_eq!(docker("29.5.0", "1.4.0").holes().len(), 1);
        assert!(docker("29.5.1", "1.3.3").holes().is_empty());
        let runc = |version| docker("30.0.0", version).holes().len();
        assert_eq!(["1.2.7", "1.3.0", "1.3.2", "1.0.0-rc95"].map(runc), [1; 4]);
        assert_eq!(["1.2.8", "1.3.3", "1.4.0", "2.0.0", "unknown"].map(runc), [0; 5]);
        let words = &docker("29.5.0", "1.2.8").holes()[0];
        assert!(words.what.contains("29.5.0") && words.advice.contains("29.5.1"), "{words:?}");
    }
}
