//! The screen from outside, beside a bare table: first frame, keys, idle. Run with `cargo bench --bench screen`;
//! `MECAPY_BENCH_ROWS` sets the number of calculations (100,000 without it).
//!
//! Both programs are measured in turns in one run, so that the ratios hold whatever else the machine does.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

#[path = "../support/fill.rs"]
mod fill;
mod terminal;
mod yardstick;

use portable_pty::CommandBuilder;
use std::{path::Path, time::Duration};
use terminal::{Reaction, Terminal};

const ROUNDS: usize = 15;
const KEYS: usize = 100;

/// One program's figures over all rounds.
#[derive(Default)]
struct Figures {
    first_frame: Vec<Duration>,
    moves: Vec<Reaction>,
    scrolls: Vec<Reaction>,
    pages: Vec<Reaction>,
}

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
        measure(&mut bare, yardstick_command(), "calculation 1");
        measure(&mut ours, mecapy_command(home.path()), &newest);
    }
    report(&ours, &bare);
    let mut terminal = Terminal::start(mecapy_command(home.path()));
    terminal.wait_for(&newest);
    let idle = terminal.idle(Duration::from_secs(20));
    println!("idle: {:.2} B/s, {:.2} wake-ups/s, {} KiB resident", idle.bytes, idle.wakeups, idle.resident);
    terminal.stop();
}

fn measure(figures: &mut Figures, command: CommandBuilder, ready: &str) {
    let mut terminal = Terminal::start(command);
    figures.first_frame.push(terminal.wait_for(ready));
    let count = KEYS / ROUNDS + 1;
    // The first keys move inside the window, the later ones scroll it.
    figures.moves.extend((0..count).map(|_| terminal.press(b"\x1b[B")));
    terminal.press(&b"\x1b[B".repeat(50));
    figures.scrolls.extend((0..count).map(|_| terminal.press(b"\x1b[B")));
    figures.pages.extend((0..count).map(|_| terminal.press(b"\x1b[6~")));
    terminal.stop();
}

fn report(ours: &Figures, bare: &Figures) {
    println!("{:<22}{:>12}{:>12}{:>8}", "", "mecapy", "bare table", "ratio");
    let line = |name: &str, a: f64, b: f64, unit: &str| {
        println!("{name:<22}{a:>9.2} {unit:<2}{b:>9.2} {unit:<2}{:>8.2}", a / b);
    };
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    line("first frame, median", ms(rank(&ours.first_frame, 0.5)), ms(rank(&bare.first_frame, 0.5)), "ms");
    for (name, a, b) in [
        ("move", &ours.moves, &bare.moves),
        ("scroll", &ours.scrolls, &bare.scrolls),
        ("page", &ours.pages, &bare.pages),
    ] {
        let times = |reactions: &[Reaction]| reactions.iter().map(|reaction| reaction.time).collect::<Vec<_>>();
        for (share, label) in [(0.5, "p50"), (0.99, "p99")] {
            line(&format!("{name}, {label}"), ms(rank(&times(a), share)), ms(rank(&times(b), share)), "ms");
        }
        let mean = |reactions: &[Reaction]| {
            reactions.iter().map(|reaction| reaction.bytes).sum::<usize>() as f64 / reactions.len() as f64
        };
        line(&format!("{name}, bytes"), mean(a), mean(b), "B");
    }
}

/// Makes the database as a first start does, and fills it.
fn prepare(home: &Path, rows: u32) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mecapy"));
    command.env_clear().env("HOME", home).args(["tools", "ls", "--quiet"]);
    assert!(command.stdout(std::process::Stdio::null()).status().unwrap().success());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(fill::calculations(&home.join(".local/share/mecapy/mecapy.db"), 1, rows)).unwrap();
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
