//! Lists at size in partitions: each operation is a merge of what the partitions' indexes give in order.

use crate::{
    db::{
        size::{MOST_BLOCKS, PAGE, Plans, blocks, middle, most_rows, pages, read},
        story::identity,
    },
    support::{
        fill::{self, Amount},
        postgres::Server,
    },
};
use mecapy::{
    admin::{Admin, Partitioning},
    db::{Db, Options, calculations, runs, users},
    domain::{
        id::CalculationId,
        page::{CalculationQuery, PageRequest},
    },
};

/// Thirty thousand rows of one person and half as many of others, a minute apart: about a month, cut at its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_reads_a_page_of_each_partitions_indexes_at_most() {
    let Some(server) = Server::start(&["work_mem = 4MB"]) else {
        return crate::support::skipped("PostgreSQL is not installed");
    };
    server.create_migrated("large");
    let db = Db::open(&server.url("large")).await.unwrap();
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    fill::at(&server.superuser_url("large"), ann.0, Amount::among_others(30_000)).await.unwrap();
    // So that every page crosses months, whatever its order.
    server.superuser("large", "UPDATE calculations SET created_at = created_at + (id % 5) * interval '30 days'");
    server.superuser("large", "VACUUM calculations");
    let admin = Admin::connect(&server.url("large"), &Options::default(), false).await.unwrap();
    admin.partition(Partitioning::Maintain { ahead: 1, archive_before: None }).await.unwrap();
    let partitions = admin.partitions().await.unwrap().unwrap().all.len();
    admin.close().await.unwrap();
    assert!(partitions >= 7, "{partitions}");
    let mut middles = Vec::new();
    for (_, query, direction) in pages() {
        middles.push(if direction.is_none() { middle(&db, ann, &query, 5_000).await } else { PageRequest::first(1) });
    }
    db.close().await.unwrap();
    server.superuser(
        "large",
        "ANALYZE;
         ALTER DATABASE large SET session_preload_libraries = 'auto_explain';
         ALTER DATABASE large SET auto_explain.log_min_duration = 0;
         ALTER DATABASE large SET auto_explain.log_analyze = on;
         ALTER DATABASE large SET auto_explain.log_buffers = on;
         ALTER DATABASE large SET auto_explain.log_timing = off",
    );
    let db = Db::open(&server.url("large")).await.unwrap();
    let mut log = Plans::of(&server);
    // Five ranges, one a state, each of which goes down one index of each partition.
    let most = MOST_BLOCKS + u64::try_from(5 * partitions * 4).unwrap();
    for ((name, query, direction), middle) in pages().into_iter().zip(middles) {
        log.fresh();
        read(&db, ann, &query, direction, &middle).await;
        let plans = log.fresh();
        // The few rows of a rare state may be read whole and sorted.
        let merges = plans.contains("Merge Append") || !query.statuses.is_empty();
        assert!(merges && plans.contains("_idx on calculations_y"), "{name}: {plans}");
        assert!(!plans.contains("Seq Scan on calculation") && !plans.contains("Bitmap"), "{name}: {plans}");
        assert!(most_rows(&plans) <= 6 * u64::from(PAGE + 1), "{name}: {} rows\n{plans}", most_rows(&plans));
        assert!((1..=most).contains(&blocks(&plans)), "{name}: {} blocks\n{plans}", blocks(&plans));
    }
    for (text, index) in
        [("load case  2998", "_lower_idx"), ("ca", "_user_id_status_lower_id_idx"), ("zzzz", "_lower_idx")]
    {
        log.fresh();
        let query = CalculationQuery { text: text.to_owned(), ..CalculationQuery::default() };
        calculations::page(&db, ann, &query, &PageRequest::first(PAGE)).await.unwrap();
        let plans = log.fresh();
        assert!(plans.contains(index), "{text}: {plans}");
        assert!(!plans.contains("Seq Scan on calculation"), "{text}: {plans}");
    }
    log.fresh();
    let id = CalculationId(20_002);
    assert!(calculations::get(&db, ann, id).await.unwrap().is_some());
    assert!(runs::get(&db, ann, id).await.unwrap().is_some());
    let detail = log.fresh();
    let most = u64::try_from(40 + 12 * partitions).unwrap();
    assert!(most_rows(&detail) <= 5 && (1..=most).contains(&blocks(&detail)), "{} blocks\n{detail}", blocks(&detail));
    assert!(!detail.contains("Seq Scan on calculation"), "{detail}");
    // The description's own query on calculations, from the index that it recommends, which stands on each partition.
    let sql = format!(
        "EXPLAIN (ANALYZE, TIMING OFF) SELECT id FROM calculations WHERE user_id = {ann} AND status = 'failed' \
         ORDER BY created_at DESC LIMIT 50"
    );
    let plan = server.superuser(
        "large",
        &format!("BEGIN; DROP INDEX calculations_list_created, ix_calculations_created_at; {sql}; ROLLBACK"),
    );
    assert!(plan.contains("_user_id_status_created_at_idx") && most_rows(&plan) <= 50, "{plan}");
    db.close().await.unwrap();
}
