//! Many programs on one server that do nothing: what each holds, and what the server has to do.

use crate::{
    place::{DATABASE, Place},
    terminal::Terminal,
};
use std::time::{Duration, Instant};

const PROGRAMS: usize = 20;
/// After so long what the start needed is given back.
const SETTLE: Duration = Duration::from_secs(15);
const SPAN: Duration = Duration::from_mins(1);

/// Measures and prints; nothing on the embedded engine, which has no server.
pub fn measure(place: &Place) {
    let Some(server) = place.server() else { return };
    server.superuser("postgres", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    let mut terminals: Vec<Terminal> =
        (0..PROGRAMS).map(|n| Terminal::start(place.screen(&format!("idle{n}")))).collect();
    let began = Instant::now();
    for terminal in &mut terminals {
        terminal.wait_for(&place.rows.to_string());
    }
    println!("{PROGRAMS} programs at once: all show rows after {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    let number = |sql: &str| server.superuser("postgres", sql).parse::<f64>().unwrap_or(f64::NAN);
    let of_each =
        format!("SELECT count(*) AS n FROM pg_stat_activity WHERE datname = '{DATABASE}' GROUP BY application_name");
    let most = format!("SELECT max(n) FROM ({of_each}) AS each");
    let soon = number(&most);
    #[expect(clippy::disallowed_methods, reason = "the measurement has this thread for itself")]
    std::thread::sleep(SETTLE);
    let all = number(&format!("SELECT sum(n) FROM ({of_each}) AS each"));
    println!(
        "connections of one: {soon} at most at the start, {} at most at rest, {all} of all; goal 2",
        number(&most)
    );

    let statements = format!(
        "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
         WHERE datname = '{DATABASE}'"
    );
    let transactions = format!("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{DATABASE}'");
    let before = (number(&statements), number(&transactions));
    let idle = terminals[0].idle(SPAN);
    let after = (number(&statements), number(&transactions));
    let seconds = SPAN.as_secs_f64();
    println!(
        "statements of all: {:.2}/s, transactions {:.2}/s; one program: {:.2} wake-ups/s, {:.2} B/s; goals 0, 0, 0.2, 0",
        (after.0 - before.0) / seconds,
        (after.1 - before.1) / seconds,
        idle.wakeups,
        idle.bytes,
    );
    println!("connections of one at most, after a minute more: {}", number(&most));
    for terminal in terminals {
        terminal.stop();
    }
}
