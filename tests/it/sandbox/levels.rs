//! Lower levels, on a machine made to refuse what it offers: the probe finds them, and what they promise holds.

use super::harness::{Case, run};
use crate::support::{skipped, user::Person};
use mecapy::domain::{run::ErrorKind, status::Status};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::collections::BTreeMap;

/// Denies system calls to this process and its children for good: `namespaces`, or `everything` (Landlock too).
pub fn lower(what: Option<&str>) {
    let calls: &[libc::c_long] = match what {
        Some("namespaces") => &[libc::SYS_unshare],
        Some("everything") => &[libc::SYS_unshare, libc::SYS_landlock_create_ruleset],
        _ => return,
    };
    let rules: BTreeMap<i64, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let denied = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter_all_threads(&program).unwrap();
}

const NO_NAMESPACES: &[(&str, &str)] = &[("MECAPY_IT_DENY", "namespaces")];
const NOTHING: &[(&str, &str)] = &[("MECAPY_IT_DENY", "everything")];

/// Tries what E1 must stop, with the paths it is given.
const PRY: &str = r#"
import os, socket
def calculate(victim):
    got = []
    def attempt(name, what):
        try: what(); got.append(name)
        except OSError as error: print(name, error)
    attempt("read the user's files", lambda: open(victim + "/secret").read())
    attempt("write the user's files", lambda: open(victim + "/mine", "w"))
    attempt("read /etc/passwd", lambda: open("/etc/passwd").read())
    attempt("write to /tmp", lambda: open("/tmp/mecapy-escape-%d" % os.getpid(), "w"))
    attempt("write to /dev/shm", lambda: open("/dev/shm/mecapy-escape", "w"))
    attempt("internet socket", lambda: socket.socket(socket.AF_INET))
    attempt("local socket", lambda: socket.socket(socket.AF_UNIX))
    attempt("signal its parent", lambda: os.kill(os.getppid(), 0))
    attempt("signal init", lambda: os.kill(1, 0))
    attempt("change the input", lambda: open("../../in/data.json", "w"))
    attempt("limit its parent", lambda: __import__("resource").prlimit(os.getppid(), 7, (3, 3)))
    open(os.environ["MECAPY_SCRATCH"] + "/tmp", "w").write("x")
    open("kept.txt", "w").write("kept")
    return {"got": got}
"#;

#[test]
fn without_namespaces_landlock_shuts_the_code_in() {
    let person = Person::unprivileged();
    let victim = person.folder();
    std::fs::write(victim.path().join("secret"), "secret").unwrap();
    let mut pry = Case::new("pry", PRY);
    pry.parameters = serde_json::json!({ "victim": victim.path() }).to_string();
    let mut mesh = Case::new("files", "def calculate(mesh, n=1):\n    return {'mesh': mesh.read_text(), 'n': n}\n");
    mesh.inputs = vec![("1,2,3".into(), "mesh.csv".into())];
    let fixed = Case::new("fixed", "import json\nopen('/workspace/out/data.json', 'w').write('{}')\n");
    let orphan = Case::new(
        "orphan",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)\nos.wait()\n",
    );
    let mut hang = Case::new("hang", "import time\ntime.sleep(600)\n");
    hang.limits.timeout = 2;
    let mut hog = Case::new("hog", "b = []\nwhile True: b.append(bytearray(20 << 20))\n");
    hog.limits.timeout = 20;
    let before = super::traces::of(person);
    let seen = run(person, &[pry, mesh, fixed, orphan, hang, hog], NO_NAMESPACES);
    if rustix::process::geteuid().is_root() {
        drop(victim);
        let left = super::traces::left(person, &before);
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
    assert!(seen.iter().all(|seen| seen.level == "E1"), "{}", seen[0].level);
    let [pry, mesh, fixed, orphan, hang, hog] = &seen[..] else { panic!("six runs") };
    assert_eq!(pry.outcome.result_data.as_deref(), Some("{\"got\": []}"), "{:?}\n{}", pry.outcome, pry.output);
    assert_eq!(pry.kept, ["kept"]);
    assert_eq!(mesh.outcome.result_data.as_deref(), Some("{\"mesh\": \"1,2,3\", \"n\": 1}"), "{:?}", mesh.outcome);
    let refusal = fixed.outcome.error_message.as_deref().unwrap_or_default();
    assert!(refusal.contains("line 2") && refusal.contains("/workspace"), "{refusal}");
    assert_eq!(orphan.outcome.status, Status::Completed, "{:?}", orphan.outcome);
    assert_eq!(hang.outcome.error_kind, Some(ErrorKind::Timeout), "{:?}", hang.outcome);
    assert_eq!(hog.outcome.error_kind, Some(ErrorKind::Oom), "{:?}", hog.outcome);
}

#[test]
fn without_any_wall_the_level_says_so() {
    let seen =
        run(Person::unprivileged(), &[Case::new("bare", "def calculate():\n    return {'ok': True}\n")], NOTHING);
    assert_eq!(seen[0].level, "E0");
    assert_eq!(seen[0].outcome.result_data.as_deref(), Some("{\"ok\": true}"), "{:?}", seen[0].outcome);
}

#[test]
fn root_gets_namespaces_or_nothing() {
    if !rustix::process::geteuid().is_root() {
        skipped("the tests do not run as root");
        return;
    }
    let seen = run(Person::caller(), &[Case::new("root", "def calculate():\n    return {}\n")], NO_NAMESPACES);
    assert_eq!(seen[0].level, "E0");
    let refusal = seen[0].outcome.error_message.as_deref().unwrap_or_default();
    assert!(refusal.contains("never run with the rights of root"), "{refusal}");
}
