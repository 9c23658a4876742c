//! Lists at size on a server: what each operation reads, as the server itself counted it.
//!
//! The plans are those that really ran: the server writes each with its figures into its log (`auto_explain`). What
//! SQLite reads is counted in `src/db/calculations/cost_tests.rs`. `MECAPY_SIZE_ROWS=1000000` fills more; the bounds
//! stay. Times are measured by `cargo bench --bench database`.

use super::story::identity;
use crate::support::{
    fill::{self, Amount},
    postgres::Server,
};
use mecapy::{
    db::{Db, calculations, files, users},
    domain::{
        id::{CalculationId, UserId},
        page::{CalculationQuery, CalculationSort, Direction, PageRequest},
        status::Status,
    },
};
use std::fs;

pub const PAGE: u32 = 50;

const SORTS: [CalculationSort; 5] = [
    CalculationSort::Created,
    CalculationSort::Name,
    CalculationSort::Status,
    CalculationSort::Started,
    CalculationSort::Duration,
];

/// Every operation of the list, each with what it is called; from the middle where no direction is given.
pub fn pages() -> Vec<(String, CalculationQuery, Option<Direction>)> {
    let mut all = Vec::new();
    for sort in SORTS {
        for ascending in [false, true] {
            for (from, direction) in
                [("first", Some(Direction::Forward)), ("last", Some(Direction::Backward)), ("next", None)]
            {
                let query = CalculationQuery { sort, ascending, ..CalculationQuery::default() };
                all.push((format!("{from} page by {sort:?}, ascending {ascending}"), query, direction));
            }
        }
    }
    for status in [Status::Cancelled, Status::Failed, Status::Running] {
        let query = CalculationQuery { statuses: vec![status], ..CalculationQuery::default() };
        all.push((format!("first page of {status}"), query, Some(Direction::Forward)));
    }
    all
}

/// Reads one page.
pub async fn read(db: &Db, user: UserId, query: &CalculationQuery, direction: Option<Direction>, middle: &PageRequest) {
    let request = match direction {
        Some(Direction::Forward) => PageRequest::first(PAGE),
        Some(Direction::Backward) => PageRequest::last(PAGE),
        None => middle.clone(),
    };
    let page = calculations::page(db, user, query, &request).await.unwrap();
    assert!(query.statuses == [Status::Running] || !page.rows.is_empty(), "{query:?}");
}

/// A place far inside the list of this query.
pub async fn middle(db: &Db, user: UserId, query: &CalculationQuery, depth: u32) -> PageRequest {
    let page = calculations::page(db, user, query, &PageRequest::first(depth)).await.unwrap();
    PageRequest { anchor: page.cursors.last().cloned(), direction: Direction::Forward, limit: PAGE }
}

/// The numbers behind `label` in a text.
fn numbers<'a>(text: &'a str, label: &'a str) -> impl Iterator<Item = u64> + 'a {
    text.split(label).skip(1).filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
}

/// The largest number of rows that any step of the plans in `log` gave or threw away.
pub fn most_rows(log: &str) -> u64 {
    ["actual rows=", "Rows Removed by Filter: ", "Rows Removed by Index Recheck: "]
        .into_iter()
        .flat_map(|label| numbers(log, label))
        .max()
        .unwrap_or(0)
}

/// The blocks of 8 KiB that the plans in `log` looked at: each plan's first line of them is the whole plan's.
pub fn blocks(log: &str) -> u64 {
    let plans = log.split("plan:\n").skip(1);
    let first = plans.filter_map(|plan| plan.lines().find(|line| line.contains("Buffers: ")));
    first.map(|line| numbers(line, "hit=").chain(numbers(line, " read=")).sum::<u64>()).sum()
}

/// What the server's log got since it was last asked.
pub struct Plans {
    path: std::path::PathBuf,
    seen: usize,
}

impl Plans {
    pub fn of(server: &Server) -> Self {
        let path = server.folder().join("server.log");
        let seen = fs::read_to_string(&path).unwrap().len();
        Self { path, seen }
    }

    pub fn fresh(&mut self) -> String {
        let text = fs::read_to_string(&self.path).unwrap();
        let new = text[self.seen..].to_owned();
        self.seen = text.len();
        new
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_reads_a_page_and_little_more() {
    let Some(server) = Server::start(&["work_mem = 4MB"]) else {
        return crate::support::skipped("PostgreSQL is not installed");
    };
    server.create_migrated("large");
    let db = Db::open(&server.url("large")).await.unwrap();
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let count = std::env::var("MECAPY_SIZE_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(30_000);
    fill::at(&server.superuser_url("large"), ann.0, Amount::among_others(count)).await.unwrap();
    assert_eq!(calculations::count(&db, ann, &CalculationQuery::default()).await.unwrap(), u64::from(count));
    let mut middles = Vec::new();
    for (_, query, direction) in pages() {
        middles.push(if direction.is_none() { middle(&db, ann, &query, 5_000).await } else { PageRequest::first(1) });
    }
    db.close().await.unwrap();
    server.superuser(
        "large",
        "ALTER DATABASE large SET session_preload_libraries = 'auto_explain';
         ALTER DATABASE large SET auto_explain.log_min_duration = 0;
         ALTER DATABASE large SET auto_explain.log_analyze = on;
         ALTER DATABASE large SET auto_explain.log_buffers = on;
         ALTER DATABASE large SET auto_explain.log_timing = off",
    );
    let db = Db::open(&server.url("large")).await.unwrap();
    let mut log = Plans::of(&server);
    for ((name, query, direction), middle) in pages().into_iter().zip(middles) {
        log.fresh();
        read(&db, ann, &query, direction, &middle).await;
        let plans = log.fresh();
        assert!(plans.contains("Index"), "{name}: {plans}");
        assert!(!plans.contains("Seq Scan on calculation") && !plans.contains("Bitmap"), "{name}: {plans}");
        // Five ranges, one a state, each as long as a page.
        assert!(most_rows(&plans) <= 6 * u64::from(PAGE + 1), "{name}: {} rows\n{plans}", most_rows(&plans));
        // Each row costs a block of its own and the way to its run; the tables have thousands of blocks.
        assert!((1..=MOST_BLOCKS).contains(&blocks(&plans)), "{name}: {} blocks\n{plans}", blocks(&plans));
        // The whole is never counted on the way.
        assert!(!plans.contains("Aggregate"), "{name}: {plans}");
    }
    let whole = server.superuser("large", "SELECT pg_relation_size('calculations') / 8192");
    assert!(whole.parse::<u64>().unwrap() > 4 * MOST_BLOCKS, "a scan would pass unnoticed: {whole} blocks");
    // A name that is met once, names that are everywhere, a beginning, none: what is looked at does not grow with the
    // table. Where many match, sixty of them say so before the list is walked.
    for (text, index, most) in [
        ("beam, load case  2998", "calculations_name_trigrams", 200),
        ("convergence", "calculations_list_created", 1_500),
        ("ca", "calculations_list_name", 1_500),
        ("zzzz", "calculations_name_trigrams", 50),
    ] {
        log.fresh();
        let query = CalculationQuery { text: text.to_owned(), ..CalculationQuery::default() };
        calculations::page(&db, ann, &query, &PageRequest::first(PAGE)).await.unwrap();
        let plans = log.fresh();
        assert!(plans.contains(index), "{text}: {plans}");
        assert!((1..=most).contains(&blocks(&plans)), "{text}: {} blocks\n{plans}", blocks(&plans));
        assert!(!plans.contains("Seq Scan on calculation"), "{text}: {plans}");
    }
    // A detail.
    log.fresh();
    let id = CalculationId(20_002);
    let whole = calculations::detail(&db, ann, id).await.unwrap().unwrap();
    assert!(whole.run.is_some() && whole.files.is_empty());
    assert!(files::find_same(&db, ann, &format!("{:064x}", 20_001), 20_001, &[]).await.unwrap().is_none());
    let detail = log.fresh();
    assert!(most_rows(&detail) <= 5 && detail.contains("idx_user_files_hash_size"), "{detail}");
    assert!((1..=40).contains(&blocks(&detail)), "{} blocks\n{detail}", blocks(&detail));
    for table in ["calculations", "calculation_runs", "user_files"] {
        assert!(!detail.contains(&format!("Seq Scan on {table}")), "{detail}");
    }
    // The description's own queries, each from the index that it recommends. One of ours holds the same and more, and
    // either serves: without it the recommended one does.
    for (sql, index) in [
        (
            format!("SELECT id FROM user_files WHERE user_id = {ann} ORDER BY uploaded_at DESC LIMIT 50"),
            "idx_user_files_user_created",
        ),
        (
            format!(
                "SELECT id FROM calculations WHERE user_id = {ann} AND status = 'failed' ORDER BY created_at DESC LIMIT 50"
            ),
            "idx_calculations_user_status_created",
        ),
        ("SELECT id FROM user_files WHERE file_hash = 'x' AND file_size = 5".to_owned(), "idx_user_files_hash_size"),
    ] {
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {sql}");
        let plan = server.superuser("large", &explain);
        let by_ours = index == "idx_calculations_user_status_created" && plan.contains("calculations_list_created");
        assert!((plan.contains(index) || by_ours) && !plan.contains("Sort"), "{sql}: {plan}");
        let plan =
            server.superuser("large", &format!("BEGIN; DROP INDEX calculations_list_created; {explain}; ROLLBACK"));
        assert!(plan.contains(index) && !plan.contains("Sort") && most_rows(&plan) <= 50, "{sql}: {plan}");
    }
    // Files by pages: by time, the next page by the place of the last.
    let next = format!(
        "EXPLAIN (ANALYZE, TIMING OFF) SELECT id FROM user_files WHERE user_id = {ann} AND uploaded_at < \
         (SELECT uploaded_at FROM user_files WHERE user_id = {ann} ORDER BY uploaded_at DESC OFFSET 1000 LIMIT 1) \
         ORDER BY uploaded_at DESC LIMIT 50"
    );
    let plan = server.superuser("large", &next);
    assert!(!plan.contains("Seq Scan") && !plan.contains("Sort") && most_rows(&plan) <= 1_001, "{plan}");
}

/// The most blocks that a page may touch.
pub const MOST_BLOCKS: u64 = 400;
