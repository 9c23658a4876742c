//! Each operation of the list, and what a run writes, beside the engine's own client, which is asked twice: as one would
//! type it, with the conditions of a keyset page, and by the very statements that mecapy sends.

use crate::{console::Console, place::Place, rank};
use mecapy::{
    db::{Db, calculations, files, runs},
    domain::{
        calculation::{CalculationRow, NewCalculation},
        id::{CalculationId, RunId, UserId},
        limits::Limits,
        page::{CalculationQuery, CalculationSort, Cursor, CursorValue, Direction, PageRequest},
        run::{EngineKind, Outcome, Provenance},
        status::Status,
    },
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const PAGE: u32 = 50;
const ANN: UserId = UserId(1);
/// So long the client is asked for an operation, and how often at least and at most: a query that reads and sorts
/// everything takes seconds.
const SPAN: Duration = Duration::from_secs(3);
const TURNS: (usize, usize) = (3, 60);
/// Beside a slow client mecapy is asked more than once in a turn.
const SLOW: (Duration, usize) = (Duration::from_millis(100), 10);

/// What a page shows.
const COLUMNS: &str = "c.id, c.name, c.status, c.created_at, c.started_at, c.completed_at, c.execution_time, \
                       c.memory_used, r.id IS NOT NULL, r.error_kind FROM calculations c \
                       LEFT JOIN calculation_runs r ON r.calculation_id = c.id WHERE c.user_id = 1";

/// What mecapy does for one operation.
enum Ours {
    Page(CalculationQuery, PageRequest),
    Count,
    Detail(CalculationId),
    Same,
}

struct Operation {
    name: String,
    ours: Ours,
    /// The same as one would type it, a statement or more.
    theirs: String,
}

/// Measures and prints.
pub fn measure(place: &Place) {
    let runtime = Runtime::new().expect("a runtime");
    let db = runtime.block_on(place.open());
    let mut watched = runtime.block_on(place.open());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let notes = sent.clone();
    let is_watched =
        watched.observe(move |statement| notes.lock().expect("nobody panics").push(format!("{statement};")));
    assert!(is_watched, "nobody has it yet");
    let mut console = place.console();
    let client = place.client();
    println!(
        "{:<34}{:>12}{:>12}{:>12}{:>8}{:>12}{:>8}{:>7}{:>7}",
        "ms", "mecapy p50", "p99", "same", "ratio", client, "ratio", "sent", "turns"
    );
    for operation in runtime.block_on(operations(&db, place)) {
        sent.lock().expect("nobody panics").clear();
        runtime.block_on(operation.ours.ask(&watched));
        let same = std::mem::take(&mut *sent.lock().expect("nobody panics"));
        let count = same.len();
        let typed = operation.theirs.split("; ").map(|statement| format!("{statement};")).collect();
        if place.server().is_some() {
            console.ask("DEALLOCATE ALL;");
        }
        let (same, typed) = (ready(&mut console, place, "same", same), ready(&mut console, place, "typed", typed));
        let (mut ours, mut alike, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        // What is quick is asked once before it counts.
        runtime.block_on(operation.ours.ask(&db));
        console.ask(&same);
        let (first, _) = console.ask(&typed);
        if first > SLOW.0 {
            theirs.push(first);
        }
        let began = Instant::now();
        while theirs.len() < TURNS.0 || (theirs.len() < TURNS.1 && began.elapsed() < SPAN) {
            let mut found = 0;
            for _ in 0..if first > SLOW.0 { SLOW.1 } else { 1 } {
                let began = Instant::now();
                found = runtime.block_on(operation.ours.ask(&db));
                ours.push(began.elapsed());
                alike.push(console.ask(&same).0);
            }
            let (time, lines) = console.ask(&typed);
            theirs.push(time);
            assert!(found == lines || operation.name.starts_with("detail"), "{}: {found}, {lines}", operation.name);
        }
        let [p50, p99] = [0.5, 0.99].map(|share| rank(&ours, share));
        let (alike, typed) = (rank(&alike, 0.5), rank(&theirs, 0.5));
        println!(
            "{:<34}{p50:>12.2}{p99:>12.2}{alike:>12.2}{:>8.2}{typed:>12.2}{:>8.2}{count:>7}{:>7}",
            operation.name,
            p50 / alike,
            p50 / typed,
            theirs.len()
        );
    }
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        runtime.block_on(life(&db));
        times.push(began.elapsed());
    }
    println!("{:<34}{:>12.2}{:>12.2}", "make, submit, claim, finish", rank(&times, 0.5), rank(&times, 0.99));
    drop(console);
    runtime.block_on(watched.close()).expect("it closes");
    runtime.block_on(db.close()).expect("it closes");
}

/// What to ask the client for these statements: prepared where it can.
fn ready(console: &mut Console, place: &Place, name: &str, statements: Vec<String>) -> String {
    if place.server().is_none() {
        return statements.join(" ");
    }
    let execute = |(n, statement)| {
        console.ask(&format!("PREPARE {name}_{n} AS {statement}"));
        format!("EXECUTE {name}_{n};")
    };
    statements.into_iter().enumerate().map(execute).collect::<Vec<_>>().join(" ")
}

impl Ours {
    /// Asks; how many lines the client would print.
    async fn ask(&self, db: &Db) -> usize {
        match self {
            Self::Page(query, request) => calculations::page(db, ANN, query, request).await.expect("a page").rows.len(),
            Self::Count => {
                calculations::count(db, ANN, &CalculationQuery::default()).await.expect("counted");
                1
            }
            Self::Detail(id) => calculations::detail(db, ANN, *id).await.expect("read").expect("there").files.len(),
            Self::Same => {
                let hash = format!("{:064x}", 100);
                usize::from(files::find_same(db, ANN, &hash, 100, &[]).await.expect("read").is_some())
            }
        }
    }
}

async fn operations(db: &Db, place: &Place) -> Vec<Operation> {
    let middle = middle(db, place).await;
    let mut all = Vec::new();
    for sort in [
        CalculationSort::Created,
        CalculationSort::Name,
        CalculationSort::Status,
        CalculationSort::Started,
        CalculationSort::Duration,
    ] {
        let key = match sort {
            CalculationSort::Created => "c.created_at",
            CalculationSort::Name if place.server().is_some() => "lower(c.name) COLLATE \"C\"",
            CalculationSort::Name => "lower(c.name)",
            CalculationSort::Status => "c.status",
            CalculationSort::Started => "c.started_at",
            CalculationSort::Duration => "c.execution_time",
        };
        for ascending in [false, true] {
            let query = CalculationQuery { sort, ascending, ..CalculationQuery::default() };
            let (order, reverse, beyond) = if ascending { ("ASC", "DESC", ">") } else { ("DESC", "ASC", "<") };
            let arrow = if ascending { '↑' } else { '↓' };
            let page = |name: &str, request, theirs| Operation {
                name: format!("{name}, by {sort:?} {arrow}"),
                ours: Ours::Page(query.clone(), request),
                theirs,
            };
            all.push(page(
                "first page",
                PageRequest::first(PAGE),
                format!("SELECT {COLUMNS} ORDER BY {key} {order} NULLS LAST, c.id {order} LIMIT {PAGE}"),
            ));
            all.push(page(
                "end",
                PageRequest::last(PAGE),
                format!("SELECT {COLUMNS} ORDER BY {key} {reverse} NULLS FIRST, c.id {reverse} LIMIT {PAGE}"),
            ));
            let cursor = Cursor { value: value(sort, &middle), id: middle.id.0 };
            let value = match &cursor.value {
                CursorValue::Time(at) => format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.6f")),
                CursorValue::Text(text) => format!("'{text}'"),
                CursorValue::Integer(number) => number.to_string(),
                CursorValue::Real(seconds) => seconds.to_string(),
                CursorValue::Null => "NULL".to_owned(),
            };
            let theirs = format!(
                "SELECT {COLUMNS} AND ({key}, c.id) {beyond} ({value}, {}) ORDER BY {key} {order}, c.id {order} LIMIT {PAGE}",
                cursor.id
            );
            let next = PageRequest { anchor: Some(cursor), direction: Direction::Forward, limit: PAGE };
            all.push(page("next page", next, theirs));
        }
    }
    for status in [Status::Cancelled, Status::Failed, Status::Running] {
        all.push(Operation {
            name: format!("only {status}"),
            ours: Ours::Page(
                CalculationQuery { statuses: vec![status], ..CalculationQuery::default() },
                PageRequest::first(PAGE),
            ),
            theirs: format!(
                "SELECT {COLUMNS} AND c.status = '{status}' ORDER BY c.created_at DESC, c.id DESC LIMIT {PAGE}"
            ),
        });
    }
    for (name, text, pattern) in [
        ("a rare name", "case  77", "%case  77%"),
        ("a common name", "convergence", "%convergence%"),
        ("no name", "zzz", "%zzz%"),
        ("a beginning", "he", "he%"),
    ] {
        all.push(Operation {
            name: format!("search, {name}"),
            ours: Ours::Page(
                CalculationQuery { text: text.to_owned(), ..CalculationQuery::default() },
                PageRequest::first(PAGE),
            ),
            theirs: format!(
                "SELECT {COLUMNS} AND lower(c.name) LIKE '{pattern}' ORDER BY c.created_at DESC, c.id DESC LIMIT {PAGE}"
            ),
        });
    }
    let id = CalculationId(i64::from(place.rows) / 2 + 1);
    let id = if calculations::row(db, ANN, id).await.expect("read").is_some() { id } else { CalculationId(id.0 + 1) };
    all.push(Operation {
        name: "detail (calculation, run, files)".to_owned(),
        ours: Ours::Detail(id),
        theirs: format!(
            "SELECT * FROM calculations WHERE id = {id}; SELECT * FROM calculation_runs WHERE calculation_id = {id}; \
             SELECT * FROM calculation_files l JOIN user_files f ON f.id = l.file_id WHERE l.calculation_id = {id}"
        ),
    });
    all.push(Operation {
        name: "a file with these bytes".to_owned(),
        ours: Ours::Same,
        theirs: format!("SELECT * FROM user_files WHERE file_hash = '{:064x}' AND file_size = 100", 100),
    });
    all.push(Operation {
        name: "count".to_owned(),
        ours: Ours::Count,
        theirs: "SELECT count(*) FROM calculations WHERE user_id = 1".to_owned(),
    });
    all
}

/// A row far inside the list that has a value in each column.
async fn middle(db: &Db, place: &Place) -> CalculationRow {
    for id in i64::from(place.rows) / 3.. {
        let row = calculations::row(db, ANN, CalculationId(id)).await.expect("read");
        if let Some(row) = row.filter(|row| row.started_at.is_some() && row.execution_time.is_some()) {
            return row;
        }
    }
    unreachable!("most calculations have run")
}

/// What places a row in a list.
fn value(sort: CalculationSort, row: &CalculationRow) -> CursorValue {
    match sort {
        CalculationSort::Created => CursorValue::Time(row.created_at),
        CalculationSort::Name => CursorValue::Text(row.name.to_lowercase()),
        CalculationSort::Status => CursorValue::Text(row.status.name().to_owned()),
        CalculationSort::Started => row.started_at.map_or(CursorValue::Null, CursorValue::Time),
        CalculationSort::Duration => row.execution_time.map_or(CursorValue::Null, CursorValue::Real),
    }
}

/// All that one run writes but its files.
async fn life(db: &Db) {
    let (run, now) = (RunId::new(), chrono::Utc::now().naive_utc());
    let limits = Limits::default();
    let new = NewCalculation {
        name: "Bench".to_owned(),
        description: None,
        code: "print(1)".to_owned(),
        parameters: None,
        limits,
        tool_id: None,
        tool_version_id: None,
        parent_id: None,
        inputs: Vec::new(),
    };
    let provenance = Provenance { level: "E2".to_owned(), ..Provenance::new(EngineKind::Builtin, "bench", limits) };
    let outcome = Outcome {
        status: Status::Completed,
        error_kind: None,
        error_message: None,
        error_line: None,
        result_data: Some("{}".to_owned()),
        outputs: Vec::new(),
        notes: Vec::new(),
        exit_code: Some(0),
        signal: None,
        usage: None,
    };
    let id = calculations::create(db, ANN, &new).await.expect("made");
    runs::submit(db, ANN, id, run, "bench", &limits).await.expect("submitted");
    assert!(runs::claim(db, run, &provenance, now).await.expect("claimed"));
    runs::finish(db, run, &outcome, now).await.expect("finished");
    // The list is as it was for whoever measures next.
    calculations::delete(db, ANN, id, None).await.expect("deleted");
}
