//! Running a plan: under a lock, looked at again once it is held, each piece whole or not at all.

use super::{connection::Admin, error::AdminError, plan::Plan, sql, status};
use crate::db::connect;
use migrations::Dialect;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// The lock that all mecapys take on a server's database before they migrate it: "mecapy" in ASCII.
const LOCK: i64 = 0x6d65_6361_7079;
/// How long another mecapy's migration is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the lock is asked for. It is never waited for inside the server: a concurrent index build waits for every
/// statement that runs, so the two would wait for each other.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

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

/// Does what changes the schema of a server's database while no other mecapy does; waits a while for its turn.
pub(super) async fn under_lock<T>(
    admin: &Admin,
    work: impl Future<Output = Result<T, AdminError>>,
) -> Result<T, AdminError> {
    lock(admin).await?;
    let done = work.await;
    // The lock ends with the connection as well.
    if let Err(error) = admin.execute(&format!("SELECT pg_advisory_unlock({LOCK})")).await {
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
    let status = status::read(&transaction).await.map_err(explain)?;
    if let (Some(path), false) = (&admin.file, status.tables.is_empty()) {
        copy = Some(connect::keep_copy(&admin.connection, path, &plan.pieces[0].name, &admin.place).await?);
    }
    for piece in &plan.pieces {
        for statement in &piece.statements {
            transaction.execute_unprepared(statement).await.map_err(|error| failed(admin, &piece.name, error))?;
        }
    }
    if plan.rebuilds {
        let broken = sql::value::<String>(&transaction, "SELECT \"table\" FROM pragma_foreign_key_check").await;
        if let Some(table) = broken.map_err(explain)? {
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
    let end = Instant::now() + LOCK_TIMEOUT;
    loop {
        let taken = sql::value(&admin.connection, &format!("SELECT pg_try_advisory_lock({LOCK})")).await;
        if taken.map_err(|error| admin.explain(error))?.unwrap_or(false) {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(AdminError::Busy { place: admin.place.clone() });
        }
        tokio::time::sleep(LOCK_INTERVAL).await;
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
            admin.execute("SET lock_timeout = 0").await?;
            for statement in &piece.statements {
                let done = admin.connection.execute_unprepared(statement).await;
                done.map_err(|error| failed(admin, &piece.name, error))?;
            }
            admin.execute("RESET lock_timeout").await?;
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
