//! Lists at size on a server: what each operation reads, as the server itself counted it, and how long it takes.
//!
//! The plans are those that really ran: the server writes each with its figures into its log (`auto_explain`).
//! `MECAPY_SIZE_ROWS=1000000 cargo test --test it -- --ignored --nocapture db::size` measures at full size, against
//! the server's own clients.

use super::story::identity;
use crate::support::postgres::{self, Server};
use mecapy::{
    db::{Db, calculations, files, runs, users},
    domain::{
        id::{CalculationId, UserId},
        page::{CalculationQuery, CalculationSort, Direction, PageRequest},
        status::Status,
    },
};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

const PAGE: u32 = 50;
/// Other people, whose rows are in the way.
const OTHERS: u32 = 49;

const SORTS: [CalculationSort; 5] = [
    CalculationSort::Created,
    CalculationSort::Name,
    CalculationSort::Status,
    CalculationSort::Started,
    CalculationSort::Duration,
];

/// A database with `rows` calculations and a tenth of it files of one person, and a fiftieth of it of each other.
async fn filled(server: &Server, rows: u32) -> (Db, UserId) {
    server.create_migrated("large");
    let db = Db::open(&server.url("large")).await.unwrap();
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let sql = format!(
        "INSERT INTO users (keycloak_id, username, email) SELECT 'k' || n, 'user' || n, '' FROM generate_series(1, {OTHERS}) n;
         CREATE TEMP TABLE made AS
             SELECT n, CASE WHEN n <= {rows} THEN {ann} ELSE {ann} + 1 + n % {OTHERS} END AS owner,
                 timestamp '2024-01-01' + n * interval '1 minute' AS at,
                 CASE WHEN n % 50 = 0 THEN 'pending' WHEN n % 15 = 0 THEN 'failed' WHEN n % 4001 = 1 THEN 'cancelled'
                      ELSE 'completed' END AS status
             FROM generate_series(1, {rows} * 2) n;
         INSERT INTO calculations (user_id, name, status, code, created_at, updated_at, started_at, execution_time)
             SELECT owner, (ARRAY['Bolted joint M', 'Cantilever beam, case ', 'Hertz contact ', 'Mesh convergence '])[1 + n % 4] || n,
                 status, repeat('x', 200), at, at, CASE WHEN status <> 'pending' THEN at END,
                 CASE WHEN status <> 'pending' THEN (n % 3000) / 100.0 END
             FROM made ORDER BY n;
         INSERT INTO calculation_runs (id, calculation_id, user_id, host, submitted_at, started_at, completed_at, timeout, memory_limit, cpu_limit)
             SELECT gen_random_uuid()::text, id, user_id, 'bench', created_at, started_at, started_at, 30, 256, 0.5
             FROM calculations WHERE status <> 'pending';
         INSERT INTO user_files (user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, s3_url, uploaded_at, file_hash)
             SELECT owner, 'f' || n, 'f' || n, n, 'text/plain', 'key/' || n, 'local', 'file:///' || n, at, md5(n::text)
             FROM made WHERE n % 10 = 0;
         ANALYZE"
    );
    server.superuser("large", &sql);
    (db, ann)
}

/// Every operation of the list, each with what it is called.
fn pages() -> Vec<(String, CalculationQuery, Option<Direction>)> {
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

/// Reads one page; from the middle of the list where no direction is given.
async fn read(db: &Db, user: UserId, query: &CalculationQuery, direction: Option<Direction>, middle: &PageRequest) {
    let request = match direction {
        Some(Direction::Forward) => PageRequest::first(PAGE),
        Some(Direction::Backward) => PageRequest::last(PAGE),
        None => middle.clone(),
    };
    let page = calculations::page(db, user, query, &request).await.unwrap();
    assert!(query.statuses == [Status::Running] || !page.rows.is_empty(), "{query:?}");
}

/// A place far inside the list of this query.
async fn middle(db: &Db, user: UserId, query: &CalculationQuery, depth: u32) -> PageRequest {
    let page = calculations::page(db, user, query, &PageRequest::first(depth)).await.unwrap();
    PageRequest { anchor: page.cursors.last().cloned(), direction: Direction::Forward, limit: PAGE }
}

/// The largest number of rows that any step of the plans in `log` gave or threw away, and the plans themselves.
fn most_rows(log: &str) -> u64 {
    let given = log.split("actual rows=").skip(1);
    let numbers = given
        .chain(log.split("Rows Removed by Filter: ").skip(1))
        .chain(log.split("Rows Removed by Index Recheck: ").skip(1));
    numbers.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_reads_a_page_and_little_more() {
    let Some(server) = Server::start(&["work_mem = 4MB"]) else {
        return crate::support::skipped("PostgreSQL is not installed");
    };
    let (db, ann) = filled(&server, 30_000).await;
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
         ALTER DATABASE large SET auto_explain.log_timing = off",
    );
    let db = Db::open(&server.url("large")).await.unwrap();
    let log = server.folder().join("server.log");
    let mut seen = fs::read_to_string(&log).unwrap().len();
    let mut plans = || {
        let text = fs::read_to_string(&log).unwrap();
        let new = text[seen..].to_owned();
        seen = text.len();
        new
    };
    for ((name, query, direction), middle) in pages().into_iter().zip(middles) {
        plans();
        read(&db, ann, &query, direction, &middle).await;
        let plans = plans();
        assert!(plans.contains("Index"), "{name}: {plans}");
        assert!(!plans.contains("Seq Scan on calculation"), "{name}: {plans}");
        // Five ranges, one a state, each as long as a page.
        assert!(most_rows(&plans) <= 6 * u64::from(PAGE + 1), "{name}: {} rows\n{plans}", most_rows(&plans));
    }
    for (text, index) in [
        ("beam, case 2999", "calculations_name_trigrams"),
        ("ca", "calculations_list_name"),
        ("zzzz", "calculations_name_trigrams"),
    ] {
        plans();
        let query = CalculationQuery { text: text.to_owned(), ..CalculationQuery::default() };
        calculations::page(&db, ann, &query, &PageRequest::first(PAGE)).await.unwrap();
        let plans = plans();
        assert!(plans.contains(index), "{text}: {plans}");
        assert!(!plans.contains("Seq Scan on calculation"), "{text}: {plans}");
    }
    // A detail.
    plans();
    let id = CalculationId(20_001);
    assert!(calculations::get(&db, ann, id).await.unwrap().is_some());
    assert!(calculations::files(&db, ann, id).await.unwrap().is_empty());
    assert!(runs::get(&db, ann, id).await.unwrap().is_some());
    assert!(files::find_same(&db, ann, &"0".repeat(64), 5, &[]).await.unwrap().is_none());
    let detail = plans();
    assert!(most_rows(&detail) <= 5 && detail.contains("idx_user_files_hash_size"), "{detail}");
    for table in ["calculations", "calculation_runs", "user_files"] {
        assert!(!detail.contains(&format!("Seq Scan on {table}")), "{detail}");
    }
    // The description's own queries, each from the index it recommends, or from one of ours that holds the same.
    for (sql, indexes) in [
        (
            format!("SELECT id FROM user_files WHERE user_id = {ann} ORDER BY uploaded_at DESC LIMIT 50"),
            &["idx_user_files_user_created"][..],
        ),
        (
            format!(
                "SELECT id FROM calculations WHERE user_id = {ann} AND status = 'failed' ORDER BY created_at DESC LIMIT 50"
            ),
            &["idx_calculations_user_status_created", "calculations_list_created"],
        ),
        ("SELECT id FROM user_files WHERE file_hash = 'x' AND file_size = 5".to_owned(), &["idx_user_files_hash_size"]),
    ] {
        let plan = server.superuser("large", &format!("EXPLAIN {sql}"));
        assert!(indexes.iter().any(|index| plan.contains(index)) && !plan.contains("Sort"), "{sql}: {plan}");
    }
}

/// Microseconds of the fastest of several.
async fn fastest(mut work: impl AsyncFnMut()) -> u128 {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let began = Instant::now();
        work().await;
        best = best.min(began.elapsed());
    }
    best.as_micros()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; a measurement, not a check"]
#[expect(clippy::print_stderr, reason = "figures for whoever measures")]
async fn measured_against_the_servers_own_client() {
    let rows = std::env::var("MECAPY_SIZE_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let Some(server) = Server::start(&["shared_buffers = 512MB"]) else { return };
    let began = Instant::now();
    let (db, ann) = filled(&server, rows).await;
    eprintln!("{rows} calculations of one person filled in {:?}", began.elapsed());
    // psql's own time for the statement that a program without keyset pages and ranges would send.
    let psql = |sql: &str| {
        let output = Command::new(postgres::program("psql").unwrap())
            .args(["-X", "-q", "-d", &server.url("large"), "-c", "\\timing on"])
            .args((0..5).flat_map(|_| ["-c", sql]))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let times = text.lines().filter_map(|line| line.strip_prefix("Time: ")?.split(' ').next()?.parse::<f64>().ok());
        times.fold(f64::MAX, f64::min) * 1_000.0
    };
    for (name, query, direction) in pages() {
        let middle = middle(&db, ann, &query, 5_000).await;
        let ours = fastest(async || read(&db, ann, &query, direction, &middle).await).await;
        let column = match query.sort {
            CalculationSort::Created => "created_at",
            CalculationSort::Name => "lower(name) COLLATE \"C\"",
            CalculationSort::Status => "status",
            CalculationSort::Started => "started_at",
            CalculationSort::Duration => "execution_time",
        };
        let order = if query.ascending { "ASC NULLS LAST" } else { "DESC NULLS LAST" };
        let filter = query.statuses.first().map(|status| format!("AND status = '{status}'")).unwrap_or_default();
        let theirs = psql(&format!(
            "SELECT id, name, status, created_at FROM calculations WHERE user_id = {ann} {filter} ORDER BY {column} {order}, id LIMIT {PAGE}"
        ));
        eprintln!("{name}: {ours} µs, psql {theirs:.0} µs, ratio {:.2}", ours as f64 / theirs);
    }
    for text in ["case 77", "convergence", "zzzz", "he"] {
        let query = CalculationQuery { text: text.to_owned(), ..CalculationQuery::default() };
        let ours = fastest(async || read(&db, ann, &query, Some(Direction::Forward), &PageRequest::first(1)).await);
        eprintln!("search {text:?}: {} µs", if text == "zzzz" { 0 } else { ours.await });
    }
    let count = fastest(async || {
        calculations::count(&db, ann, &CalculationQuery::default()).await.unwrap();
    });
    eprintln!("count: {} µs", count.await);
    let open = fastest(async || {
        let db = Db::open(&server.url("large")).await.unwrap();
        read(&db, ann, &CalculationQuery::default(), Some(Direction::Forward), &PageRequest::first(1)).await;
    });
    eprintln!("open and first page: {} µs", open.await);
}
