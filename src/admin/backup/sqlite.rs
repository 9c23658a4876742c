//! Copies of a SQLite file: as a file or as SQL, from one snapshot while others write; put back in one transaction,
//! under the locks that all programs respect, never by changing files below them.

use super::{
    dump::{self, Objects, driver_error, objects},
    file::{Format, PartialFile, Writer, file_error, reader},
    script::Statements,
};
use crate::{
    admin::{
        connection::Admin,
        error::AdminError,
        sql::{self, column},
        status,
    },
    db::{
        DbError,
        connect::{alone, keep_copy},
    },
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
    sqlx::Connection as _,
};
use std::path::{Path, PathBuf};

pub(super) async fn backup(admin: &Admin, part: &Path, format: Format) -> Result<Vec<String>, AdminError> {
    if format == Format::Database {
        copy_into(admin, part).await?;
        let copy = alone(part, &part.display().to_string(), 1).await?;
        let verified = verify(&copy, part).await;
        close(copy, part).await?;
        return verified.map(|()| Vec::new());
    }
    let mut writer = Writer::open(part, format == Format::SqlGz).map_err(|error| file_error(part, &error))?;
    let explain = |error| admin.explain(error);
    let mut connection =
        admin.connection.get_sqlite_connection_pool().acquire().await.map_err(driver_error).map_err(explain)?;
    // One snapshot: what others write meanwhile is not in it.
    let mut snapshot = connection.begin().await.map_err(driver_error).map_err(explain)?;
    let found: Objects = objects(&admin.connection, "main").await.map_err(explain)?;
    dump::write(&mut snapshot, &found, &mut writer).await.map_err(|error| file_error(part, &error))?;
    snapshot.rollback().await.map_err(driver_error).map_err(explain)?;
    drop(connection);
    writer.finish().map_err(|error| file_error(part, &error))?;
    // Read back whole.
    let scratch = scratch(part).await?;
    let read = fill_from_sql(&scratch.0, part, format).await;
    let verified = match read {
        Ok(()) => verify(&scratch.0, part).await,
        error => error,
    };
    close(scratch.0, scratch.1.path()).await?;
    verified?;
    Ok(found
        .others
        .iter()
        .map(|name| format!("{name} is a virtual table of another program; it is not in it"))
        .collect())
}

/// Puts a copy in the place of everything; returns the copy that was kept of what was there.
pub(super) async fn restore(admin: &Admin, path: &Path, format: Format) -> Result<Option<PathBuf>, AdminError> {
    let Some(target) = &admin.file else { return Err(file_error(path, "only a file can be restored into")) };
    let (scratch, part) = scratch(target).await?;
    let filled = match format {
        Format::Archive => Err(file_error(path, "an archive of a PostgreSQL database; this one is a SQLite file")),
        Format::Database => fill_from_file(path, &scratch).await,
        Format::Sql | Format::SqlGz => fill_from_sql(&scratch, path, format).await,
    };
    let checked = match filled {
        Ok(()) => require_known_schema(&scratch, path).await,
        error => error,
    };
    close(scratch, part.path()).await?;
    checked?;
    replace(admin, target, part.path()).await
}

/// A database of its own beside the target, to be filled and looked at before anything is changed.
async fn scratch(beside: &Path) -> Result<(DatabaseConnection, PartialFile), AdminError> {
    let mut name = beside.as_os_str().to_owned();
    name.push(".scratch");
    let part = PartialFile::beside(Path::new(&name))?;
    // One connection: what is begun, attached or set on it holds for what follows.
    let connection = alone(part.path(), &part.path().display().to_string(), 1).await?;
    // It is thrown away after a crash: nothing of it needs to be safe.
    let fast = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF";
    connection.execute_unprepared(fast).await.map_err(|error| DbError::explain("scratch", error))?;
    Ok((connection, part))
}

async fn close(connection: DatabaseConnection, path: &Path) -> Result<(), AdminError> {
    connection.close().await.map_err(|error| DbError::explain(&path.display().to_string(), error).into())
}

async fn copy_into(admin: &Admin, part: &Path) -> Result<(), AdminError> {
    let Some(target) = part.to_str() else { return Err(file_error(part, "its path is not UTF-8")) };
    // A snapshot, whatever others write meanwhile; SQLite fills an empty file and keeps its permissions.
    let statement =
        Statement::from_sql_and_values(admin.connection.get_database_backend(), "VACUUM INTO ?", [target.into()]);
    admin.connection.execute_raw(statement).await.map(drop).map_err(|error| {
        // The database that is full is the copy.
        match admin.explain(error) {
            DbError::NoSpace { .. } => file_error(part, "no space is left on the disk; nothing was kept of it"),
            error => error.into(),
        }
    })
}

/// Copies a SQLite file, and what is still in its log, into the scratch database.
async fn fill_from_file(path: &Path, scratch: &DatabaseConnection) -> Result<(), AdminError> {
    let explain = |error| AdminError::from(DbError::explain(&path.display().to_string(), error));
    let Some(text) = path.to_str() else { return Err(file_error(path, "its path is not UTF-8")) };
    scratch.execute_unprepared(&format!("ATTACH {} AS source", sql::text(text))).await.map_err(explain)?;
    let integrity: Vec<String> = column::<String>(scratch, "PRAGMA source.integrity_check").await.map_err(explain)?;
    if integrity != ["ok"] {
        return Err(file_error(path, "it is damaged; nothing was changed"));
    }
    transfer(scratch, "source").await.map_err(explain)?;
    scratch.execute_unprepared("DETACH source").await.map(drop).map_err(explain)
}

/// Runs SQL in the scratch database, all of it.
async fn fill_from_sql(scratch: &DatabaseConnection, path: &Path, format: Format) -> Result<(), AdminError> {
    let source = reader(path, format).map_err(|error| file_error(path, &error))?;
    let mut statements = Statements::new(source);
    let run = async |sql: &str| scratch.execute_unprepared(sql).await.map(drop);
    run("BEGIN").await.map_err(|error| file_error(path, &error))?;
    while let Some(statement) = statements.next().map_err(|error| file_error(path, &error))? {
        let word = statement.words.first().map_or("", String::as_str);
        match word {
            // The whole file is one transaction.
            "BEGIN" | "COMMIT" | "END" => continue,
            "ROLLBACK" => return Err(file_error(path, "it ends with ROLLBACK: whoever wrote it met an error")),
            "ATTACH" | "DETACH" | "VACUUM" => {
                let line = statement.line;
                return Err(file_error(
                    path,
                    &format!("line {line}: {word} reaches for other files; nothing was changed"),
                ));
            }
            _ => {}
        }
        let refused =
            |error: sea_orm::DbErr| file_error(path, &format!("line {}: {error}; nothing was changed", statement.line));
        run(&statement.sql).await.map_err(refused)?;
    }
    run("COMMIT").await.map_err(|error| file_error(path, &error))?;
    // Tables that were written into the schema itself (virtual ones, by the sqlite3 program) are seen from now on.
    run("PRAGMA writable_schema = RESET").await.map_err(|error| file_error(path, &error))
}

async fn verify(connection: &DatabaseConnection, path: &Path) -> Result<(), AdminError> {
    let explain = |error| AdminError::from(DbError::explain(&path.display().to_string(), error));
    let integrity = column::<String>(connection, "PRAGMA integrity_check").await.map_err(explain)?;
    let broken = column::<String>(connection, "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1")
        .await
        .map_err(explain)?;
    match (integrity.as_slice(), broken.first()) {
        ([ok], None) if ok == "ok" => Ok(()),
        (_, Some(table)) => Err(file_error(path, &format!("rows of {table} refer to rows that are not there"))),
        (problems, None) => Err(file_error(path, &format!("it is damaged: {}", problems.join("; ")))),
    }
}

/// Refuses what is no database of ours or of the platform's.
async fn require_known_schema(scratch: &DatabaseConnection, path: &Path) -> Result<(), AdminError> {
    verify(scratch, path).await?;
    let name = path.display().to_string();
    let status = status::read(scratch).await.map_err(|error| DbError::explain(&name, error))?;
    status.not_newer(&name)?;
    let has = |table: &str| status.tables.iter().any(|name| name == table);
    if status.is_ours || (has("users") && has("user_files")) {
        return Ok(());
    }
    let tables: Vec<String> = status.tables.into_iter().take(5).collect();
    Err(file_error(
        path,
        &format!("not a database of mecapy (it holds the tables {}); nothing was changed", tables.join(", ")),
    ))
}

/// Everything goes and everything comes in one transaction of the target.
async fn replace(admin: &Admin, target: &Path, scratch: &Path) -> Result<Option<PathBuf>, AdminError> {
    let explain = |error| AdminError::from(admin.explain(error));
    let Some(text) = scratch.to_str() else { return Err(file_error(scratch, "its path is not UTF-8")) };
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    // Attached on every connection of the pool's two: outside a transaction, and which one it will be is not known.
    let pool = admin.connection.get_sqlite_connection_pool();
    let (mut one, mut two) = tokio::try_join!(pool.acquire(), pool.acquire()).map_err(driver_error).map_err(explain)?;
    let attach = format!("ATTACH {} AS source", sql::text(text));
    for connection in [&mut one, &mut two] {
        use sea_orm::sqlx::Executor as _;
        connection
            .execute(sea_orm::sqlx::AssertSqlSafe(attach.clone()))
            .await
            .map_err(driver_error)
            .map_err(explain)?;
    }
    drop((one, two));
    let transaction = admin.connection.begin_with_options(options).await.map_err(explain)?;
    let status = status::read(&transaction).await.map_err(explain)?;
    let mut before = None;
    if !status.tables.is_empty() {
        before = Some(keep_copy(&admin.connection, target, "restore", &admin.place).await?);
    }
    clear(&transaction).await.map_err(explain)?;
    transfer(&transaction, "source").await.map_err(explain)?;
    transaction.commit().await.map_err(explain)?;
    verify(&admin.connection, target).await?;
    Ok(before)
}

/// Drops everything.
async fn clear(connection: &impl ConnectionTrait) -> Result<(), sea_orm::DbErr> {
    for drop in column::<String>(connection, include_str!("drop_everything_sqlite.sql")).await? {
        connection.execute_unprepared(&drop).await?;
    }
    Ok(())
}

/// Makes everything that an attached database holds.
async fn transfer(connection: &impl ConnectionTrait, from: &str) -> Result<(), sea_orm::DbErr> {
    let found = objects(connection, from).await?;
    for (name, definition, columns) in &found.tables {
        let name = sql::name(name);
        let columns: Vec<String> = columns.iter().map(|column| sql::name(column)).collect();
        let columns = columns.join(", ");
        connection.execute_unprepared(definition).await?;
        let copy = format!("INSERT INTO main.{name} ({columns}) SELECT {columns} FROM {from}.{name}");
        connection.execute_unprepared(&copy).await?;
    }
    if found.has_sequence {
        let copy = format!("INSERT INTO main.sqlite_sequence (name, seq) SELECT name, seq FROM {from}.sqlite_sequence");
        connection.execute_unprepared("DELETE FROM main.sqlite_sequence").await?;
        connection.execute_unprepared(&copy).await?;
    }
    for (name, definition) in &found.searches {
        let name = sql::name(name);
        connection.execute_unprepared(definition).await?;
        connection.execute_unprepared(&format!("INSERT INTO main.{name} ({name}) VALUES ('rebuild')")).await?;
    }
    for definition in &found.rest {
        connection.execute_unprepared(definition).await?;
    }
    Ok(())
}
