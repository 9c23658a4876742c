//! What a person has on this machine: compared before and after, nothing may be left.

use crate::{runs::support::has_ended, support::user::Person};
use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt, path::Path};

/// Processes, mounts, control groups, shared memory, and files in the places that everybody may write to.
pub fn of(person: Person) -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    // As root the code runs as nobody; as anybody else under the same id.
    let owners = if person.id() == 0 { vec![65_534] } else { vec![person.id()] };
    let owned = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| owners.contains(&metadata.uid()));
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_process = name.bytes().all(|byte| byte.is_ascii_digit());
        let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        // A person who runs the tests has other processes as well.
        let ours = command.starts_with("mecapy-shim") || person.id() == 0 || person != Person::caller();
        // One that has ended and waits to be reaped does nothing; some hosts' first process never reaps any.
        let runs = || name.parse().is_ok_and(|pid| !has_ended(pid));
        if is_process && ours && owned(&entry.path()) && runs() {
            traces.insert(format!("process {name} {}", command.trim()));
        }
    }
    for mount in fs::read_to_string("/proc/self/mounts").unwrap_or_default().lines() {
        traces.insert(format!("mount {mount}"));
    }
    for place in ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"] {
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            if owned(&entry.path()) {
                traces.insert(entry.path().display().to_string());
            }
        }
    }
    groups(Path::new("/sys/fs/cgroup"), &owned, &mut traces);
    for kind in ["shm", "sem", "msg"] {
        let list = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        let ours = |line: &&str| line.split_whitespace().any(|word| owners.iter().any(|id| word == id.to_string()));
        traces.extend(list.lines().skip(1).filter(ours).map(|line| format!("{kind} {line}")));
    }
    traces
}

fn groups(folder: &Path, owned: &impl Fn(&Path) -> bool, traces: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if owned(&entry.path()) || entry.file_name().to_string_lossy().contains("mecapy") {
                traces.insert(format!("control group {}", entry.path().display()));
            }
            groups(&entry.path(), owned, traces);
        }
    }
}
