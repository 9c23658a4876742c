//! Podman's service, with storage of its own.

use std::{path::Path, process::Command};

/// The service on a socket in this folder.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new("podman");
    for (option, name) in [("--root", "storage"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
        command.arg(option).arg(folder.join(name));
    }
    // Its own choice of a storage driver remembers the machine's.
    let driver = if overlay_works(folder) { "overlay" } else { "vfs" };
    command.args(["--storage-driver", driver, "--cgroup-manager", "cgroupfs", "--log-level", "info"]);
    command.args(["system", "service", "--time=0"]);
    command.arg(format!("unix://{}", folder.join("engine.sock").display()));
    let settings = folder.join("containers.conf");
    let network = folder.join("network");
    let text =
        format!("[engine]\nevents_logger = \"file\"\n[network]\nnetwork_config_dir = \"{}\"\n", network.display());
    std::fs::write(&settings, text).expect("the folder is ours");
    command.env("CONTAINERS_CONF", settings);
    command
}

/// Whether an overlay can be mounted on this folder's file system.
fn overlay_works(folder: &Path) -> bool {
    let path = |name: &str| folder.join(format!("overlay-{name}"));
    for name in ["lower", "upper", "work", "merged"] {
        std::fs::create_dir_all(path(name)).expect("the folder is ours");
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        path("lower").display(),
        path("upper").display(),
        path("work").display()
    );
    Command::new("unshare")
        .args(["--mount", "mount", "-t", "overlay", "overlay", "-o", &options])
        .arg(path("merged"))
        .output()
        .is_ok_and(|output| output.status.success())
}
