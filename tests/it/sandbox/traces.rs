//! What a person has on this machine: compared before and after, nothing may be left.

use crate::{runs::support::has_ended, support::user::Person};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// What other tests have at the same time goes within this; what a sandbox leaves behind would stay.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was not there `before`, is there now, and stays.
pub fn left(person: Person, before: &BTreeSet<String>) -> BTreeSet<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut left: BTreeSet<String> = of(person).difference(before).cloned().collect();
    while !left.is_empty() && Instant::now() < deadline {
        #[expect(clippy::disallowed_methods, reason = "the test has no runtime, and what it waits for tells nobody")]
        thread::sleep(Duration::from_millis(50));
        let now = of(person);
        left.retain(|trace| now.contains(trace));
    }
    left
}

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
        if is_process && ours && owned(&entry.path()) && runs() && !is_of_another_test(&surroundings(&entry.path())) {
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
            let name = entry.file_name().to_string_lossy().into_owned();
            if owned(&entry.path()) || (name.contains("mecapy") && !is_of_another_test(&name)) {
                traces.insert(format!("control group {}", entry.path().display()));
            }
            groups(&entry.path(), owned, traces);
        }
    }
}

/// Where a process is: its mounts and its working folder.
fn surroundings(process: &Path) -> String {
    let mounts = fs::read_to_string(process.join("mountinfo")).unwrap_or_default();
    let folder = fs::read_link(process.join("cwd")).unwrap_or_default();
    format!("{mounts}\n{}", folder.display())
}

/// Containers of the tests' engines, and sandboxes of whole runs, which have a spool: both are somebody else's, who
/// looks after them, and run as nobody as well. What is compared here has neither.
fn is_of_another_test(surroundings: &str) -> bool {
    ["mecapy-it-dockerd-", "mecapy-it-podman-", "/spool/"].iter().any(|mark| surroundings.contains(mark))
}

#[test]
fn what_stays_is_seen_and_what_is_somebody_elses_is_not() {
    use std::{os::unix::process::CommandExt as _, process::Command};
    if rustix::process::geteuid().is_root() {
        let person = Person::unprivileged();
        let before = of(person);
        let mut sleep =
            Command::new("sleep").arg("60").uid(person.id()).gid(person.id()).current_dir("/").spawn().unwrap();
        let left: Vec<_> = of(person).difference(&before).cloned().collect();
        sleep.kill().unwrap();
        sleep.wait().unwrap();
        assert_eq!(left, [format!("process {} sleep", sleep.id())]);
    }
    assert!(!is_of_another_test("23 1 8:1 /tmp/mecapy-it-Ab12/3/run/out /workspace/out rw"));
    assert!(is_of_another_test("23 1 8:1 /tmp/.tmpX/state/spool/01a2-b/work/out /workspace/out rw"));
    assert!(is_of_another_test("1 0 0:7 / / rw - overlay overlay lowerdir=/tmp/mecapy-it-dockerd-q/data/overlay2/l/A"));
    assert!(is_of_another_test("mecapy-it-dockerd-q"));
}
