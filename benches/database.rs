//! How long the database takes: pages of a list (first, next, last, by every column, with a filter, with a text), and
//! what a run writes.
//!
//! `MECAPY_BENCH_ROWS` sets the number of calculations (100,000 without it).

use criterion::{Criterion, criterion_group, criterion_main};
use mecapy::{
    db::{Db, calculations, runs, users},
    domain::{
        calculation::NewCalculation,
        id::{RunId, UserId},
        limits::Limits,
        page::{CalculationQuery, CalculationSort, Direction, PageRequest},
        run::{Outcome, Provenance},
        status::Status,
        user::Identity,
    },
};
use std::hint::black_box;
use tokio::runtime::Runtime;

#[path = "../tests/it/support/fill.rs"]
#[expect(dead_code, reason = "the tests fill more than one table and through a connection of their own")]
mod fill;

const PAGE: u32 = 100;

fn lists(criterion: &mut Criterion) {
    let rows = std::env::var("MECAPY_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mecapy.db");
    let (db, user) = runtime.block_on(async {
        let db = Db::open_embedded(&path).await.expect("the database opens");
        let person = Identity {
            keycloak_id: "local:bench:0".to_owned(),
            username: "bench".to_owned(),
            email: String::new(),
            first_name: None,
            last_name: None,
            display_name: None,
        };
        let user = users::sign_in(&db, &person).await.expect("signs in").id;
        let amount = fill::Amount { calculations: rows, files: 0, others: 0 };
        fill::at(&format!("sqlite://{}", path.display()), user.0, amount).await.expect("fills");
        (db, user)
    });

    let mut group = criterion.benchmark_group(format!("{rows} calculations"));
    group.bench_function("open", |bencher| {
        bencher.iter(|| runtime.block_on(async { Db::open_embedded(&path).await.expect("opens") }));
    });
    let plain = CalculationQuery::default();
    let middle = runtime.block_on(middle(&db, user, &plain));
    for (name, request) in
        [("first page", PageRequest::first(PAGE)), ("last page", PageRequest::last(PAGE)), ("next page", middle)]
    {
        group.bench_function(name, |bencher| bencher.iter(|| page(&runtime, &db, user, &plain, &request)));
    }
    for sort in [CalculationSort::Name, CalculationSort::Status, CalculationSort::Started, CalculationSort::Duration] {
        let query = CalculationQuery { sort, ..CalculationQuery::default() };
        let request = PageRequest::last(PAGE);
        group.bench_function(format!("last page by {sort:?}"), |bencher| {
            bencher.iter(|| page(&runtime, &db, user, &query, &request));
        });
    }
    let rare = CalculationQuery { statuses: vec![Status::Cancelled], ..CalculationQuery::default() };
    group.bench_function("first page of a rare state", |bencher| {
        bencher.iter(|| page(&runtime, &db, user, &rare, &PageRequest::first(PAGE)));
    });
    for (name, text) in
        [("rare text", "case  77"), ("common text", "convergence"), ("text of nothing", "zzz"), ("short text", "he")]
    {
        let query = CalculationQuery { text: text.to_owned(), ..CalculationQuery::default() };
        group.bench_function(name, |bencher| {
            bencher.iter(|| page(&runtime, &db, user, &query, &PageRequest::first(PAGE)));
        });
    }
    group.bench_function("count", |bencher| {
        bencher.iter(|| runtime.block_on(calculations::count(&db, user, &plain)).expect("counts"));
    });
    group.bench_function("make, submit, claim, finish", |bencher| {
        bencher.iter(|| runtime.block_on(life(&db, user)));
    });
    group.finish();
}

/// All that one run writes but its files.
async fn life(db: &Db, user: UserId) {
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
    let provenance = Provenance {
        run,
        engine: "builtin".to_owned(),
        level: "E2".to_owned(),
        guarantee: String::new(),
        host: "bench".to_owned(),
        interpreter: String::new(),
        image_digest: None,
        container: None,
        limits,
    };
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
    let id = calculations::create(db, user, &new).await.expect("made");
    runs::submit(db, user, id, run, "bench", &limits).await.expect("submitted");
    assert!(runs::claim(db, run, &provenance, now).await.expect("claimed"));
    runs::finish(db, run, &outcome, now).await.expect("finished");
}

fn page(runtime: &Runtime, db: &Db, user: UserId, query: &CalculationQuery, request: &PageRequest) {
    black_box(runtime.block_on(calculations::page(db, user, query, request)).expect("a page"));
}

/// The page after the middle of the list, found by its cursor as a screen has it.
async fn middle(db: &Db, user: UserId, query: &CalculationQuery) -> PageRequest {
    let half = calculations::count(db, user, query).await.expect("counts") as u32 / 2;
    let page = calculations::page(db, user, query, &PageRequest::first(half)).await.expect("a page");
    PageRequest { anchor: page.cursors.last().cloned(), direction: Direction::Forward, limit: PAGE }
}

criterion_group!(benches, lists);
criterion_main!(benches);
