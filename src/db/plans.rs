//! What SQLite would do for a statement, and the plans of the small lists.

use super::{Db, files, runs, tools};
use crate::domain::id::{CalculationId, UserId};
use sea_orm::{ConnectionTrait, QueryTrait, Statement, StatementBuilder};

/// What SQLite would do, a line a step.
pub(super) async fn plan(db: &Db, statement: &impl StatementBuilder) -> Vec<String> {
    let mut explained: Statement = db.connection().get_database_backend().build(statement);
    explained.sql = format!("EXPLAIN QUERY PLAN {}", explained.sql);
    let rows = db.connection().query_all_raw(explained).await.unwrap();
    rows.iter().map(|row| row.try_get::<String>("", "detail").unwrap()).collect()
}

/// No table is read whole, and nothing is sorted: the two words by which SQLite confesses it.
pub(super) fn assert_reads_little(steps: &[String]) {
    for step in steps {
        assert!(!step.contains("TEMP B-TREE") && !step.contains("MATERIALIZE"), "{steps:#?}");
        // "VIRTUAL TABLE INDEX n:M" is a lookup of the full-text index; `k` holds the rows of a page as they are merged.
        let known = step == "SCAN k" || step.contains("VIRTUAL TABLE INDEX 0:M");
        assert!(!step.starts_with("SCAN") || known, "{steps:#?}");
    }
}

#[tokio::test]
async fn small_lists_are_read_from_their_indexes() {
    let db = Db::open("sqlite::memory:").await.unwrap();
    for (statement, index) in [
        (tools::read(None, true).into_query(), "tools_list_name (is_active=?)"),
        (tools::read(Some("beam"), true).into_query(), "tools_list_name (is_active=? AND name>?)"),
        (tools::read(Some("beam"), false).into_query(), "tools_list_name (is_active=? AND name<?)"),
        (runs::unfinished("here").into_query(), "calculation_runs_unfinished (host=?)"),
        (files::same(UserId(1), "ab", 5).into_query(), "idx_user_files_hash_size (file_hash=? AND file_size=?)"),
    ] {
        let steps = plan(&db, &statement).await;
        assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:#?}");
        assert_reads_little(&steps);
    }
    // A handful of links of one calculation is sorted by their time.
    let steps = plan(&db, &files::links(CalculationId(1)).into_query()).await;
    assert!(steps[0].contains("(calculation_id=?)"), "{steps:#?}");
}
