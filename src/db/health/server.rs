//! A PostgreSQL server's figures, as an ordinary role sees them.

use super::{get, known, rows};
use crate::{
    db::{
        Db,
        partitions::{self, Partitions},
    },
    domain::statistics::{Blocker, Connections, Gap, Health, IndexUse, Known, Lock, SlowQuery, TableSize},
};
use sea_orm::{DbErr, QueryResult};

/// What the server shows instead of another role's statement.
const HIDDEN: &str = "<insufficient privilege>";
/// What lets a role see more.
const ALL_STATS: &str = "GRANT pg_read_all_stats TO this role shows them";

pub(super) async fn health(db: &Db, response_ms: f64) -> Health {
    let mut partial = Vec::new();
    let engine = one(db, "SELECT split_part(current_setting('server_version'), ' ', 1) AS it").await;
    let connections = known(db, connections(db).await);
    if let Known::Is(Connections { unknown: 1.., .. }) = connections {
        partial.push(Gap::until("what other roles' connections do is not shown", ALL_STATS));
    }
    let slow_queries = slow_queries(db, &mut partial).await;
    let locks = known(db, locks(db).await);
    if locks.value().is_some_and(|locks| locks.iter().any(|lock| lock.query.is_none())) {
        partial.push(Gap::until("what other roles that wait want to do is not shown", ALL_STATS));
    }
    match partitions::look(db.connection()).await {
        Ok(found) => partial.extend(found.iter().flat_map(Partitions::gaps)),
        Err(error) => tracing::warn!(%error, "partitions"),
    }
    Health {
        engine: engine.map_or_else(|_| "PostgreSQL".to_owned(), |version: String| format!("PostgreSQL {version}")),
        response_ms,
        size_bytes: known(db, one(db, "SELECT pg_database_size(current_database()) AS it").await),
        tables: known(db, tables(db).await),
        connections,
        slow_queries,
        locks,
        deadlocks: known(
            db,
            one(db, "SELECT deadlocks AS it FROM pg_stat_database WHERE datname = current_database()").await,
        ),
        indexes: known(db, indexes(db).await),
        file: None,
        partial,
    }
}

async fn one<T: sea_orm::TryGetable>(db: &Db, sql: &str) -> Result<T, DbErr> {
    let rows = rows(db, sql).await?;
    let row = rows.first().ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
    get(row, "it")
}

async fn list<T>(db: &Db, sql: &str, read: impl Fn(&QueryResult) -> Result<T, DbErr>) -> Result<Vec<T>, DbErr> {
    rows(db, sql).await?.iter().map(read).collect()
}

async fn connections(db: &Db) -> Result<Connections, DbErr> {
    // A role sees that others are connected, but not what they do.
    let all = list(
        db,
        "SELECT count(*) FILTER (WHERE state = 'active') AS active, \
         count(*) FILTER (WHERE state = 'idle') AS idle, \
         count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS in_transaction, \
         count(*) FILTER (WHERE state IS NULL OR state NOT IN ('active', 'idle') \
           AND state NOT LIKE 'idle in transaction%') AS unknown, \
         current_setting('max_connections')::bigint AS maximum \
         FROM pg_stat_activity WHERE datid IS NOT NULL",
        |row| {
            Ok(Connections {
                active: get(row, "active")?,
                idle: get(row, "idle")?,
                idle_in_transaction: get(row, "in_transaction")?,
                unknown: get(row, "unknown")?,
                maximum: get(row, "maximum")?,
            })
        },
    );
    all.await?.pop().ok_or_else(|| DbErr::RecordNotFound("pg_stat_activity".to_owned()))
}

async fn tables(db: &Db) -> Result<Vec<TableSize>, DbErr> {
    // Partitions count as the table they are of.
    let sql = "SELECT CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name, \
               CASE c.relkind WHEN 'p' THEN (SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint \
               FROM pg_partition_tree(c.oid) WHERE isleaf) ELSE pg_total_relation_size(c.oid) END AS total, \
               CASE c.relkind WHEN 'p' THEN (SELECT coalesce(sum(pg_indexes_size(relid)), 0)::bigint \
               FROM pg_partition_tree(c.oid) WHERE isleaf) ELSE pg_indexes_size(c.oid) END AS indexes \
               FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'm', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
               ORDER BY total DESC, name LIMIT 100";
    list(db, sql, |row| {
        Ok(TableSize { table: get(row, "name")?, total_bytes: get(row, "total")?, index_bytes: get(row, "indexes")? })
    })
    .await
}

/// The ten slowest statements of this database, where the server keeps their times.
async fn slow_queries(db: &Db, partial: &mut Vec<Gap>) -> Known<Vec<SlowQuery>> {
    let extension = "SELECT quote_ident(n.nspname) || '.pg_stat_statements' AS it \
                     FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace \
                     WHERE e.extname = 'pg_stat_statements'";
    let view: String = match one(db, extension).await {
        Ok(view) => view,
        Err(DbErr::RecordNotFound(_)) => {
            return Known::Missing(Gap::until(
                "the extension pg_stat_statements is not in this database",
                "whoever runs the server sets shared_preload_libraries = 'pg_stat_statements', starts it again, and \
                 runs CREATE EXTENSION pg_stat_statements here",
            ));
        }
        Err(error) => return known(db, Err(error)),
    };
    // Its name since version 1.8, which came with PostgreSQL 13; a dump from before keeps the older one.
    let column = "SELECT attname::text AS it FROM pg_attribute WHERE attrelid = 'VIEW'::regclass \
                  AND attname IN ('mean_exec_time', 'mean_time') ORDER BY attname LIMIT 1";
    let column: String = match one(db, &column.replace("VIEW", &view)).await {
        Ok(column) => column,
        Err(error) => return known(db, Err(error)),
    };
    let from = format!("FROM {view} WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())");
    let sql =
        format!("SELECT query, {column} AS mean, calls {from} AND query <> '{HIDDEN}' ORDER BY {column} DESC LIMIT 10");
    let queries = list(db, &sql, |row| {
        Ok(SlowQuery { query: get(row, "query")?, mean_ms: get(row, "mean")?, calls: get(row, "calls")? })
    });
    match queries.await {
        Err(error) if error.to_string().contains("shared_preload_libraries") => Known::Missing(Gap::until(
            "the extension pg_stat_statements is there, but the server does not load it",
            "whoever runs the server sets shared_preload_libraries = 'pg_stat_statements' and starts it again",
        )),
        queries => {
            if let Ok(hidden) = one::<i64>(db, &format!("SELECT count(*) AS it {from} AND query = '{HIDDEN}'")).await
                && hidden > 0
            {
                partial.push(Gap::until("statements of other roles are not shown", ALL_STATS));
            }
            known(db, queries)
        }
    }
}

/// Who waits, and for whom. `pg_locks` shows everybody's, `pg_stat_activity` hides what others do.
async fn locks(db: &Db) -> Result<Vec<Lock>, DbErr> {
    let sql = format!(
        "SELECT l.pid, a.usename::text AS person, l.relation::regclass::text AS tbl, l.mode, \
         extract(epoch FROM clock_timestamp() - l.waitstart)::float8 AS waiting, \
         nullif(a.query, '{HIDDEN}') AS query, b.pid AS blocker, h.usename::text AS holder, h.state AS state \
         FROM (SELECT DISTINCT ON (pid) pid, mode, waitstart, \
               CASE WHEN database = (SELECT oid FROM pg_database WHERE datname = current_database()) THEN relation END \
               AS relation FROM pg_locks WHERE NOT granted ORDER BY pid) AS l \
         LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid \
         LEFT JOIN LATERAL unnest(pg_blocking_pids(l.pid)) AS b (pid) ON true \
         LEFT JOIN pg_stat_activity AS h ON h.pid = b.pid \
         WHERE a.datname = current_database() ORDER BY l.waitstart, l.pid, b.pid LIMIT 200"
    );
    let mut locks: Vec<Lock> = Vec::new();
    for row in rows(db, &sql).await? {
        let pid: i32 = get(&row, "pid")?;
        if locks.last().is_none_or(|lock| lock.pid != pid) {
            locks.push(Lock {
                pid,
                user: get(&row, "person")?,
                table: get(&row, "tbl")?,
                mode: get(&row, "mode")?,
                waiting_s: get(&row, "waiting")?,
                query: get(&row, "query")?,
                blocked_by: Vec::new(),
            });
        }
        if let (Some(lock), Some(pid)) = (locks.last_mut(), get::<Option<i32>>(&row, "blocker")?) {
            lock.blocked_by.push(Blocker { pid, user: get(&row, "holder")?, state: get(&row, "state")? });
        }
    }
    Ok(locks)
}

async fn indexes(db: &Db) -> Result<Vec<IndexUse>, DbErr> {
    let sql = "SELECT i.relname::text AS index, t.relname::text AS tbl, sum(s.idx_scan)::bigint AS scans, \
               sum(pg_relation_size(s.indexrelid))::bigint AS bytes FROM pg_stat_user_indexes AS s \
               JOIN pg_class AS i ON i.oid = coalesce(pg_partition_root(s.indexrelid), s.indexrelid) \
               JOIN pg_class AS t ON t.oid = coalesce(pg_partition_root(s.relid), s.relid) \
               GROUP BY i.oid, i.relname, t.relname ORDER BY scans, bytes DESC, index LIMIT 100";
    list(db, sql, |row| {
        Ok(IndexUse {
            index: get(row, "index")?,
            table: get(row, "tbl")?,
            scans: get(row, "scans")?,
            bytes: get(row, "bytes")?,
        })
    })
    .await
}
