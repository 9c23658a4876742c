//! A database of any size, quickly: rows as a year of work leaves them, written by SQL alone.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DbErr};
use std::path::Path;

/// Adds `count` calculations of `user` (an id of `users`) to the migrated file at `path`, with the record of a run for
/// all but every fiftieth: mostly completed, one in fifteen failed, names that share words, times a minute apart.
///
/// 100,000 rows take some seconds and 190 MB.
pub async fn calculations(path: &Path, user: i64, count: u32) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}", path.display()));
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await?;
    // Nothing else uses the file, and it can be filled again: no journal, no waiting for the disk.
    connection.execute_unprepared("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000").await?;
    connection.execute_unprepared("BEGIN IMMEDIATE").await?;
    connection
        .execute_unprepared(&format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}),
             made AS (
                 SELECT n, strftime('%Y-%m-%d %H:%M:%f000', 1700000000 + n * 60, 'unixepoch') AS at,
                     CASE WHEN n % 50 = 0 THEN 'pending' WHEN n % 15 = 0 THEN 'failed'
                          WHEN n % 400 = 1 THEN 'cancelled' ELSE 'completed' END AS status
                 FROM numbers
             )
             INSERT INTO calculations (user_id, name, status, code, parameters, result_data, created_at, updated_at,
                 started_at, completed_at, execution_time, memory_used, cpu_time, timeout, memory_limit, cpu_limit)
             SELECT {user},
                 (CASE n % 4 WHEN 0 THEN 'Bolted joint M' || (n % 9 * 2 + 4) WHEN 1 THEN 'Cantilever beam, load case '
                     WHEN 2 THEN 'Hertz contact ' ELSE 'Mesh convergence ' END) || ' ' || n,
                 status, printf('%.*c', 400 + n % 600, 'x'), '{{\"d\": ' || n || '}}',
                 iif(status = 'completed', printf('{{\"sigma\": %.3f, \"fill\": \"%.*c\"}}', n / 7.0, 100, 'y'), NULL),
                 at, at, iif(status = 'pending', NULL, at), iif(status = 'pending', NULL, at),
                 iif(status = 'pending', NULL, n % 3000 / 100.0), iif(status = 'pending', NULL, 20 + n % 200),
                 iif(status = 'pending', NULL, n % 2900 / 100.0), 30, 256, 0.5
             FROM made"
        ))
        .await?;
    connection
        .execute_unprepared(&format!(
            "INSERT INTO calculation_runs (id, calculation_id, user_id, host, submitted_at, started_at, completed_at,
                 engine, level, timeout, memory_limit, cpu_limit, exit_code, error_kind)
             SELECT lower(printf('%08x-0000-7000-8000-%012x', id / 4294967296, id)), id, user_id, 'bench', created_at,
                 started_at, completed_at, 'builtin', 'E2', 30, 256, 0.5, 0, iif(status = 'failed', 'timeout', NULL)
             FROM calculations WHERE user_id = {user} AND status <> 'pending'
                 AND id NOT IN (SELECT calculation_id FROM calculation_runs)"
        ))
        .await?;
    connection.execute_unprepared("COMMIT").await?;
    connection.close().await
}
