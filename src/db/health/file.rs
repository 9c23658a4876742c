//! The embedded file's figures.

use super::{get, known, rows};
use crate::{
    db::Db,
    domain::statistics::{FileHealth, Gap, Health, Known, TableSize},
};
use sea_orm::DbErr;

/// Sizes of tables are counted page by page: of a larger file only on request.
const COUNTED: i64 = 256 << 20;

pub(super) async fn health(db: &Db, response_ms: f64, check: bool) -> Result<Health, DbErr> {
    let facts = rows(
        db,
        "SELECT sqlite_version() AS version, \
         (SELECT page_size FROM pragma_page_size) AS page_size, \
         (SELECT page_count FROM pragma_page_count) AS page_count, \
         (SELECT freelist_count FROM pragma_freelist_count) AS free_pages, \
         (SELECT journal_mode FROM pragma_journal_mode) AS journal_mode",
    )
    .await?;
    let facts = facts.first().ok_or_else(|| DbErr::RecordNotFound("a SELECT without FROM gives one row".to_owned()))?;
    let (page_size, page_count): (i64, i64) = (get(facts, "page_size")?, get(facts, "page_count")?);
    let size = page_size * page_count;
    let tables = if size > COUNTED && !check {
        Known::Missing(Gap::until(
            "the file is large, and counting its pages by table reads it whole",
            "mecapy stats --database --check does",
        ))
    } else {
        tables(db).await
    };
    let quick_check = if check { Some(quick_check(db).await?) } else { None };
    let wal = std::fs::metadata(format!("{}-wal", db.place())).map_or(0, |log| log.len());
    Ok(Health {
        engine: format!("SQLite {}", get::<String>(facts, "version")?),
        response_ms,
        size_bytes: Known::Is(size),
        tables,
        connections: Known::Missing(Gap::new("a file has no connections that anybody counts")),
        slow_queries: Known::Missing(Gap::new("SQLite keeps no times of statements")),
        locks: Known::Missing(Gap::new("SQLite has one writer at a time, and keeps no list of who waits")),
        deadlocks: Known::Missing(Gap::new("SQLite's writers take turns: there are no deadlocks to count")),
        indexes: Known::Missing(Gap::new("SQLite does not count how often an index is used")),
        file: Some(FileHealth {
            path: db.place().to_owned(),
            wal_bytes: i64::try_from(wal).unwrap_or(i64::MAX),
            page_size,
            page_count,
            free_pages: get(facts, "free_pages")?,
            journal_mode: get(facts, "journal_mode")?,
            quick_check,
        }),
        partial: Vec::new(),
    })
}

async fn tables(db: &Db) -> Known<Vec<TableSize>> {
    let rows = rows(
        db,
        "SELECT s.tbl_name AS tbl, sum(d.pgsize) AS total, \
         sum(CASE WHEN s.type = 'index' THEN d.pgsize ELSE 0 END) AS indexes \
         FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name \
         WHERE d.aggregate = TRUE GROUP BY s.tbl_name ORDER BY total DESC, tbl",
    )
    .await;
    match rows {
        Err(error) if error.to_string().contains("no such table: dbstat") => Known::Missing(Gap::until(
            "this SQLite cannot count pages by table",
            "it is built without SQLITE_ENABLE_DBSTAT_VTAB",
        )),
        rows => known(
            db,
            rows.and_then(|rows| {
                rows.iter()
                    .map(|row| {
                        Ok(TableSize {
                            table: get(row, "tbl")?,
                            total_bytes: get(row, "total")?,
                            index_bytes: get(row, "indexes")?,
                        })
                    })
                    .collect()
            }),
        ),
    }
}

/// `ok` alone, or what is wrong, some of it.
async fn quick_check(db: &Db) -> Result<Vec<String>, DbErr> {
    rows(db, "PRAGMA quick_check(20)").await?.iter().map(|row| row.try_get_by_index(0)).collect()
}
