//! The record of each run, and the only moves of a calculation's status.
//!
//! Every move is one conditional UPDATE on the status it expects, so that of two programs that want the same run
//! exactly one gets it, and what is finished stays finished.

pub mod live;
mod record;

pub(super) use record::from_row;
#[cfg(test)]
pub(super) use record::unfinished;
pub use record::{RunRecord, get, unfinished_of_host};

use super::{
    Db, DbError, Explain, Timestamp,
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
    validate::text("host", host, 255)?;
    let row = calculation_run::ActiveModel {
        id: Set(run.to_string()),
        calculation_id: Set(id.0),
        user_id: Set(user.0),
        host: Set(host.to_owned()),
        submitted_at: Set(db.now()),
        timeout: Set(validate::small("timeout", limits.timeout)?),
        memory_limit: Set(validate::small("memory_limit", limits.memory_limit)?),
        cpu_limit: Set(limits.cpu_limit),
        ..calculation_run::ActiveModel::default()
    };
    let transaction = db.begin().await?;
    let found = own(user, id).find_also_related(calculation_run::Entity).one(&transaction).await.of(db)?;
    let Some((calculation, known)) = found else { return Err(DbError::not_found("calculation", &id)) };
    let status = status(db, &calculation.status)?;
    if status != Status::Pending {
        return Err(DbError::Conflict(format!("calculation {id} is {status} already; run it again as a new one")));
    }
    if known.is_some() {
        return Err(DbError::Conflict(format!("calculation {id} is queued already")));
    }
    calculation_run::Entity::insert(row).exec_without_returning(&transaction).await.of(db)?;
    transaction.commit().await.of(db)
}

/// Takes a queued run: pending becomes running, once. `false` where somebody else has it or it was cancelled.
pub async fn claim(db: &Db, run: RunId, provenance: &Provenance, started_at: NaiveDateTime) -> Result<bool, DbError> {
    let started = db.time(started_at);
    let limits = &provenance.limits;
    let record = calculation_run::ActiveModel {
        started_at: Set(Some(started)),
        heartbeat_at: Set(Some(db.now())),
        host: Set(validate::clipped(&provenance.host, 255)),
        engine: Set(Some(validate::clipped(&provenance.engine, 20))),
        level: Set(Some(validate::clipped(&provenance.level, 100))),
        guarantee: Set(Some(provenance.guarantee.replace('\0', "\u{fffd}"))),
        interpreter: Set(Some(provenance.interpreter.replace('\0', "\u{fffd}"))),
        image_digest: Set(provenance.image_digest.as_deref().map(|digest| validate::clipped(digest, 200))),
        container_id: Set(provenance.container.as_deref().map(|container| validate::clipped(container, 100))),
        timeout: Set(validate::small("timeout", limits.timeout)?),
        memory_limit: Set(validate::small("memory_limit", limits.memory_limit)?),
        cpu_limit: Set(limits.cpu_limit),
        ..calculation_run::ActiveModel::default()
    };
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
        .of(db)?;
    if claimed.rows_affected == 0 {
        return Ok(false);
    }
    calculation_run::Entity::update_many()
        .set(record)
        .filter(calculation_run::Column::Id.eq(run.to_string()))
        .exec(&transaction)
        .await
        .of(db)?;
    transaction.commit().await.of(db)?;
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
    let usage = outcome.usage;

    let transaction = db.begin().await?;
    if let Some(usage) = usage {
        started_late(db, &transaction, run, completed_at, &usage).await?;
    }
    let finished = calculation::Entity::update_many()
        .set(ending(db, outcome, completed))
        .filter(is_of(run))
        .filter(calculation::Column::Status.is_in([Status::Pending.name(), Status::Running.name()]))
        .exec(&transaction)
        .await
        .of(db)?;
    let notes =
        if outcome.notes.is_empty() { None } else { Some(serde_json::to_string(&outcome.notes).unwrap_or_default()) };
    let record = calculation_run::ActiveModel {
        completed_at: Set(Some(completed)),
        exit_code: Set(outcome.exit_code),
        signal: Set(outcome.signal),
        error_kind: Set(outcome.error_kind.map(|kind| kind.name().to_owned())),
        error_line: Set(outcome.error_line.and_then(|line| i32::try_from(line).ok())),
        cpu_time: Set(usage.map(|usage| seconds(usage.cpu_time))),
        peak_memory: Set(usage.map(|usage| i64::try_from(usage.peak_memory).unwrap_or(i64::MAX))),
        accounting: Set(usage.map(|usage| word(&usage.accounting))),
        notes: Set(notes),
        ..calculation_run::ActiveModel::default()
    };
    // Told again, or after another program had changed the status: what is known of the run is kept all the same.
    let recorded = calculation_run::Entity::update_many()
        .set(record)
        .filter(calculation_run::Column::Id.eq(run.to_string()))
        .filter(calculation_run::Column::CompletedAt.is_null())
        .exec(&transaction)
        .await
        .of(db)?;
    if finished.rows_affected == 0 && recorded.rows_affected == 0 {
        let known = calculation_run::Entity::find_by_id(run.to_string()).one(&transaction).await.of(db)?;
        return known.map(|_| Finish::AlreadyFinal).ok_or_else(|| DbError::not_found("run", &run));
    }
    transaction.commit().await.of(db)?;
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
        .of(db)?;
    if cancelled.rows_affected == 0 {
        return Ok(false);
    }
    calculation_run::Entity::update_many()
        .set(calculation_run::ActiveModel { completed_at: Set(Some(now)), ..calculation_run::ActiveModel::default() })
        .filter(calculation_run::Column::CalculationId.eq(id.0))
        .exec(&transaction)
        .await
        .of(db)?;
    transaction.commit().await.of(db)?;
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
        .of(db)?;
    calculation_run::Entity::update_many()
        .col_expr(
            calculation_run::Column::StartedAt,
            Func::coalesce([Expr::col(calculation_run::Column::StartedAt), Expr::val(started)]).into(),
        )
        .filter(calculation_run::Column::Id.eq(run.to_string()))
        .filter(calculation_run::Column::CompletedAt.is_null())
        .exec(connection)
        .await
        .of(db)?;
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

/// The stored word of a unit variant, as serde spells it.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
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
