//! The container engine: where it is and why there, what it is, what is known to be wrong with it.

use super::{Check, Mark};
use crate::{
    cli::exit::Exit,
    config::{Config, Engine},
    sandbox::{
        self,
        docker::{self, ConnectError, Connection, Facts, Search},
    },
};

const AREA: &str = "engine";

/// What was found of it, and what runs get; with a code to exit with where the settings want an engine that is not
/// to be had.
pub(super) async fn checks(config: &Config) -> (Vec<Check>, Option<Exit>) {
    let (mut checks, mut exit) = match docker::find(&Search::of(config)).await {
        Ok(connection) => {
            let mut checks = present(&connection);
            checks.push(match connection.image(&config.sandbox.image).await {
                Ok(image) => Check::ok(AREA, format!("the image {} is there: {}", image.name, image.identity())),
                Err(error) => Check::new(AREA, Mark::Warning, error.to_string()),
            });
            checks.push(Check::ok(AREA, format!("a run in it: {}", connection.guarantee())));
            (checks, None)
        }
        Err(error) => (vec![absent(&error)], Some(exit_of(&error))),
    };
    let setting = match config.sandbox.engine {
        Engine::Auto => "auto",
        Engine::Docker => "docker",
        Engine::Builtin => "builtin",
    };
    match sandbox::offer(config).await {
        Ok(offer) => {
            let why = offer.why.map_or_else(String::new, |why| format!("; {why}"));
            checks.push(Check::ok(AREA, format!("sandbox.engine = {setting}: a run gets {}{why}", offer.name)));
            exit = None;
        }
        Err(error) => {
            checks.push(Check::new(AREA, Mark::Error, format!("sandbox.engine = {setting}: nothing is run: {error}")));
            exit = exit.filter(|_| config.sandbox.engine == Engine::Docker);
        }
    }
    (checks, exit)
}

/// With which code a command ends that cannot do without an engine.
const fn exit_of(error: &ConnectError) -> Exit {
    match error {
        ConnectError::Search(_) => Exit::Error,
        ConnectError::Denied { .. } => Exit::Denied,
        _ => Exit::Unreachable,
    }
}

/// No engine that answers. The built-in sandbox needs none, so this alone breaks nothing.
fn absent(error: &ConnectError) -> Check {
    let check = Check::new(AREA, if error.is_trouble() { Mark::Warning } else { Mark::Ok }, error.to_string());
    match error {
        ConnectError::Nowhere { .. } => {
            check.advise("nothing is missing: the built-in sandbox needs none; one is found here, or by DOCKER_HOST")
        }
        ConnectError::Refused { .. } | ConnectError::Silent { .. } => {
            check.advise("look at it with `systemctl status docker` (or `systemctl --user status docker`)")
        }
        ConnectError::Absent { endpoint } => {
            check.advise(format!("start it, or change what names it ({})", endpoint.origin))
        }
        _ => check,
    }
}

fn present(connection: &Connection) -> Vec<Check> {
    let (facts, endpoint) = (&connection.facts, &connection.endpoint);
    let mut checks = vec![Check::ok(AREA, format!("{} at {} ({})", facts.name(), endpoint.address, endpoint.origin))];
    checks.push(Check::ok(AREA, ground(facts)));
    checks.extend(walls(facts));
    checks.push(if facts.live_restore {
        Check::ok(AREA, "containers go on while the engine is restarted (live-restore)")
    } else {
        Check::ok(AREA, "a restart of the engine ends what runs in it; its log and outputs are kept")
            .advise("\"live-restore\": true in /etc/docker/daemon.json lets runs go on")
    });
    checks.extend(facts.holes().into_iter().map(|hole| Check::new(AREA, Mark::Warning, hole.what).advise(hole.advice)));
    checks
}

/// What it stands on, in one line.
fn ground(facts: &Facts) -> String {
    let mut words = Vec::new();
    words.extend(facts.runtime.as_ref().map(|(name, version)| format!("{name} {version}")));
    words.extend(facts.kernel.as_ref().map(|kernel| format!("Linux {kernel}")));
    words.extend(facts.architecture.clone());
    let driver = facts.cgroup_driver.as_ref().map_or_else(String::new, |driver| format!(" ({driver})"));
    words.extend(facts.cgroup_version.as_ref().map(|version| format!("control groups {version}{driver}")));
    words.extend(facts.storage_driver.as_ref().map(|driver| format!("storage {driver}")));
    words.extend(facts.folder.as_ref().map(|folder| format!("in {folder}")));
    words.push(if facts.rootless { "without root" } else { "as root" }.to_owned());
    words.join(", ")
}

/// What it shuts containers in with, and what it cannot do.
fn walls(facts: &Facts) -> Vec<Check> {
    let mut checks = Vec::new();
    if facts.unfiltered {
        checks.push(
            Check::new(AREA, Mark::Warning, "its default system call filter is off; mecapy's own is still there")
                .advise("remove seccomp-profile=unconfined from its settings"),
        );
    }
    let known = [("seccomp", "system call filter"), ("apparmor", "AppArmor"), ("selinux", "SELinux")];
    let there = known.iter().filter(|(name, _)| facts.security.iter().any(|it| it == name)).map(|(_, words)| *words);
    let there: Vec<_> = there.collect();
    if !there.is_empty() && !facts.unfiltered {
        checks.push(Check::ok(AREA, format!("isolation of its own: {}", there.join(", "))));
    }
    if !facts.unlimited.is_empty() {
        let what = facts.unlimited.join(", ");
        checks.push(
            Check::new(AREA, Mark::Warning, format!("this engine cannot limit: {what}"))
                .advise("its control groups lack these controllers: an administrator enables them"),
        );
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            product: "Docker".into(),
            version: "20.10.24".into(),
            api: "1.41".into(),
            runtime: Some(("runc".into(), "1.1.5".into())),
            cgroup_version: Some("1".into()),
            cgroup_driver: Some("cgroupfs".into()),
            storage_driver: Some("overlay2".into()),
            folder: Some("/var/lib/docker".into()),
            security: vec!["seccomp".into()],
            ..Facts::default()
        }
    }

    #[test]
    fn an_engine_is_told_in_one_line() {
        assert_eq!(
            ground(&facts()),
            "runc 1.1.5, control groups 1 (cgroupfs), storage overlay2, in /var/lib/docker, as root"
        );
    }

    #[test]
    fn what_it_lacks_is_a_warning() {
        assert!(walls(&facts()).iter().all(|check| check.mark == Mark::Ok));
        let weak = Facts { unfiltered: true, unlimited: vec!["swap".into(), "processes".into()], ..facts() };
        let said: Vec<_> = walls(&weak).into_iter().map(|check| (check.mark, check.fact)).collect();
        assert!(said.iter().all(|(mark, _)| *mark == Mark::Warning), "{said:?}");
        assert!(said[0].1.contains("filter is off") && said[1].1.ends_with("swap, processes"), "{said:?}");
    }
}
