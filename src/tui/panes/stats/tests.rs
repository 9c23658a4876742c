//! Loading, changes, gaps, trouble, hostile names, every size.

use super::*;
use crate::{
    domain::statistics::{
        Blocker, Connections, FileHealth, Gap, IndexUse, Known, Lock, RecentCalculation, SlowQuery, TableSize,
        UserStats,
    },
    tui::{
        msg::SessionInfo,
        testing::{Bench, now},
        theme::Theme,
    },
};

fn figures() -> Figures {
    let recent = |id: i64, name: &str, status: &str, time: Option<f64>| RecentCalculation {
        id,
        name: name.to_owned(),
        status: status.to_owned(),
        created_at: now().utc - TimeDelta::minutes(id),
        execution_time: time,
        username: "ann".to_owned(),
        display_name: (id == 1).then(|| "Ann \u{202e}Martin".to_owned()),
    };
    Figures {
        own: Some(UserStats {
            id: 7,
            username: "ann".to_owned(),
            total_files: 1_234,
            total_storage_bytes: 5 << 30,
            total_calculations: 100_006,
            completed_calculations: 99_000,
        }),
        recent: vec![
            recent(1, "Bolted joint M12 \u{1b}[31m flange, second attempt with more preload", "running", None),
            recent(2, "Mesh", "completed", Some(125.0)),
            recent(3, "Beam", "failed", Some(0.42)),
            recent(4, "From Python", "PENDING", None),
        ],
    }
}

fn embedded() -> Health {
    let unknown = || Gap::new("SQLite keeps no times of statements");
    Health {
        engine: "SQLite 3.50.4".to_owned(),
        response_ms: 0.08,
        size_bytes: Known::Is(123 << 20),
        tables: Known::Is(vec![
            TableSize { table: "calculations".to_owned(), total_bytes: 100 << 20, index_bytes: 40 << 20 },
            TableSize { table: "tools".to_owned(), total_bytes: 64 << 10, index_bytes: 8 << 10 },
        ]),
        connections: Known::Missing(Gap::new("a file has no connections that anybody counts")),
        slow_queries: Known::Missing(unknown()),
        locks: Known::Missing(Gap::new("SQLite has one writer at a time, and keeps no list of who waits")),
        deadlocks: Known::Missing(Gap::new("there are none to count")),
        indexes: Known::Missing(Gap::new("SQLite does not count how often an index is used")),
        file: Some(FileHealth {
            path: "/home/ann/mecapy.db".to_owned(),
            wal_bytes: 4 << 20,
            page_size: 4_096,
            page_count: 31_488,
            free_pages: 12,
            journal_mode: "wal".to_owned(),
            quick_check: None,
        }),
        partial: Vec::new(),
    }
}

fn shared() -> Health {
    Health {
        engine: "PostgreSQL 15.14".to_owned(),
        response_ms: 1.26,
        connections: Known::Is(Connections { active: 3, idle: 12, idle_in_transaction: 1, unknown: 4, maximum: 100 }),
        slow_queries: Known::Is(vec![SlowQuery {
            query: "SELECT *\nFROM \u{1b}]52;c;x\u{7} calculations WHERE name LIKE $1".to_owned(),
            mean_ms: 1_234.56,
            calls: 12_345,
        }]),
        locks: Known::Is(vec![Lock {
            pid: 4_711,
            user: Some("bob".to_owned()),
            table: Some("tools".to_owned()),
            mode: "RowExclusiveLock".to_owned(),
            waiting_s: Some(75.0),
            query: Some("UPDATE tools SET is_active = true".to_owned()),
            blocked_by: vec![Blocker {
                pid: 815,
                user: Some("eve".to_owned()),
                state: Some("idle in transaction".to_owned()),
            }],
        }]),
        deadlocks: Known::Is(2),
        indexes: Known::Is(vec![IndexUse {
            index: "ix_users_email".to_owned(),
            table: "users".to_owned(),
            scans: 0,
            bytes: 16_384,
        }]),
        file: None,
        partial: vec![Gap::until("statements of other roles are not shown", "GRANT pg_read_all_stats")],
        ..embedded()
    }
}

fn shown() -> Bench<Stats> {
    let mut bench = Bench::new(&PANE, Stats::default());
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    assert!(bench.effects.is_empty(), "nobody looks yet");
    bench.event(Event::Shown);
    bench
}

fn answer(bench: &mut Bench<Stats>, health: Health) {
    let ticket = bench.ticket_of(|request| *request == Request::LoadFigures);
    bench.event(Event::Reply(ticket, Ok(Reply::Figures(Box::new(figures())))));
    let ticket = bench.ticket_of(|request| *request == Request::LoadHealth);
    bench.event(Event::Reply(ticket, Ok(Reply::Health(Box::new(health)))));
    bench.clear();
}

fn loaded(health: Health) -> Bench<Stats> {
    let mut bench = shown();
    answer(&mut bench, health);
    bench
}

#[test]
fn it_loads_when_it_is_seen_and_again_by_its_key() {
    let mut bench = shown();
    assert_eq!(bench.requests(), [Request::LoadFigures, Request::LoadHealth]);
    assert_eq!(bench.pane.tick(), Tick::Spinner);
    assert!(bench.screen().contains("loading the figures") && bench.screen().contains("loading the database's health"));
    answer(&mut bench, embedded());
    assert_eq!((bench.pane.tick(), bench.pane.loaded_at()), (Tick::Never, Some(now().utc)));
    bench.keys("ctrl-r");
    assert_eq!(bench.requests(), [Request::LoadFigures, Request::LoadHealth]);
    assert!(bench.screen().contains("1 234"), "what is there stays meanwhile");
    bench.keys("esc");
    assert_eq!(bench.intents, [Intent::Back]);
}

#[test]
fn changes_reload_the_figures_and_the_health_at_its_pace() {
    let mut bench = loaded(embedded());
    bench.event(Event::Fact(Fact::CalculationsChanged));
    assert_eq!(bench.requests(), [Request::LoadFigures], "the health was asked for just now");
    bench.event(Event::Fact(Fact::CalculationsChanged));
    assert_eq!(bench.requests().len(), 1, "one at a time");
    bench.reply(Reply::Figures(Box::new(figures())));
    assert_eq!(bench.requests().len(), 2, "and what changed meanwhile after it");
    bench.reply(Reply::Figures(Box::new(figures())));
    bench.clear();
    bench.now.utc += TimeDelta::seconds(6);
    bench.event(Event::Fact(Fact::ToolsChanged));
    assert_eq!(bench.requests(), [Request::LoadFigures, Request::LoadHealth]);
    bench.event(Event::Hidden);
    bench.clear();
    bench.event(Event::Fact(Fact::CalculationsChanged));
    assert!(bench.effects.is_empty(), "nobody looks");
}

#[test]
fn a_service_that_is_down_leaves_what_was_there_and_says_so() {
    let mut bench = loaded(shared());
    bench.keys("ctrl-r");
    let why = "the database ann@db:5432/mecapy cannot be reached: nothing listens there";
    for request in [Request::LoadFigures, Request::LoadHealth] {
        let ticket = bench.ticket_of(|asked| *asked == request);
        bench.event(Event::Reply(ticket, Err(Failure::new(why))));
    }
    let screen = bench.screen();
    assert!(screen.contains("✗ the database ann@db:5432") && screen.contains("What follows is older."), "{screen}");
    assert!(screen.contains("1 234"), "{screen}");
    assert!(bench.pane.tick() == Tick::Never);
    let mut never = shown();
    never.fail(why);
    assert!(never.screen().contains("✗ the database ann@db"), "{}", never.screen());
}

#[test]
fn an_empty_database_says_what_to_press() {
    let mut bench = shown();
    let ticket = bench.ticket_of(|request| *request == Request::LoadFigures);
    let nothing = Figures { own: None, recent: Vec::new() };
    bench.event(Event::Reply(ticket, Ok(Reply::Figures(Box::new(nothing)))));
    assert!(bench.screen().contains("None yet. Press 2 to choose a tool"), "{}", bench.screen());
}

#[test]
fn looks() {
    let mut bench = loaded(shared());
    insta::assert_snapshot!("shared_80x21", bench.screen());
    bench.keys("G");
    insta::assert_snapshot!("shared_end_80x21", bench.screen());
    bench.resize(140, 37);
    bench.keys("g");
    insta::assert_snapshot!("shared_140x37", bench.screen());
    let mut bench = loaded(embedded());
    bench.resize(40, 9);
    insta::assert_snapshot!("embedded_40x9", bench.screen());
    bench.resize(140, 37);
    bench.theme = Theme::plain();
    insta::assert_snapshot!("embedded_plain_140x37", bench.screen());
}

#[test]
fn no_size_is_too_small_and_nothing_hostile_gets_through() {
    let mut bench = loaded(shared());
    for (width, height) in [(200, 60), (100, 3), (99, 50), (40, 7), (20, 2), (3, 3), (1, 1)] {
        bench.resize(width, height);
        for keys in ["G", "pageup", "down", "g"] {
            bench.keys(keys);
            let screen = bench.screen();
            assert!(!screen.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{screen:?}");
        }
    }
    bench.resize(80, 200);
    let words = "! 4711 (bob) waits for 1m 15s on tools for 815 (eve), idle in transaction";
    assert!(bench.screen().contains(words), "{}", bench.screen());
}
