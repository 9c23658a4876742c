//! What a run costs beside `python3` alone, and how fast its output is taken, with the supervisor's memory.
//!
//! Not a statistical bench: each figure is the median of a few whole runs with real processes.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "../tests/it/runs/support.rs"]
#[expect(dead_code, reason = "the tests' machine, of which this needs a part")]
mod support;

use mecapy::domain::{
    id::{CalculationId, RunId},
    limits::Limits,
    status::Status,
};
use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use support::Machine;

const ROUNDS: usize = 21;

/// Containers of each kind, and empty runs in a row.
const CONTAINERS: usize = 20;
const MANY: usize = 200;

const LIMITS: Limits = Limits { timeout: 600, memory_limit: 512, cpu_limit: 64.0 };

const MILLION: &str = "import sys\nfor i in range(1_000_000):\n    sys.stdout.write(f'line {i} of a million\\n')\n";

/// 24 million lines of 10 bytes: faster than anything but a loop that writes.
const FLOOD: &str = "import os\nblock = b'123456789\\n' * 6_400\nfor _ in range(3_750):\n    os.write(1, block)\n";

/// Both streams in turn, a line each.
const ALTERNATE: &str =
    "import os\nfor i in range(200_000):\n    os.write(1, b'out %d\\n' % i)\n    os.write(2, b'err %d\\n' % i)\n";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        overhead().await;
        for (name, code, lines) in
            [("1,000,000 lines", MILLION, 1_000_000), ("flood", FLOOD, 24_000_000), ("alternating", ALTERNATE, 400_000)]
        {
            rate(name, code, lines).await;
        }
        // `DOCKER_HOST` and an image with Python, where containers are to be measured.
        let named = |name| std::env::var(name).ok();
        if let (Some(host), Some(image)) = (named("DOCKER_HOST"), named("MECAPY_BENCH_IMAGE")) {
            containers(&host, &image).await;
        }
    });
}

/// Runs in containers beside `docker run` of the same image, one after the other and two at a time, and a flood.
async fn containers(host: &str, image: &str) {
    let (host, chosen) = (format!("docker.host={host}"), format!("sandbox.image={image}"));
    let set = ["sandbox.engine=docker", &host, &chosen, "limits.max_cpu=64", "caps.log_mib=16384"];
    let machine = Machine::with(&set).await;
    let (mut nothing, mut python, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CONTAINERS {
        for (program, times) in [(&["true"][..], &mut nothing), (&["python3", "-I", "-c", "pass"][..], &mut python)] {
            let began = Instant::now();
            let docker =
                Command::new("docker").args(["run", "--rm", "--network", "none", image]).args(program).status();
            assert!(docker.expect("docker").success());
            times.push(began.elapsed());
        }
        let id = machine.calculation_with("pass\n", "{}", LIMITS, vec![]).await;
        let began = Instant::now();
        machine.submit(id).await;
        machine.follow(id).await;
        whole.push(began.elapsed());
        assert_eq!(machine.get(id).await.status, Status::Completed);
    }
    let (nothing, python, whole) = (median(nothing), median(python), median(whole));
    println!(
        "containers: docker run true {nothing:?}, python3 {python:?}, submit to recorded {whole:?}: {:.2} and {:.2} times",
        whole.as_secs_f64() / nothing.as_secs_f64(),
        whole.as_secs_f64() / python.as_secs_f64()
    );

    let began = Instant::now();
    let mut ids = Vec::new();
    for _ in 0..MANY {
        let id = machine.calculation_with("pass\n", "{}", LIMITS, vec![]).await;
        machine.submit(id).await;
        ids.push(id);
    }
    for id in ids {
        machine.follow(id).await;
        assert_eq!(machine.get(id).await.status, Status::Completed);
    }
    println!("containers: {:.1} empty runs a second, two at a time", MANY as f64 / began.elapsed().as_secs_f64());

    let code = "import os, time\nblock = b'123456789\\n' * 6_400\nend, lines = time.monotonic() + 10, 0\n\
                while time.monotonic() < end:\n    os.write(1, block)\n    lines += 6_400\n\
                def calculate(): return {'lines': lines}\n";
    let id = machine.calculation_with(code, "{}", LIMITS, vec![]).await;
    let run = machine.submit(id).await;
    let peak = peak(&machine, run).await;
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{:?}", row.error_message);
    let lines = count(&machine, id).await;
    assert_eq!(row.result_data, Some(format!("{{\"lines\": {lines}}}")), "the log is whole");
    let seconds = row.execution_time.expect("measured");
    let rate = lines as f64 / seconds / 1e6;
    println!("containers: flood {rate:.2} million lines/s for {seconds:.1} s, supervisor's peak {} MiB", peak / 1_024);
}

async fn overhead() {
    let machine = Machine::with(&["limits.max_cpu=64"]).await;
    let script = machine.folder.path().join("main.py");
    fs::write(&script, "print(1)\n").expect("written");
    let (mut alone, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let status = Command::new("python3").arg("-I").arg(&script).stdout(Stdio::null()).status().expect("python3");
        assert!(status.success());
        alone.push(began.elapsed());

        let id = machine.calculation_with("print(1)\n", "{}", LIMITS, vec![]).await;
        let began = Instant::now();
        machine.submit(id).await;
        machine.follow(id).await;
        whole.push(began.elapsed());
        assert_eq!(machine.get(id).await.status, Status::Completed);
    }
    let (alone, whole) = (median(alone), median(whole));
    println!("python3 alone {alone:?}, submit to recorded {whole:?}, overhead {:?}", whole.saturating_sub(alone));
}

async fn rate(name: &str, code: &str, lines: u64) {
    let machine = Machine::with(&["limits.max_cpu=64", "caps.log_mib=1024"]).await;
    let id = machine.calculation_with(code, "{}", LIMITS, vec![]).await;
    let run = machine.submit(id).await;
    let began = Instant::now();
    let peak = peak(&machine, run).await;
    let whole = began.elapsed();
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{:?}", row.error_message);
    assert_eq!(count(&machine, id).await, lines, "the log is whole");
    let seconds = row.execution_time.expect("measured");
    println!(
        "{name}: {:.2} million lines/s ({seconds:.2} s), recorded after {whole:.2?}, supervisor's peak {} MiB",
        lines as f64 / seconds / 1e6,
        peak / 1_024
    );
}

/// The most memory of a run's supervisor until its end, KiB.
async fn peak(machine: &Machine, run: RunId) -> u64 {
    let mut peak = 0;
    while machine.spool(run).exists() {
        if let Some(pid) = machine.supervisor(run) {
            let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).unwrap_or_default();
            let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let high = high.and_then(|high| high.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = peak.max(high.unwrap_or_default());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    peak
}

async fn count(machine: &Machine, id: CalculationId) -> u64 {
    let log = mecapy::runs::open_log(&machine.session, id).await.expect("readable");
    log.expect("there is a log").len()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
