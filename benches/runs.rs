//! What a run costs beside `python3` alone, and how fast its output is taken, with the supervisor's memory.
//!
//! Not a statistical bench: each figure is the median of a few whole runs with real processes.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "../tests/it/runs/support.rs"]
#[expect(dead_code, reason = "the tests' machine, of which this needs a part")]
mod support;

use mecapy::domain::{id::CalculationId, limits::Limits, status::Status};
use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use support::Machine;

const ROUNDS: usize = 21;

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
    });
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
    let peak = async {
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
    };
    let peak = peak.await;
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

async fn count(machine: &Machine, id: CalculationId) -> u64 {
    let log = mecapy::runs::open_log(&machine.session, id).await.expect("readable");
    log.expect("there is a log").len()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
