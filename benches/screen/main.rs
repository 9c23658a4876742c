//! The screen from outside, beside a bare table: first frame, keys, idle. Run with `cargo bench --bench screen`;
//! `MECAPY_BENCH_ROWS` sets the number of calculations (100,000 without it).
//!
//! Both programs are measured in turns in one run, so that the ratios hold whatever else the machine does.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

#[path = "../../tests/it/support/fill.rs"]
#[expect(dead_code, reason = "the tests fill more than one table and through a connection of their own")]
mod fill;
#[expect(dead_code, reason = "the benchmark of the database measures more with it")]
mod terminal;
mod yardstick;

use portable_pty::CommandBuilder;
use std::{path::Path, time::Duration};
use terminal::{Reaction, Terminal};

const ROUNDS: usize = 15;
/// Keys of each kind in a round.
const KEYS: usize = 14;

const DOWN: &[u8] = b"\x1b[B";
const UP: &[u8] = b"\x1b[A";
const PAGE_DOWN: &[u8] = b"\x1b[6~";
const PAGE_UP: &[u8] = b"\x1b[5~";

/// How fast a held key repeats.
const REPEAT: Duration = Duration::from_millis(33);

/// One program's figures over all rounds.
#[derive(Default)]
struct Figures {
    /// The first bytes of a frame, without rows.
    chrome: Vec<Duration>,
    /// The rows.
    first_frame: Vec<Duration>,
    /// Each kind of key, in the order of [`KINDS`].
    keys: [Vec<Reaction>; KINDS.len()],
    /// How late the screen is after a held key, in the order of [`HELD`].
    lags: [Vec<Duration>; HELD.len()],
}

/// What is pressed, and how often: the first presses of a step bring the screen to where it is measured.
#[derive(Clone, Copy)]
struct Step {
    kind: usize,
    key: &'static [u8],
    unmeasured: usize,
    measured: usize,
}

/// In the window: nothing has to be read for them.
const KINDS: [&str; 4] = ["move", "scroll", "page", "page beyond"];

/// One after the other: the rows that the first keys pass stay loaded, so that the pages up and down lie among them.
fn steps() -> Vec<Step> {
    let step = |kind, key, unmeasured, measured| Step { kind, key, unmeasured, measured };
    // A page from one edge of the screen to the other only moves the mark, one from there scrolls.
    let pages = [step(2, PAGE_UP, 1, 2), step(2, PAGE_DOWN, 1, 2)];
    let mut steps = vec![step(0, DOWN, 0, KEYS), step(3, PAGE_DOWN, 10, 0)];
    steps.extend(pages.into_iter().cycle().take(KEYS / 2));
    steps.extend([step(1, UP, 1, KEYS / 2), step(1, PAGE_DOWN, 1, 0), step(1, DOWN, 1, KEYS / 2)]);
    steps.push(step(3, PAGE_DOWN, 4, KEYS));
    steps
}

/// A key that is held, and for how many repeats.
const HELD: [(&str, &[u8], u32); 2] = [("Down held, lag", DOWN, 60), ("PageDown held, lag", PAGE_DOWN, 30)];

fn main() {
    if std::env::var_os("MECAPY_YARDSTICK").is_some() {
        yardstick::run();
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let rows = std::env::var("MECAPY_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    prepare(home.path(), rows);
    let newest = rows.to_string();
    let (mut ours, mut bare) = (Figures::default(), Figures::default());
    for _ in 0..ROUNDS {
        measure(&mut ours, &mut bare, home.path(), &newest);
    }
    report(&ours, &bare);
    let mut terminal = Terminal::start(mecapy_command(home.path()));
    terminal.wait_for(&newest);
    let idle = terminal.idle(Duration::from_secs(20));
    println!("idle: {:.2} B/s, {:.2} wake-ups/s, {} KiB resident", idle.bytes, idle.wakeups, idle.resident);
    terminal.stop();
}

/// Both programs side by side, key by key: whatever the machine does meanwhile, it does to both.
fn measure(ours: &mut Figures, bare: &mut Figures, home: &Path, newest: &str) {
    let mut right = Terminal::start(yardstick_command());
    bare.first_frame.push(right.wait_for("completed"));
    bare.chrome.extend(right.when("name"));
    right.rest(Duration::from_millis(120));
    let mut left = Terminal::start(mecapy_command(home));
    ours.first_frame.push(left.wait_for(newest));
    ours.chrome.extend(left.when("Calculations"));
    for Step { kind, key, unmeasured, measured } in steps() {
        for n in 0..unmeasured + measured {
            let reactions = (left.press(key), right.press(key));
            if n >= unmeasured {
                ours.keys[kind].push(reactions.0);
                bare.keys[kind].push(reactions.1);
            }
        }
    }
    for (kind, (_, key, count)) in HELD.into_iter().enumerate() {
        ours.lags[kind].push(left.hold(key, count, REPEAT));
        bare.lags[kind].push(right.hold(key, count, REPEAT));
    }
    left.stop();
    right.stop();
}

fn report(ours: &Figures, bare: &Figures) {
    println!("{:<22}{:>12}{:>12}{:>8}", "", "mecapy", "bare table", "ratio");
    let line = |name: &str, a: f64, b: f64, unit: &str| {
        println!("{name:<22}{a:>9.2} {unit:<2}{b:>9.2} {unit:<2}{:>8.2}", a / b);
    };
    let ms = |times: &[Duration], share| rank(times, share).as_secs_f64() * 1e3;
    line("first frame, chrome", ms(&ours.chrome, 0.5), ms(&bare.chrome, 0.5), "ms");
    line("first frame, rows", ms(&ours.first_frame, 0.5), ms(&bare.first_frame, 0.5), "ms");
    for (kind, name) in KINDS.into_iter().enumerate() {
        let (a, b) = (&ours.keys[kind], &bare.keys[kind]);
        let times = |reactions: &[Reaction]| reactions.iter().map(|reaction| reaction.time).collect::<Vec<_>>();
        for (share, label) in [(0.5, "p50"), (0.99, "p99")] {
            line(&format!("{name}, {label}"), ms(&times(a), share), ms(&times(b), share), "ms");
        }
        let mean = |reactions: &[Reaction]| {
            reactions.iter().map(|reaction| reaction.bytes).sum::<usize>() as f64 / reactions.len() as f64
        };
        line(&format!("{name}, bytes"), mean(a), mean(b), "B");
    }
    for (kind, (name, ..)) in HELD.into_iter().enumerate() {
        line(name, ms(&ours.lags[kind], 0.5), ms(&bare.lags[kind], 0.5), "ms");
    }
}

/// Makes the database as a first start does, and fills it.
fn prepare(home: &Path, rows: u32) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mecapy"));
    command.env_clear().env("HOME", home).args(["tools", "ls", "--quiet"]);
    assert!(command.stdout(std::process::Stdio::null()).status().unwrap().success());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("sqlite://{}", home.join(".local/share/mecapy/mecapy.db").display());
    let amount = fill::Amount { calculations: rows, files: 0, others: 0 };
    runtime.block_on(fill::at(&url, 1, amount)).unwrap();
}

/// The value below which the given share of them lies.
fn rank(values: &[Duration], share: f64) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

fn yardstick_command() -> CommandBuilder {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.env("MECAPY_YARDSTICK", "1");
    command.env("TERM", "xterm-256color");
    command
}

fn mecapy_command(home: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mecapy"));
    command.env_clear();
    command.env("HOME", home);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("TERM", "xterm-256color");
    command
}
