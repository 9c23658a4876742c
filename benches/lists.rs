//! How long the pages of a list take: first, next, last, by every column, with a filter and with a text.
//!
//! `MECAPY_BENCH_ROWS` sets the number of calculations (100,000 without it).

use criterion::{Criterion, criterion_group, criterion_main};
use mecapy::{
    db::{Db, calculations, users},
    domain::{
        id::UserId,
        page::{CalculationQuery, CalculationSort, Direction, PageRequest},
        status::Status,
        user::Identity,
    },
};
use std::hint::black_box;
use tokio::runtime::Runtime;

#[path = "support/fill.rs"]
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
        fill::calculations(&path, user.0, rows).await.expect("fills");
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
    group.finish();
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
