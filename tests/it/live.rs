//! The screen follows what other programs do to the database, and sleeps while they do nothing.

use crate::support::{home::Home, postgres, pty::Pty};
use std::{
    fs,
    time::{Duration, Instant},
};

fn make(home: &Home, name: &str) {
    home.run(&["calc", "new", "code.py", "--name", name]).code(0);
}

/// How often the threads of a process went to sleep so far: each wake-up ends in one.
fn sleeps(pid: i32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads
        .filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("status")).ok())
        .filter_map(|status| {
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?.to_owned();
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .sum()
}

#[test]
fn rows_of_other_programs_appear_and_the_selection_stays() {
    let home = Home::new();
    home.file("code.py", "def calculate():\n    return {}\n");
    for name in ["First", "Second", "Third"] {
        make(&home, name);
    }
    let mut pty = Pty::start(&home, 80, 24, &[]);
    pty.shows("First");
    pty.send("j");
    pty.shows("▌ Second");
    make(&home, "Fourth");
    // No key is pressed.
    pty.shows("Fourth");
    pty.shows("▌ Second");
    home.run(&["calc", "rm", "1", "--yes"]).code(0);
    pty.wait("the deleted row stays", |screen| !screen.contents().contains("First"));
    pty.shows("▌ Second");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    assert!(!home.database().with_extension("db-wal").exists(), "the log is folded into the file at the end");
}

#[test]
fn rows_on_a_shared_server_appear_too_and_its_figures_follow() {
    let Some(database) = postgres::database() else { return };
    follows(&database);
}

#[test]
fn rows_in_partitions_appear_too() {
    let Some(database) = postgres::partitioned_database() else { return };
    follows(&database);
}

fn follows(database: &postgres::Database) {
    let home = Home::new().with("DATABASE_URL", &database.url());
    home.file("code.py", "def calculate():\n    return {}\n");
    make(&home, "First");
    let mut pty = Pty::start(&home, 80, 24, &["--yes"]);
    pty.shows("First");
    make(&home, "Second");
    pty.shows("Second");
    pty.shows("▌ First");
    pty.send("5");
    pty.shows("PostgreSQL 1");
    pty.shows("2, 0 completed");
    make(&home, "Third");
    pty.shows("3, 0 completed");
    pty.send("q");
    assert_eq!(pty.code(), 0);
}

#[test]
fn a_screen_at_rest_does_not_wake() {
    let home = Home::new();
    home.file("code.py", "def calculate():\n    return {}\n");
    make(&home, "First");
    let pty = Pty::start(&home, 80, 24, &["--yes"]);
    pty.shows("First");
    // What follows a start or a change ends after some seconds; then there is a whole second without a wake-up.
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let before = sleeps(pty.pid());
        std::thread::park_timeout(Duration::from_secs(1));
        if sleeps(pty.pid()) == before {
            break;
        }
        assert!(Instant::now() < end, "it never comes to rest");
    }
}
