//! The record of each run, and the only moves of a calculation's status.
//!
//! Every move is one conditional UPDATE on the status it expects, so that of two programs that want the same run
//! exactly one gets it, and what is finished stays finished.

pub mod live;
mod record;

pub(super) use record::from_row;
#[cfg(test)]
pub(super) use record::unfinished;
pub use record::{get, unfinished_of_host};

use super::{
    Db, DbError, ExplainError, Timestamp,
    calculations::{own, status},
    entity::{calculation, calculation_run},
    validate,
};
use crate::domain::{
    calculation::{MAX_ERROR, MAX_RESULT},
    check_length,
    id::{CalculationId, RunId, UserId},
    limits::Limits,
    run::{Outcome, Provenance, Usage},
    status::Status,
};
use chrono::{NaiveDateTime, TimeDelta};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Func, Query, SelectStatement},
};

/// What [`finish`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The end is recorded now.
    Done,
    /// It was recorded before, by this or another program; nothing changed.
    AlreadyFinal,
}

/// Queues a calculation of `user` for `host`: it must be pending and have no run yet.
pub async fn submit(
    db: &Db,
    user: UserId,
    id: CalculationId,
    run: RunId,
    host: &str,
    limits: &Limits,
) -> Result<(), DbError> {
    let row = record::asked_for(db, (user, id), run, host, limits)?;
    let transaction = db.begin().await?;
    let found = own(user, id).find_also_related(calculation_run::Entity).one(&transaction).await.explain(db)?;
    let Some((calculation, known)) = found else { return Err(DbError::not_found("calculation", &id)) };
    let status = status(db, &calculation.status)?;
    if status != Status::Pending {
        return Err(DbError::Conflict(format!("calculation {id} is {status} already; run it again as a new one")));
    }
    if known.is_some() {
        return Err(DbError::Conflict(format!("calculation {id} is queued already")));
    }
    calculation_run::Entity::insert(row).exec_without_returning(&transaction).await.explain(db)?;
    transaction.commit().await.explain(db)
}

/// Takes a queued run: pending becomes running, once. `false` where somebody else has it or it was cancelled.
pub async fn claim(db: &Db, run: RunId, provenance: &Provenance, started_at: NaiveDateTime) -> Result<bool, DbError> {
    let started = db.time(started_at);
    let record = record::started(db, provenance, started)?;
    let change = calculation::ActiveModel {
        status: Set(Status::Running.name().to_owned()),
        started_at: Set(Some(started)),
        updated_at: Set(db.now()),
        ..calculation::ActiveModel::default()
    };
    let transaction = db.begin().await?;
    let claimed = calculation::Entity::update_many()
        .set(change)
        .filter(is_of(run))
        .filter(calculation::Column::Status.eq(Status::Pending.name()))
        .exec(&transaction)
        .await
        .explain(db)?;
    if claimed.rows_affected == 0 {
        return Ok(false);
    }
    calculation_run::Entity::update_many()
        .set(record)
        .filter(calculation_run::Column::Id.eq(run.to_string()))
        .exec(&transaction)
        .await
        .explain(db)?;
    transaction.commit().await.explain(db)?;
    Ok(true)
}

/// Records the end of a run; the first record stays, however often it is told again.
///
/// A pending one is accepted as well: its start could not be written while the database was away. A completed one
/// then passes through running in the same transaction.
pub async fn finish(db: &Db, run: RunId, outcome: &Outcome, completed_at: NaiveDateTime) -> Result<Finish, DbError> {
    if !outcome.status.is_final() {
        return Err(DbError::Conflict(format!("a run cannot end as {}", outcome.status)));
    }
    check_length("result_data", outcome.result_data.as_deref().unwrap_or_default(), MAX_RESULT)?;
    let completed = db.time(completed_at);
    let transaction = db.begin().await?;
    if let Some(usage) = outcome.usage {
        started_late(db, &transaction, run, completed_at, &usage).await?;
    }
    let finished = calculation::Entity::update_many()
        .set(ending(db, outcome, completed))
        .filter(is_of(run))
        .filter(calculation::Column::Status.is_in([Status::Pending.name(), Status::Running.name()]))
        .exec(&transaction)
        .await
        .explain(db)?;
    // Told again, or after another program had changed the status: what is known of the run is kept all the same.
    let recorded = calculation_run::Entity::update_many()
        .set(record::ended(outcome, completed))
        .filter(calculation_run::Column::Id.eq(run.to_string()))
        .filter(calculation_run::Column::CompletedAt.is_null())
        .exec(&transaction)
        .await
        .explain(db)?;
    if finished.rows_affected == 0 && recorded.rows_affected == 0 {
        let known = calculation_run::Entity::find_by_id(run.to_string()).one(&transaction).await.explain(db)?;
        return known.map(|_| Finish::AlreadyFinal).ok_or_else(|| DbError::not_found("run", &run));
    }
    transaction.commit().await.explain(db)?;
    Ok(if finished.rows_affected == 1 { Finish::Done } else { Finish::AlreadyFinal })
}

/// Cancels a queued run of `user` that nobody has taken. `false` where it is taken, over, or was never asked for.
pub async fn cancel_pending(db: &Db, user: UserId, id: CalculationId) -> Result<bool, DbError> {
    let now = db.now();
    let change = calculation::ActiveModel {
        status: Set(Status::Cancelled.name().to_owned()),
        completed_at: Set(Some(now)),
        updated_at: Set(now),
        ..calculation::ActiveModel::default()
    };
    let transaction = db.begin().await?;
    let queued = Query::select()
        .expr(Expr::val(1))
        .from(calculation_run::Entity)
        .and_where(Expr::col(calculation_run::Column::CalculationId).eq(id.0))
        .take();
    let cancelled = calculation::Entity::update_many()
        .set(change)
        .filter(calculation::Column::Id.eq(id.0))
        .filter(calculation::Column::UserId.eq(user.0))
        .filter(calculation::Column::Status.eq(Status::Pending.name()))
        .filter(Expr::exists(queued))
        .exec(&transaction)
        .await
        .explain(db)?;
    if cancelled.rows_affected == 0 {
        return Ok(false);
    }
    calculation_run::Entity::update_many()
        .set(calculation_run::ActiveModel { completed_at: Set(Some(now)), ..calculation_run::ActiveModel::default() })
        .filter(calculation_run::Column::CalculationId.eq(id.0))
        .exec(&transaction)
        .await
        .explain(db)?;
    transaction.commit().await.explain(db)?;
    Ok(true)
}

/// Gives a run that ended before its start could be recorded its start and the state running.
async fn started_late(
    db: &Db,
    connection: &impl ConnectionTrait,
    run: RunId,
    completed_at: NaiveDateTime,
    usage: &Usage,
) -> Result<(), DbError> {
    let ran = TimeDelta::microseconds((seconds(usage.execution_time) * 1e6) as i64);
    let started = db.time(completed_at.checked_sub_signed(ran).unwrap_or(completed_at));
    let change = calculation::ActiveModel {
        status: Set(Status::Running.name().to_owned()),
        started_at: Set(Some(started)),
        updated_at: Set(db.now()),
        ..calculation::ActiveModel::default()
    };
    calculation::Entity::update_many()
        .set(change)
        .filter(is_of(run))
        .filter(calculation::Column::Status.eq(Status::Pending.name()))
        .exec(connection)
        .await
        .explain(db)?;
    calculation_run::Entity::update_many()
        .col_expr(
            calculation_run::Column::StartedAt,
            Func::coalesce([Expr::col(calculation_run::Column::StartedAt), Expr::val(started)]).into(),
        )
        .filter(calculation_run::Column::Id.eq(run.to_string()))
        .filter(calculation_run::Column::CompletedAt.is_null())
        .exec(connection)
        .await
        .explain(db)?;
    Ok(())
}

/// What the end changes in `calculations`.
fn ending(db: &Db, outcome: &Outcome, completed: Timestamp) -> calculation::ActiveModel {
    let usage = outcome.usage;
    calculation::ActiveModel {
        status: Set(outcome.status.name().to_owned()),
        completed_at: Set(Some(completed)),
        updated_at: Set(db.now()),
        result_data: Set(outcome.result_data.clone()),
        error_message: Set(outcome.error_message.as_deref().map(|text| validate::clipped(text, MAX_ERROR))),
        execution_time: Set(usage.map(|usage| seconds(usage.execution_time))),
        memory_used: Set(usage.map(|usage| mebibytes(usage.peak_memory))),
        cpu_time: Set(usage.map(|usage| seconds(usage.cpu_time))),
        ..calculation::ActiveModel::default()
    }
}

/// A measured duration as the columns take it: finite and not negative.
pub(super) fn seconds(value: f64) -> f64 {
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

/// Bytes as MiB, rounded up, within the column's 32 bits.
fn mebibytes(bytes: u64) -> i64 {
    i32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(i32::MAX).into()
}

/// The calculation of `run`.
fn is_of(run: RunId) -> Expr {
    let calculation: SelectStatement = Query::select()
        .column(calculation_run::Column::CalculationId)
        .from(calculation_run::Entity)
        .and_where(Expr::col(calculation_run::Column::Id).eq(run.to_string()))
        .take();
    Expr::col(calculation::Column::Id).in_subquery(calculation)
}
