//! The database at size, on both engines: `cargo bench --bench database -- [--rows N] [ENGINE...] [PART...]`.
//!
//! Engines: `sqlite`, `postgres` (a server of its own, on loopback with a password). Parts: `lists` (each operation
//! against the engine's own client), `screen` (start, End and Home through a pseudo-terminal), `memory`, `idle` (20
//! programs on one server). All of them and 100,000 calculations without a word.
//!
//! The client, `psql` or `sqlite3`, is one kept process that is given the query as one would type it (prepared, where it
//! can) through its pipe, and has answered when its last line is read. It takes turns with mecapy, so that the ratios
//! hold whatever else the machine does.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark's result is what it prints")]

mod console;
mod idle;
mod lists;
mod place;
mod screens;

#[path = "../../tests/it/support/fill.rs"]
mod fill;
#[path = "../../tests/it/support/postgres.rs"]
#[expect(dead_code, reason = "the tests do more with it")]
mod postgres;
#[path = "../screen/terminal.rs"]
#[expect(dead_code, reason = "the benchmark of the screen measures more with it")]
mod terminal;

use place::{Engine, Place};
use std::time::Duration;

/// What is asked for.
struct Asked {
    rows: u32,
    engines: Vec<Engine>,
    parts: Vec<String>,
}

const PARTS: [&str; 4] = ["lists", "screen", "memory", "idle"];

fn main() {
    let asked = Asked::read(std::env::args().skip(1));
    let wants = |part: &str| asked.parts.iter().any(|asked| asked == part);
    for engine in &asked.engines {
        let Some(place) = Place::filled(*engine, asked.rows) else { continue };
        if wants("lists") {
            lists::measure(&place);
        }
        if wants("screen") {
            screens::measure(&place);
        }
        if wants("memory") {
            screens::memory(&place);
        }
        if wants("idle") {
            idle::measure(&place);
        }
    }
}

impl Asked {
    fn read(arguments: impl Iterator<Item = String>) -> Self {
        let mut asked = Self { rows: 100_000, engines: Vec::new(), parts: Vec::new() };
        let mut arguments = arguments.peekable();
        while let Some(word) = arguments.next() {
            match word.as_str() {
                // What cargo adds.
                "--bench" => {}
                "--rows" => {
                    let rows = arguments.next().and_then(|rows| rows.replace('_', "").parse().ok());
                    asked.rows = rows.expect("--rows wants a number");
                }
                "sqlite" => asked.engines.push(Engine::Sqlite),
                "postgres" => asked.engines.push(Engine::Postgres),
                part if PARTS.contains(&part) => asked.parts.push(word),
                other => panic!("{other}: --rows N, sqlite, postgres, {}", PARTS.join(", ")),
            }
        }
        if asked.engines.is_empty() {
            asked.engines = vec![Engine::Sqlite, Engine::Postgres];
        }
        if asked.parts.is_empty() {
            asked.parts = PARTS.map(str::to_owned).to_vec();
        }
        asked
    }
}

/// What the tests call where something is missing.
fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// The value below which the given share of them lies, in milliseconds.
fn rank(values: &[Duration], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(((sorted.len() - 1) as f64 * share).round() as usize).map_or(f64::NAN, |value| value.as_secs_f64() * 1e3)
}
