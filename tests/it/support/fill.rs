//! A database of any size, quickly: rows as a year of work leaves them, written by SQL alone, alike on both engines.
//!
//! A million rows take half a minute: indexes are made after the rows, and no trigger fires meanwhile.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Calculations of the one person; a multiple of 20 comes out exactly.
    pub calculations: u32,
    /// Files of that person.
    pub files: u32,
    /// Other people. Where there are any they have half as many calculations and files, between those of the one
    /// person, and the newest of all.
    pub others: u32,
}

impl Amount {
    /// A tenth as many files, and 49 other people.
    pub const fn among_others(calculations: u32) -> Self {
        Self { calculations, files: calculations / 10, others: 49 }
    }
}

/// The tables that are filled, and whose indexes are made last.
const TABLES: &str = "'calculations', 'calculation_runs', 'user_files'";

/// Fills the migrated database at `url` (`sqlite:///absolute.db`, `postgresql:///...` of a superuser) with what `user`
/// (an id of `users`) and others have made: mostly completed, one in fifteen failed, one in fifty never started, names
/// that share words and end with their number, times a minute apart, the newest last.
pub async fn at(url: &str, user: i64, amount: Amount) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(url.to_owned());
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await?;
    if connection.get_database_backend() == DbBackend::Sqlite {
        // Nothing else uses the file, and it can be filled again: no waiting for the disk.
        connection.execute_unprepared("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000").await?;
    }
    into(&connection, user, amount).await?;
    connection.close().await
}

/// The same through a connection, the only one of its pool.
pub async fn into(connection: &DatabaseConnection, user: i64, amount: Amount) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    let words = Words::of(backend);
    let run = async |sql: &str| connection.execute_unprepared(sql).await.map(drop);
    if backend == DbBackend::Postgres {
        run("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'; SET work_mem = '256MB'")
            .await?;
    }
    run("BEGIN").await?;
    let later = without_indexes(connection).await?;
    for statement in rows(&words, user, amount) {
        run(&statement).await?;
    }
    for statement in later {
        run(&statement).await?;
    }
    run("COMMIT").await?;
    // What the planner of a server knows after a while by itself. The embedded file never has it.
    if backend == DbBackend::Postgres { run("VACUUM ANALYZE").await } else { Ok(()) }
}

/// How an engine spells what the statements are made of.
struct Words {
    numbers: fn(u32) -> String,
    /// The time `n` minutes after the first.
    time: &'static str,
    /// A text of about 500 characters.
    code: &'static str,
    /// The key of a run.
    run: &'static str,
    /// 64 hexadecimal digits of `n`.
    hash: &'static str,
}

impl Words {
    fn of(backend: DbBackend) -> Self {
        if backend == DbBackend::Postgres {
            return Self {
                numbers: |count| format!("SELECT n FROM generate_series(1, {count}) AS n"),
                time: "timestamp '2023-11-14 22:13:20' + n * interval '1 minute'",
                code: "repeat('x', 400 + n % 200)",
                run: "lpad(to_hex(id), 8, '0') || '-0000-7000-8000-000000000000'",
                hash: "lpad(to_hex(n), 64, '0')",
            };
        }
        Self {
            numbers: |count| {
                format!(
                    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
                     SELECT n FROM numbers"
                )
            },
            time: "strftime('%Y-%m-%d %H:%M:%f000', 1700000000 + n * 60, 'unixepoch')",
            code: "printf('%.*c', 400 + n % 200, 'x')",
            run: "printf('%08x', id) || '-0000-7000-8000-000000000000'",
            hash: "printf('%064x', n)",
        }
    }
}

fn rows(words: &Words, user: i64, amount: Amount) -> Vec<String> {
    let Words { numbers, time, code, run, hash } = words;
    let Amount { calculations, files, others } = amount;
    // Two of three rows are the person's, but for the newest; `k` numbers those.
    let (mixed, k, theirs) = if others == 0 {
        (calculations, "n", "FALSE".to_owned())
    } else {
        let mixed = calculations / 2 * 3;
        (mixed, "n - n / 3", format!("(n % 3 = 0 OR n > {mixed})"))
    };
    let all = if others == 0 { mixed } else { mixed + mixed / 20 };
    let owner = format!(
        "CASE WHEN {theirs} THEN (SELECT min(id) FROM users WHERE keycloak_id LIKE 'other:%') + n % {} ELSE {user} END",
        others.max(1)
    );
    let mut statements = Vec::new();
    if others > 0 {
        statements.push(format!(
            "INSERT INTO users (keycloak_id, username, email) SELECT 'other:' || n, 'other' || n, '' FROM ({}) AS made",
            numbers(others)
        ));
    }
    statements.push(format!(
        "INSERT INTO calculations (user_id, name, status, code, parameters, result_data, created_at, updated_at, started_at, \
             completed_at, execution_time, memory_used, cpu_time, timeout, memory_limit, cpu_limit)
         SELECT owner, CASE k % 4 WHEN 0 THEN 'Bolted joint M' || (k % 9 * 2 + 4) WHEN 1 THEN 'Cantilever beam, load case '
                 WHEN 2 THEN 'Hertz contact ' ELSE 'Mesh convergence ' END || ' ' || k,
             status, {code}, '{{\"d\": ' || n || '}}', CASE WHEN status = 'completed' THEN '{{\"sigma\": ' || n || '}}' END,
             at, at, CASE WHEN ran THEN at END, CASE WHEN ran THEN at END, CASE WHEN ran THEN k % 3000 / 100.0 END,
             CASE WHEN ran THEN 20 + k % 200 END, CASE WHEN ran THEN k % 2900 / 100.0 END, 30, 256, 0.5
         FROM (SELECT n, k, owner, at, status, status <> 'pending' AS ran FROM (SELECT n, k, {owner} AS owner, {time} AS at,
                 CASE WHEN k % 50 = 0 THEN 'pending' WHEN k % 15 = 0 THEN 'failed' WHEN k % 4001 = 1 THEN 'cancelled'
                      ELSE 'completed' END AS status
             FROM (SELECT n, {k} AS k FROM ({numbers}) AS counted) AS numbered) AS timed) AS made ORDER BY n",
        numbers = numbers(all)
    ));
    statements.push(format!(
        "INSERT INTO calculation_runs (id, calculation_id, user_id, host, submitted_at, started_at, completed_at, engine, \
             level, timeout, memory_limit, cpu_limit, exit_code, error_kind)
         SELECT {run}, id, user_id, 'bench', created_at, started_at, completed_at, 'builtin', 'E2', 30, 256, 0.5, 0,
             CASE WHEN status = 'failed' THEN 'timeout' END
         FROM calculations WHERE status <> 'pending' ORDER BY id"
    ));
    if files > 0 {
        let all = if others == 0 { files } else { files / 2 * 3 };
        let name = format!("CASE n % 3 WHEN 1 THEN 'mesh ' WHEN 2 THEN 'load ' ELSE 'other ' END || ({k}) || '.csv'");
        statements.push(format!(
            "INSERT INTO user_files (user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, s3_url, \
                 uploaded_at, file_hash)
             SELECT {owner}, {name}, {name}, n, 'text/csv', 'users/' || n, 'local', 'file:///users/' || n, {time}, {hash}
             FROM ({}) AS made",
            numbers(all)
        ));
    }
    statements
}

/// Drops the indexes and, on the embedded file, the triggers that keep the search index; returns what makes them again.
async fn without_indexes(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let backend = connection.get_database_backend();
    let sql = if backend == DbBackend::Postgres {
        format!(
            "SELECT pg_get_indexdef(indexrelid), 'DROP INDEX ' || indexrelid::regclass FROM pg_index \
             WHERE indrelid::regclass::text IN ({TABLES}) \
             AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY indexrelid"
        )
    } else {
        format!(
            "SELECT sql, 'DROP ' || type || ' ' || name FROM sqlite_master \
             WHERE tbl_name IN ({TABLES}) AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, rowid"
        )
    };
    let mut later = Vec::new();
    for row in connection.query_all_raw(Statement::from_string(backend, sql)).await? {
        later.push(row.try_get_by_index(0)?);
        connection.execute_unprepared(&row.try_get_by_index::<String>(1)?).await?;
    }
    if backend == DbBackend::Sqlite {
        later.push("INSERT INTO calculation_names (calculation_names) VALUES ('rebuild')".to_owned());
    }
    Ok(later)
}
