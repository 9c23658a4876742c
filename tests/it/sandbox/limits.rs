//! Limits under honest and dishonest load, and the ends that nobody asks for.

use super::harness::{Case, run};
use crate::support::user::Person;
use mecapy::domain::{limits::Limits, run::ErrorKind, status::Status};

const MIB: u64 = 1 << 20;

/// Burns CPU in `n` processes for a while and says how much it got, by its own account.
const BURN: &str = "
import os, time
def calculate(n, seconds):
    begun = time.monotonic()
    children = []
    for _ in range(n - 1):
        pid = os.fork()
        if pid == 0:
            while time.monotonic() - begun < seconds: pass
            os._exit(0)
        children.append(pid)
    while time.monotonic() - begun < seconds: pass
    for pid in children: os.waitpid(pid, 0)
    used = os.times()
    return {'cpu': used.user + used.system + used.children_user + used.children_system, 'wall': time.monotonic() - begun}
";

#[test]
fn the_cpu_share_holds_within_a_tenth() {
    let cases: Vec<Case> = [(0.25, 1), (0.5, 1), (0.5, 3), (1.0, 3)]
        .into_iter()
        .map(|(share, processes)| {
            let mut case = Case::new(&format!("{share} of a core, {processes} processes"), BURN);
            case.limits = Limits { cpu_limit: share, timeout: 40, ..Limits::default() };
            case.parameters = format!("{{\"n\": {processes}, \"seconds\": 5}}");
            case
        })
        .collect();
    for case in cases {
        let share = case.limits.cpu_limit;
        // One at a time: what is measured is the pace, not the crowd.
        let seen = case.run();
        let result: serde_json::Value = serde_json::from_str(seen.outcome.result_data.as_deref().unwrap()).unwrap();
        let (cpu, wall) = (result["cpu"].as_f64().unwrap(), result["wall"].as_f64().unwrap());
        let got = cpu / wall;
        let usage = seen.outcome.usage.unwrap();
        eprintln_row(&format!(
            "{}: {got:.3} cores by its own account, {:.3} by ours",
            seen.name,
            usage.cpu_time / usage.execution_time
        ));
        // Above: the burst at the start and what runs on between two looks. Below: a busy machine gives less.
        assert!(got <= share * 1.10 + 0.03, "{}: got {got:.3} cores", seen.name);
        assert!((usage.cpu_time - cpu).abs() <= 0.1 * cpu + 0.1, "{} {cpu}", usage.cpu_time);
    }
}

#[test]
fn memory_is_stopped_in_time_and_told_as_such() {
    let one = Case::new("one", "b = []\nwhile True: b.append(bytearray(8 << 20))\n");
    let many = Case::new(
        "many",
        "import os, time\nfor i in range(8):\n    if os.fork() == 0:\n        b = bytearray(64 << 20)\n        time.sleep(60)\ntime.sleep(60)\n",
    );
    let shared = Case::new(
        "shared",
        "import mmap\nm = mmap.mmap(-1, 600 << 20)\nfor i in range(0, 600 << 20, 4096): m[i] = 1\n",
    );
    let hidden = Case::new(
        "hidden",
        "import ctypes, os, time\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\nb = []\nwhile True: b.append(bytearray(8 << 20))\n",
    );
    let sockets = Case::new(
        "sockets",
        "
import os, socket, time
os.fork()
pairs = []
for _ in range(450):
    one, two = socket.socketpair()
    one.setblocking(False)
    try:
        while True: one.send(b'x' * 4096)
    except BlockingIOError: pass
    pairs.append((one, two))
time.sleep(10)
",
    );
    let tables = Case::new(
        "page tables",
        "import mmap\nm = mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | 0x4000, prot=mmap.PROT_READ)\nfor i in range(0, 1 << 40, 2 << 20): m[i]\n",
    );
    for seen in run(Person::unprivileged(), &[one, many, shared, hidden, sockets, tables], &[]) {
        assert_eq!(seen.outcome.error_kind, Some(ErrorKind::Oom), "{}: {:?}", seen.name, seen.outcome);
        let message = seen.outcome.error_message.as_deref().unwrap();
        assert!(message.starts_with("out of memory: limit 256 MiB"), "{}: {message}", seen.name);
        let peak = seen.outcome.usage.unwrap().peak_memory;
        eprintln_row(&format!("{}: peak {} MiB, ended after {:.2} s", seen.name, peak / MIB, seen.wall));
        // Twice the limit on a machine so busy that the watch itself waits for its turn; a few per cent on a quiet one.
        assert!(peak < 512 * MIB, "{}: peak {} MiB", seen.name, peak / MIB);
    }
}

#[test]
fn memory_that_two_processes_share_counts_once() {
    let code = "
from multiprocessing import shared_memory
import os, time
def calculate():
    block = shared_memory.SharedMemory(create=True, size=100 << 20)
    for i in range(0, 100 << 20, 4096): block.buf[i] = 1
    pid = os.fork()
    if pid == 0:
        total = sum(block.buf[i] for i in range(0, 100 << 20, 4096))
        time.sleep(0.5)
        os._exit(0 if total == 25600 else 1)
    status = os.waitpid(pid, 0)[1]
    block.close()
    block.unlink()
    return {'status': status}
";
    let seen = Case::new("shared memory", code).run();
    assert_eq!(seen.outcome.result_data.as_deref(), Some("{\"status\": 0}"), "{:?}\n{}", seen.outcome, seen.output);
    let peak = seen.outcome.usage.unwrap().peak_memory / MIB;
    assert!((100..160).contains(&peak), "peak {peak} MiB");
}

#[test]
fn the_watch_cannot_be_blinded_by_the_code() {
    let code = "
import os, resource, signal
def calculate():
    got = []
    def attempt(name, what):
        try: what(); got.append(name)
        except OSError as error: print(name, error)
    attempt('take its descriptors', lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3)))
    attempt('take its time', lambda: resource.prlimit(1, resource.RLIMIT_CPU, (0, 0)))
    attempt('take its priority', lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))
    attempt('take its cores', lambda: os.sched_setaffinity(1, {0}))
    attempt('be nice for it', lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
    attempt('be nice for everybody', lambda: os.setpriority(os.PRIO_USER, 0, 19))
    attempt('read its memory', lambda: open('/proc/1/mem', 'rb'))
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGSTOP, signal.SIGKILL):
        try: os.kill(1, number)
        except OSError: pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return {'got': got}
";
    let seen = Case::new("blind", code).run();
    assert_eq!(seen.outcome.result_data.as_deref(), Some("{\"got\": []}"), "{:?}\n{}", seen.outcome, seen.output);
}

#[test]
fn a_cancel_leaves_a_grace_and_what_was_written() {
    let polite = "
import json, signal, sys, time
def stop(*_):
    json.dump({'partial': True}, open('/workspace/out/data.json', 'w'))
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print('ready', flush=True)
while True: time.sleep(1)
";
    let deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)\n";
    let mut cases = [Case::new("polite", polite), Case::new("deaf", deaf)];
    for case in &mut cases {
        case.cancel_after = Some(1.0);
        case.caps.grace = 2;
    }
    let seen = run(Person::unprivileged(), &cases, &[]);
    assert!(seen.iter().all(|seen| seen.outcome.status == Status::Cancelled));
    assert_eq!(seen[0].outcome.result_data.as_deref(), Some("{\"partial\": true}"));
    assert!(seen[0].wall < 2.5, "{}", seen[0].wall);
    assert!(seen[1].wall >= 2.9, "no grace: {}", seen[1].wall);
    assert_eq!(seen[1].outcome.signal, Some(9));
}

#[test]
fn stopping_itself_outlives_the_pace() {
    // Paced processes are stopped and continued; one that stopped itself stays stopped.
    let code = "
import os, signal, time
begun = time.process_time()
while time.process_time() - begun < 0.5: pass
os.kill(os.getpid(), signal.SIGSTOP)
";
    let mut case = Case::new("stop", code);
    case.limits = Limits { cpu_limit: 0.3, timeout: 6, ..Limits::default() };
    case.caps.grace = 1;
    assert_eq!(case.run().outcome.error_kind, Some(ErrorKind::Timeout));
}

/// A figure for whoever runs the tests with `--nocapture`.
#[expect(clippy::print_stderr, reason = "a measurement, shown on request")]
fn eprintln_row(text: &str) {
    eprintln!("{text}");
}
