//! Running a plan: under a lock, looked at again once it is held, each piece whole or not at all.

use super::{Admin, AdminError, Down, Piece, Plan, Standing, Up, adopt, catalogue, partition, plan, secure, standing};
use crate::db::{DbError, open, partitions};
use migrations::{Dialect, NAME_INDEX, name_index};
use sea_orm::{ConnectionTrait, DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait as _};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// The lock that all mecapys take on a server's database before they migrate it: "mecapy" in ASCII.
const LOCK: i64 = 0x6d65_6361_7079;
/// So long another mecapy's migration is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the lock is asked for. Never waited for inside the server: the making of an index waits for every
/// statement that runs, so the two would wait for each other.
const PACE: Duration = Duration::from_millis(100);

pub(super) async fn plan_upgrade(
    connection: &impl ConnectionTrait,
    dialect: Dialect,
    place: &str,
    target: Up,
) -> Result<Plan, AdminError> {
    let explain = |error| DbError::explain(place, error);
    let standing = standing::look(connection).await.map_err(explain)?;
    standing.not_newer(place)?;
    let catalogue = catalogue::read(connection).await.map_err(explain)?;
    let (mut plan, adopted) = if standing.is_ours || standing.tables.is_empty() {
        (Plan::default(), Vec::new())
    } else if target == Up::To(None) {
        adopt::plan(connection, dialect, place, &standing, &catalogue).await?
    } else {
        let words = "a database of the platform's other programs is adopted whole: mecapy db upgrade";
        return Err(AdminError::Target(words.to_owned()));
    };
    // Tables that are made anew come without the indexes that later steps make.
    let catalogue = if plan.rebuilds { catalogue::Catalogue::default() } else { catalogue };
    plan.pieces.extend(plan::up(dialect, &standing, &catalogue, &adopted, target));
    if plan.pieces.is_empty() && target == Up::To(None) && dialect == Dialect::Postgres {
        plan.pieces.extend(late_name_search(connection, &catalogue).await.map_err(explain)?);
    }
    if let Some(names) = partitioned(connection, place).await? {
        plan.pieces = partition::migrations(plan.pieces, &names);
    }
    if let Some(last) = plan.pieces.last_mut() {
        last.statements.append(&mut plan.afterwards);
    }
    if !plan.pieces.is_empty()
        && let Some(piece) = secure::again(connection).await.map_err(explain)?
    {
        plan.pieces.push(piece);
    }
    if let (false, Some(first)) = (standing.is_ours, plan.pieces.first_mut()) {
        first.statements.insert(0, plan::bookkeeping(dialect));
    }
    Ok(plan)
}

/// The index of the names, where the server lacked the extension for it and has it by now.
async fn late_name_search(
    connection: &impl ConnectionTrait,
    catalogue: &catalogue::Catalogue,
) -> Result<Option<Piece>, sea_orm::DbErr> {
    let has = catalogue.tables.get("calculations").and_then(|table| table.indexes.get(NAME_INDEX));
    let is_whole = has.is_some_and(|index| !index.ends_with(catalogue::INVALID));
    let sql =
        "SELECT FROM pg_catalog.pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_catalog.pg_opclass_is_visible(oid)";
    if is_whole || catalogue::rows(connection, sql).await?.is_empty() {
        return Ok(None);
    }
    // No index is made on a table in partitions while others write.
    let sql = "SELECT FROM pg_catalog.pg_class WHERE oid = 'calculations'::regclass AND relkind = 'p'";
    let is_one_table = catalogue::rows(connection, sql).await?.is_empty();
    let mut statements = vec![name_index(is_one_table)];
    if has.is_some() {
        let word = if is_one_table { "CONCURRENTLY " } else { "" };
        statements.insert(0, format!("DROP INDEX {word}{NAME_INDEX}"));
    }
    Ok(Some(Piece { name: "009_add_name_search".to_owned(), statements, concurrent: true }))
}

pub(super) async fn plan_downgrade(
    connection: &impl ConnectionTrait,
    dialect: Dialect,
    place: &str,
    target: Down,
) -> Result<Plan, AdminError> {
    let standing = standing::look(connection).await.map_err(|error| DbError::explain(place, error))?;
    standing.not_newer(place)?;
    ours(&standing, place)?;
    if dialect == Dialect::Postgres
        && secure::is_on(connection).await.map_err(|error| DbError::explain(place, error))?
    {
        let problem =
            "row security is on, and holds on to what older schemas do not have; mecapy db secure --off comes first";
        return Err(secure::refused(place, problem));
    }
    let mut pieces = plan::down(dialect, &standing, target)?;
    if let Some(names) = partitioned(connection, place).await? {
        if pieces.iter().flat_map(|piece| &piece.statements).any(|sql| sql == "DROP TABLE calculations") {
            let problem = "calculations is partitioned; mecapy db partition --undo --yes makes one table of it first";
            return Err(AdminError::Refused { place: place.to_owned(), problem: problem.to_owned() });
        }
        pieces = partition::migrations(pieces, &names);
    }
    Ok(Plan { pieces, ..Plan::default() })
}

/// The partitions of `calculations`; `None` where it is one table or none.
async fn partitioned(connection: &impl ConnectionTrait, place: &str) -> Result<Option<Vec<String>>, AdminError> {
    let found = partitions::look(connection).await.map_err(|error| DbError::explain(place, error))?;
    Ok(found.map(|found| found.all.into_iter().map(|partition| partition.name).collect()))
}

fn ours(standing: &Standing, place: &str) -> Result<(), AdminError> {
    if standing.is_ours || standing.tables.is_empty() {
        return Ok(());
    }
    let tables = standing.tables.iter().take(5).cloned().collect();
    Err(DbError::Foreign { place: place.to_owned(), tables }.into())
}

pub(super) async fn upgrade(admin: &Admin, target: Up) -> Result<(Plan, Option<PathBuf>), AdminError> {
    run(admin, async |connection| plan_upgrade(connection, admin.dialect, &admin.place, target).await).await
}

pub(super) async fn downgrade(admin: &Admin, target: Down) -> Result<(Plan, Option<PathBuf>), AdminError> {
    run(admin, async |connection| plan_downgrade(connection, admin.dialect, &admin.place, target).await).await
}

/// Takes the lock, plans under it, runs.
pub(super) async fn run(
    admin: &Admin,
    planned: impl AsyncFn(&AnyConnection<'_>) -> Result<Plan, AdminError>,
) -> Result<(Plan, Option<PathBuf>), AdminError> {
    match admin.dialect {
        Dialect::Sqlite => in_file(admin, planned).await,
        Dialect::Postgres => under_lock(admin, on_server(admin, planned)).await.map(|plan| (plan, None)),
    }
}

/// Does what changes the schema of a server's database, when no other mecapy does; waited for a while.
pub(super) async fn under_lock<T>(
    admin: &Admin,
    work: impl Future<Output = Result<T, AdminError>>,
) -> Result<T, AdminError> {
    lock(admin).await?;
    let done = work.await;
    // The lock ends with the connection as well.
    if let Err(error) = admin.run(&format!("SELECT pg_advisory_unlock({LOCK})")).await {
        tracing::warn!(%error, "lock of the migration not given back");
    }
    done
}

/// A connection or a transaction.
pub(super) type AnyConnection<'a> = sea_orm::DatabaseExecutor<'a>;

async fn in_file(
    admin: &Admin,
    planned: impl AsyncFn(&AnyConnection<'_>) -> Result<Plan, AdminError>,
) -> Result<(Plan, Option<PathBuf>), AdminError> {
    let explain = |error| admin.explain(error);
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = admin.connection.begin_with_options(options).await.map_err(explain)?;
    let plan = planned(&AnyConnection::from(&transaction)).await?;
    if plan.pieces.is_empty() {
        return Ok((plan, None));
    }
    let mut copy = None;
    let standing = standing::look(&transaction).await.map_err(explain)?;
    if let (Some(path), false) = (&admin.file, standing.tables.is_empty()) {
        copy = Some(open::keep_copy(&admin.connection, path, &plan.pieces[0].name, &admin.place).await?);
    }
    for piece in &plan.pieces {
        for statement in &piece.statements {
            transaction.execute_unprepared(statement).await.map_err(|error| failed(admin, &piece.name, error))?;
        }
    }
    if plan.rebuilds {
        let broken =
            catalogue::rows(&transaction, "SELECT \"table\", CAST(rowid AS TEXT) FROM pragma_foreign_key_check")
                .await
                .map_err(explain)?;
        if let Some(row) = broken.first() {
            let table: String = row.try_get_by_index(0).map_err(explain)?;
            let problem = format!("rows of {table} refer to rows that are not there");
            return Err(AdminError::Unfit { place: admin.place.clone(), problem });
        }
    }
    transaction.commit().await.map_err(explain)?;
    Ok((plan, copy))
}

fn failed(admin: &Admin, step: &str, error: sea_orm::DbErr) -> AdminError {
    AdminError::Step { step: step.to_owned(), source: admin.explain(error) }
}

async fn lock(admin: &Admin) -> Result<(), AdminError> {
    let end = Instant::now() + PATIENCE;
    loop {
        let rows = catalogue::rows(&admin.connection, &format!("SELECT pg_try_advisory_lock({LOCK})"))
            .await
            .map_err(|error| admin.explain(error))?;
        let taken = rows.first().map_or(Ok(false), |row| row.try_get_by_index(0)).map_err(|e| admin.explain(e))?;
        if taken {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(AdminError::Busy { place: admin.place.clone() });
        }
        tokio::time::sleep(PACE).await;
    }
}

async fn on_server(
    admin: &Admin,
    planned: impl AsyncFn(&AnyConnection<'_>) -> Result<Plan, AdminError>,
) -> Result<Plan, AdminError> {
    let plan = planned(&AnyConnection::from(&admin.connection)).await?;
    for piece in &plan.pieces {
        if piece.concurrent {
            // It waits until every transaction that was open has ended, however long those take.
            admin.run("SET lock_timeout = 0").await?;
            for statement in &piece.statements {
                let done = admin.connection.execute_unprepared(statement).await;
                done.map_err(|error| failed(admin, &piece.name, error))?;
            }
            admin.run("RESET lock_timeout").await?;
        } else {
            whole(&admin.connection, &piece.statements).await.map_err(|error| failed(admin, &piece.name, error))?;
        }
    }
    Ok(plan)
}

async fn whole(connection: &DatabaseConnection, statements: &[String]) -> Result<(), sea_orm::DbErr> {
    let transaction = connection.begin().await?;
    for statement in statements {
        transaction.execute_unprepared(statement).await?;
    }
    transaction.commit().await
}
