//! The screen on a database at size: start, a jump from end to end, memory.

use crate::{
    place::{Engine, Place},
    rank,
    terminal::Terminal,
};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

const ROUNDS: usize = 15;
const JUMPS: usize = 100;
const END: &[u8] = b"\x1b[F";
const HOME: &[u8] = b"\x1b[H";
const PAGE_DOWN: &[u8] = b"\x1b[6~";
/// The oldest calculation, and no other on the newest page.
const OLDEST: &str = "load case  1 ";
/// What the client is asked for at its start.
const FIRST_PAGE: &str = "SELECT id, name, status, created_at, started_at, execution_time FROM calculations \
                          WHERE user_id = 1 ORDER BY created_at DESC, id DESC LIMIT 48";

/// Measures start and jumps, and prints.
pub fn measure(place: &Place) {
    let newest = format!(" {} ", place.rows);
    let (mut chrome, mut rows, mut client) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut terminal = Terminal::start(place.screen("mecapy"));
        rows.push(terminal.wait_for(newest.trim()));
        chrome.extend(terminal.when("Calculations"));
        terminal.stop();
        client.push(client_start(place));
    }
    let goal = if place.server().is_some() { [40.0, 15.0] } else { [20.0, 8.0] };
    println!("{:<34}{:>12}{:>12}{:>12}{:>8}", "ms", "p50", "p99", "goal", "");
    let line = |name: &str, values: &[Duration], goal: Option<f64>| {
        let goal = goal.map(|goal| format!("{goal:.0}")).unwrap_or_default();
        println!("{name:<34}{:>12.2}{:>12.2}{goal:>12}", rank(values, 0.5), rank(values, 0.99));
    };
    line("start, chrome", &chrome, Some(20.0));
    line("start, rows", &rows, Some(goal[0]));
    line(&format!("start, {} with a first page", place.client()), &client, None);
    println!("{:<34}{:>12.2}", "ratio", rank(&rows, 0.5) / rank(&client, 0.5));

    let mut terminal = Terminal::start(place.screen("mecapy"));
    terminal.wait_for(newest.trim());
    let (mut ends, mut homes) = (Vec::new(), Vec::new());
    for _ in 0..JUMPS {
        ends.push(terminal.press_until(END, OLDEST));
        homes.push(terminal.press_until(HOME, &newest));
    }
    terminal.stop();
    // The first of each reads from the disk what the others find in memory.
    println!("{:<34}{:>12.2}{:>12.2}", "first End, first Home", rank(&ends[..1], 0.5), rank(&homes[..1], 0.5));
    line("End", &ends[1..], Some(goal[1]));
    line("Home", &homes[1..], Some(goal[1]));
}

/// From the start of the client's process to its end, with one page.
fn client_start(place: &Place) -> Duration {
    let mut command = place.client_command();
    if place.server().is_some() {
        command.arg("--command");
    }
    let began = Instant::now();
    let status = command.arg(FIRST_PAGE).stdout(Stdio::null()).status().expect("the client starts");
    assert!(status.success());
    began.elapsed()
}

/// Memory after a start and after going through the list, beside a database of 1,000 calculations.
pub fn memory(place: &Place) {
    let engine = if place.server().is_some() { Engine::Postgres } else { Engine::Sqlite };
    let Some(small) = Place::filled(engine, 1_000) else { return };
    println!("{:<34}{:>12}{:>12}{:>8}", "KiB resident (anonymous)", place.rows, small.rows, "ratio");
    let (large, small) = (walk(place), walk(&small));
    for (n, name) in ["after start", "after End, Home, 20 pages"].into_iter().enumerate() {
        let ((resident, anonymous), (few, few_anonymous)) = (large[n], small[n]);
        println!("{name:<34}{resident:>12}{few:>12}{:>8.2}", resident as f64 / few as f64);
        println!("{:<34}{:>12}{:>12}", "", format!("({anonymous})"), format!("({few_anonymous})"));
    }
    println!("{:<34}{:>12}{:>12}{:>8}", "goal", 25 << 10, "", "1.10");
}

fn walk(place: &Place) -> [(u64, u64); 2] {
    let mut terminal = Terminal::start(place.screen("mecapy"));
    terminal.wait_for(&place.rows.to_string());
    terminal.rest(Duration::from_secs(1));
    let first = terminal.memory();
    terminal.press_until(END, OLDEST);
    terminal.press_until(HOME, &format!(" {} ", place.rows));
    for _ in 0..20 {
        terminal.press(PAGE_DOWN);
    }
    terminal.rest(Duration::from_secs(1));
    let last = terminal.memory();
    terminal.stop();
    [first, last]
}
