//! What a run costs beside `python3` alone, and how fast its output is taken, with the supervisor's memory.
//!
//! Not a statistical bench: each figure is the median of a few whole runs with real processes.
//!
//! Containers are measured where an engine and an image with Python are named, best an engine that nobody else uses (as
//! root; the image is the one that the tests make and keep):
//!
//! ```sh
//! D=$(mktemp -d) && (dockerd -H unix://$D/docker.sock --data-root $D/data --exec-root $D/exec --pidfile $D/pid \
//!     --iptables=false --bridge=none >$D/log 2>&1 &) && export DOCKER_HOST=unix://$D/docker.sock && sleep 5 &&
//!     docker import ~/.cache/mecapy-tests/python-numpy-*.tar mecapy.test/python:1
//! MECAPY_BENCH_IMAGE=mecapy.test/python:1 cargo bench --bench runs -- containers
//! ```
//!
//! `containers` leaves the built-in sandbox out, `flood` everything but the flood of a container. To be compared with rows
//! of one table, both halves run on a quiet machine.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "../tests/it/runs/support.rs"]
#[expect(dead_code, reason = "the tests' machine, of which this needs a part")]
mod support;
#[path = "screen/terminal.rs"]
#[expect(dead_code, reason = "the screen's bench presses other keys")]
mod terminal;

use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        CreateContainerOptions, RemoveContainerOptionsBuilder, StartContainerOptions, WaitContainerOptionsBuilder,
    },
};
use futures_util::StreamExt;
use mecapy::domain::{
    id::{CalculationId, RunId},
    limits::Limits,
    status::Status,
};
use portable_pty::CommandBuilder;
use std::{
    ffi::OsString,
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use support::Machine;
use terminal::Terminal;

const ROUNDS: usize = 21;

/// Containers of each kind, and empty runs in a row.
const CONTAINERS: usize = 20;
const MANY: usize = 200;

/// How long a container floods, and one that only the engine's client listens to.
const FLOOD_SECONDS: Duration = Duration::from_secs(10);
const ENGINE_SECONDS: u64 = 5;

const LIMITS: Limits = Limits { timeout: 600, memory_limit: 512, cpu_limit: 64.0 };

const MILLION: &str = "import sys\nfor i in range(1_000_000):\n    sys.stdout.write(f'line {i} of a million\\n')\n";

/// 24 million lines of 10 bytes: faster than anything but a loop that writes.
const FLOOD: &str = "import os\nblock = b'123456789\\n' * 6_400\nfor _ in range(3_750):\n    os.write(1, block)\n";

/// Both streams in turn, a line each.
const ALTERNATE: &str =
    "import os\nfor i in range(200_000):\n    os.write(1, b'out %d\\n' % i)\n    os.write(2, b'err %d\\n' % i)\n";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let asked = |part: &str| std::env::args().any(|argument| argument == part);
    let (only_containers, only_flood) = (asked("containers"), asked("flood"));
    runtime.block_on(async {
        if !only_containers && !only_flood {
            builtin().await;
        }
        // `DOCKER_HOST` and an image with Python, where containers are to be measured.
        let named = |name| std::env::var(name).ok();
        if let (Some(host), Some(image)) = (named("DOCKER_HOST"), named("MECAPY_BENCH_IMAGE")) {
            containers(&host, &image, only_flood).await;
        }
    });
}

async fn builtin() {
    overhead().await;
    for (name, code, lines) in
        [("1,000,000 lines", MILLION, 1_000_000), ("flood", FLOOD, 24_000_000), ("alternating", ALTERNATE, 400_000)]
    {
        rate(name, code, lines).await;
    }
}

/// Runs in containers beside `docker run` of the same image, one after the other and two at a time, and a flood.
async fn containers(host: &str, image: &str, only_flood: bool) {
    let (address, chosen) = (format!("docker.host={host}"), format!("sandbox.image={image}"));
    let set = ["sandbox.engine=docker", &address, &chosen, "limits.max_cpu=64", "caps.log_mib=16384"];
    let machine = Machine::with(&set).await;
    let variables = variables(&machine, host, image);
    if !only_flood {
        let socket = host.strip_prefix("unix://").expect("the engine is at a socket of this host");
        let engine = Docker::connect_with_unix(socket, 120, bollard::API_DEFAULT_VERSION).expect("a client");
        container_overhead(&machine, &variables, image, &engine).await;
        container_throughput(&machine).await;
    }
    container_flood(&machine, &variables, image).await;
}

/// The same installation for the program itself.
fn variables(machine: &Machine, host: &str, image: &str) -> Vec<(&'static str, OsString)> {
    let paths = &machine.session.config.paths;
    vec![
        ("HOME", machine.folder.path().into()),
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
        ("TERM", "xterm-256color".into()),
        ("DOCKER_HOST", host.into()),
        ("MECAPY_SANDBOX_ENGINE", "docker".into()),
        ("MECAPY_SANDBOX_IMAGE", image.into()),
        ("MECAPY_RUNS_MAX_PER_HOST", "64".into()),
        ("MECAPY_PATHS_CONFIG", paths.config.clone().into()),
        ("MECAPY_PATHS_STATE", paths.state.clone().into()),
        ("MECAPY_PATHS_CACHE", paths.cache.clone().into()),
        ("MECAPY_PATHS_DATA", paths.data.clone().into()),
    ]
}

/// The calls of the engine's interface alone: made, started, waited for, removed.
async fn raw(engine: &Docker, image: &str, command: &[&str]) {
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        host_config: Some(HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    };
    let made = engine.create_container(None::<CreateContainerOptions>, body).await.expect("made");
    engine.start_container(&made.id, None::<StartContainerOptions>).await.expect("started");
    let over = WaitContainerOptionsBuilder::new().condition("not-running").build();
    Box::pin(engine.wait_container(&made.id, Some(over))).next().await.expect("an answer").expect("success");
    let remove = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    engine.remove_container(&made.id, Some(remove)).await.expect("removed");
}

async fn container_overhead(machine: &Machine, variables: &[(&'static str, OsString)], image: &str, engine: &Docker) {
    let code = machine.folder.path().join("nothing.py");
    fs::write(&code, "pass\n").expect("written");
    let (mut nothing, mut python, mut whole, mut command) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut raw_nothing, mut raw_python) = (Vec::new(), Vec::new());
    for _ in 0..CONTAINERS {
        let programs = [
            (&["true"][..], &mut nothing, &mut raw_nothing),
            (&["python3", "-I", "-c", "pass"][..], &mut python, &mut raw_python),
        ];
        for (program, times, raw_times) in programs {
            let began = Instant::now();
            raw(engine, image, program).await;
            raw_times.push(began.elapsed());
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
        // Its container goes behind the record, and shall not slow the next one down.
        machine.assert_nothing_left().await;
        let began = Instant::now();
        let mut run = Command::new(support::MECAPY);
        run.args(["calc", "run", "--wait", "--quiet", "--cpu", "64"]).arg(&code).env_clear();
        let run = run.envs(variables.iter().cloned()).stdout(Stdio::null()).status();
        assert!(run.expect("mecapy").success());
        command.push(began.elapsed());
        machine.assert_nothing_left().await;
    }
    let [whole, command] = [whole, command].map(median);
    let beside = [nothing, python, raw_nothing, raw_python].map(median);
    println!(
        "containers: docker run --rm: true {:?}, python3 {:?}; calls of the engine alone: true {:?}, python3 {:?}",
        beside[0], beside[1], beside[2], beside[3]
    );
    for (what, time) in [("submit to recorded", whole), ("calc run --wait", command)] {
        let [nothing, python, raw_nothing, raw_python] =
            beside.map(|beside| format!("{:.2}", time.as_secs_f64() / beside.as_secs_f64()));
        println!(
            "containers: {what} {time:?}: {nothing} and {python} times docker run, {raw_nothing} and {raw_python} times \
             the calls"
        );
    }
}

async fn container_throughput(machine: &Machine) {
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
}

/// A container that prints as fast as it can for ten seconds, watched by a screen whose keys are pressed meanwhile; before
/// and behind it one that only `docker run` listens to. What the engine itself can pass on is the bound of all of them.
async fn container_flood(machine: &Machine, variables: &[(&'static str, OsString)], image: &str) {
    let before = engine_rate(image);
    let code =
        format!("{}def calculate(): return {{'lines': lines, 'at': time.time()}}\n", flood(FLOOD_SECONDS.as_secs()));
    let id = machine.calculation_with(&code, "{}", LIMITS, vec![]).await;
    let run = machine.submit(id).await;
    let mut command = CommandBuilder::new(support::MECAPY);
    command.env_clear();
    for (name, value) in variables {
        command.env(name, value);
    }
    let screen = tokio::task::spawn_blocking(move || watch_flood(Terminal::start(command)));
    let (peak, used) = peak(machine, run).await;
    let seen = screen.await.expect("the screen is watched");
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{:?}", row.error_message);
    let lines = count(machine, id).await;
    let result: serde_json::Value = serde_json::from_str(&row.result_data.expect("a result")).expect("JSON");
    assert_eq!(result["lines"], lines, "the log is whole");
    let seconds = row.execution_time.expect("measured");
    let rate = lines as f64 / seconds / 1e6;
    let engine = f64::midpoint(before, engine_rate(image));
    println!(
        "containers: flood {rate:.2} million lines/s for {seconds:.1} s, {:.2} times the {engine:.2} million that \
         `docker run` passes on by itself; the supervisor's peak {} MiB, {:.0} ns of CPU a line",
        rate / engine,
        peak / 1_024,
        used.as_nanos() as f64 / lines as f64
    );
    let mut keys = seen.keys;
    keys.sort_unstable();
    let rank = |share: f64| keys[((keys.len() - 1) as f64 * share).round() as usize];
    println!(
        "containers: meanwhile {:.1} KB/s to the terminal; then {} keys to their frames: median {:?}, p99 {:?}, worst \
         {:?}; the screen's peak {} MiB; its end seen {:.0} ms after the code's",
        seen.bytes_a_second / 1e3,
        keys.len(),
        rank(0.5),
        rank(0.99),
        rank(1.0),
        seen.peak / 1_024,
        (seen.ended - result["at"].as_f64().expect("a time")) * 1e3
    );
}

/// Prints lines of ten bytes, no two of a screen alike, for so long, and counts them.
fn flood(seconds: u64) -> String {
    format!(
        "import os, time\nblocks = [b''.join(b'%09d\\n' % (k * 6_400 + n) for n in range(6_400)) for k in range(16)]\n\
         end, lines = time.monotonic() + {seconds}, 0\n\
         while time.monotonic() < end:\n    os.write(1, blocks[lines // 6_400 % 16])\n    lines += 6_400\n"
    )
}

/// Million lines a second that the engine passes on to its own client, which keeps nothing, while it keeps the log as
/// it does for a run.
fn engine_rate(image: &str) -> f64 {
    let code = format!("{}import sys\nprint(lines, file=sys.stderr)\n", flood(ENGINE_SECONDS));
    let mut docker = Command::new("docker");
    docker.args(["run", "--rm", "--network", "none", "--log-driver", "local", "--log-opt", "max-size=16g"]);
    docker.args(["--log-opt", "max-file=1", "--log-opt", "compress=false", image, "python3", "-I", "-c"]).arg(code);
    let done = docker.stdout(Stdio::null()).output().expect("docker");
    let lines = String::from_utf8_lossy(&done.stderr).trim().parse::<u64>().expect("a number of lines");
    lines as f64 / ENGINE_SECONDS as f64 / 1e6
}

/// What a screen did during a flood.
struct Seen {
    keys: Vec<Duration>,
    /// KiB.
    peak: u64,
    /// While no key was pressed.
    bytes_a_second: f64,
    /// When it showed the end: seconds since 1970.
    ended: f64,
}

/// Follows the log; then opens and closes the help over it until the run is over.
fn watch_flood(mut screen: Terminal) -> Seen {
    screen.wait_for("Monitor");
    screen.press_while_busy(b"4", |text| text.contains("follows") && text.contains("00000"));
    let (began, before) = (Instant::now(), screen.written());
    screen.watch(FLOOD_SECONDS / 2);
    let bytes_a_second = (screen.written() - before) as f64 / began.elapsed().as_secs_f64();
    let mut keys = Vec::new();
    while began.elapsed() < FLOOD_SECONDS.mul_f64(0.8) {
        for (key, open) in [(&b"?"[..], true), (&b"\x1b"[..], false)] {
            keys.push(screen.press_while_busy(key, |text| text.contains("Keys (Esc closes)") == open));
            screen.watch(Duration::from_millis(40));
        }
    }
    while !screen.shows("completed") {
        assert!(began.elapsed() < Duration::from_mins(2), "the end is never shown");
        screen.watch(Duration::from_millis(5));
    }
    let ended = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let peak = screen.peak();
    screen.stop();
    Seen { keys, peak, bytes_a_second, ended }
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
    let (peak, used) = peak(&machine, run).await;
    let whole = began.elapsed();
    let row = machine.get(id).await;
    assert_eq!(row.status, Status::Completed, "{:?}", row.error_message);
    assert_eq!(count(&machine, id).await, lines, "the log is whole");
    let seconds = row.execution_time.expect("measured");
    println!(
        "{name}: {:.2} million lines/s ({seconds:.2} s), recorded after {whole:.2?}, supervisor's peak {} MiB, \
         {:.0} ns of CPU a line",
        lines as f64 / seconds / 1e6,
        peak / 1_024,
        used.as_nanos() as f64 / lines as f64
    );
}

/// The most memory of a run's supervisor until its end, KiB, and the CPU time that it took.
async fn peak(machine: &Machine, run: RunId) -> (u64, Duration) {
    let (mut peak, mut used) = (0, Duration::ZERO);
    while machine.spool(run).exists() {
        if let Some(pid) = machine.supervisor(run) {
            let read = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", pid.as_raw_pid()));
            let status = read("status").unwrap_or_default();
            let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let high = high.and_then(|high| high.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = peak.max(high.unwrap_or_default());
            used = used.max(cpu_time(&read("stat").unwrap_or_default()).unwrap_or_default());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (peak, used)
}

/// User and system time in a process's `stat`: ticks of a hundredth of a second, behind the name in parentheses.
fn cpu_time(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

async fn count(machine: &Machine, id: CalculationId) -> u64 {
    let log = mecapy::runs::open_log(&machine.session, id).await.expect("readable");
    log.expect("there is a log").len()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
