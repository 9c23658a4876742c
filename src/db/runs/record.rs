//! The record of a run: how its columns are read and written.

use super::seconds;
use crate::{
    db::{
        Db, DbError, ExplainError, Timestamp,
        calculations::status,
        entity::{calculation, calculation_run},
        limits,
        validate::{clipped, without_nul},
    },
    domain::{
        FieldError, check_text,
        id::{CalculationId, RunId, UserId},
        limits::Limits,
        run::{Outcome, Provenance, RunRecord},
        word::Word,
    },
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, sea_query::Expr,
};

/// The run of a calculation of `user`.
pub async fn get(db: &Db, user: UserId, id: CalculationId) -> Result<Option<RunRecord>, DbError> {
    let run = calculation_run::Entity::find()
        .filter(calculation_run::Column::CalculationId.eq(id.0))
        .filter(calculation_run::Column::UserId.eq(user.0));
    Ok(records(db, run).await?.pop())
}

/// The runs of `host` that have no end yet, oldest request first.
pub async fn unfinished_of_host(db: &Db, host: &str) -> Result<Vec<RunRecord>, DbError> {
    records(db, unfinished(host)).await
}

/// Selects them.
pub(in crate::db) fn unfinished(host: &str) -> Select<calculation_run::Entity> {
    calculation_run::Entity::find()
        .filter(calculation_run::Column::Host.eq(host))
        .filter(calculation_run::Column::CompletedAt.is_null())
        .order_by_asc(calculation_run::Column::SubmittedAt)
        .order_by_asc(calculation_run::Column::Id)
}

/// Reads the records with the states of their calculations, whose long texts stay where they are.
async fn records(db: &Db, runs: Select<calculation_run::Entity>) -> Result<Vec<RunRecord>, DbError> {
    let state = Expr::col((calculation::Entity, calculation::Column::Status));
    let runs = runs.inner_join(calculation::Entity).column_as(state, "state").into_query();
    let rows = db.connection().query_all(&runs).await.explain(db)?;
    rows.iter()
        .map(|row| {
            let run = calculation_run::Model::from_query_result(row, "").explain(db)?;
            from_row(db, run, &row.try_get::<String>("", "state").explain(db)?)
        })
        .collect()
}

/// The record of a row whose calculation has this status.
pub(in crate::db) fn from_row(db: &Db, row: calculation_run::Model, state: &str) -> Result<RunRecord, DbError> {
    let id = row.id.parse().map_err(|error: uuid::Error| sea_orm::DbErr::Type(format!("run {}: {error}", row.id)));
    Ok(RunRecord {
        id: id.explain(db)?,
        calculation_id: CalculationId(row.calculation_id),
        user_id: UserId(row.user_id),
        status: status(db, state)?,
        host: row.host,
        submitted_at: row.submitted_at.time(),
        started_at: row.started_at.map(Timestamp::time),
        completed_at: row.completed_at.map(Timestamp::time),
        engine: row.engine.map(Word::from),
        level: row.level,
        guarantee: row.guarantee,
        interpreter: row.interpreter,
        image_digest: row.image_digest,
        container_id: row.container_id,
        limits: limits::read(row.timeout, row.memory_limit, row.cpu_limit),
        exit_code: row.exit_code,
        signal: row.signal,
        error_kind: row.error_kind.map(Word::from),
        error_line: row.error_line.and_then(|line| u32::try_from(line).ok()),
        cpu_time: row.cpu_time,
        peak_memory: row.peak_memory.and_then(|bytes| u64::try_from(bytes).ok()),
        accounting: row.accounting.map(Word::from),
        notes: row.notes.and_then(|notes| serde_json::from_str(&notes).ok()).unwrap_or_default(),
        heartbeat_at: row.heartbeat_at.map(Timestamp::time),
        live: row.live,
        stop_requested_at: row.stop_requested_at.map(Timestamp::time),
    })
}

/// The row of a run that is asked for.
pub(super) fn asked_for(
    db: &Db,
    (user, calculation): (UserId, CalculationId),
    run: RunId,
    host: &str,
    limits: &Limits,
) -> Result<calculation_run::ActiveModel, FieldError> {
    check_text("host", host, 255)?;
    let (timeout, memory_limit, cpu_limit) = limits::columns(limits)?;
    Ok(calculation_run::ActiveModel {
        id: Set(run.to_string()),
        calculation_id: Set(calculation.0),
        user_id: Set(user.0),
        host: Set(host.to_owned()),
        submitted_at: Set(db.now()),
        timeout: Set(timeout),
        memory_limit: Set(memory_limit),
        cpu_limit: Set(cpu_limit),
        ..calculation_run::ActiveModel::default()
    })
}

/// What its start changes.
pub(super) fn started(
    db: &Db,
    provenance: &Provenance,
    started: Timestamp,
) -> Result<calculation_run::ActiveModel, FieldError> {
    let (timeout, memory_limit, cpu_limit) = limits::columns(&provenance.limits)?;
    Ok(calculation_run::ActiveModel {
        started_at: Set(Some(started)),
        heartbeat_at: Set(Some(db.now())),
        host: Set(clipped(&provenance.host, 255)),
        engine: Set(Some(Word::Known(provenance.engine).to_string())),
        level: Set(Some(clipped(&provenance.level, 100))),
        guarantee: Set(Some(without_nul(&provenance.guarantee))),
        interpreter: Set(Some(without_nul(&provenance.interpreter))),
        image_digest: Set(provenance.image_digest.as_deref().map(|digest| clipped(digest, 200))),
        container_id: Set(provenance.container.as_deref().map(|container| clipped(container, 100))),
        timeout: Set(timeout),
        memory_limit: Set(memory_limit),
        cpu_limit: Set(cpu_limit),
        ..calculation_run::ActiveModel::default()
    })
}

/// What its end changes.
pub(super) fn ended(outcome: &Outcome, completed: Timestamp) -> calculation_run::ActiveModel {
    let usage = outcome.usage;
    let notes = (!outcome.notes.is_empty()).then(|| serde_json::to_string(&outcome.notes).unwrap_or_default());
    calculation_run::ActiveModel {
        completed_at: Set(Some(completed)),
        exit_code: Set(outcome.exit_code),
        signal: Set(outcome.signal),
        error_kind: Set(outcome.error_kind.map(|kind| Word::Known(kind).to_string())),
        error_line: Set(outcome.error_line.and_then(|line| i32::try_from(line).ok())),
        cpu_time: Set(usage.map(|usage| seconds(usage.cpu_time))),
        peak_memory: Set(usage.map(|usage| i64::try_from(usage.peak_memory).unwrap_or(i64::MAX))),
        accounting: Set(usage.map(|usage| Word::Known(usage.accounting).to_string())),
        notes: Set(notes),
        ..calculation_run::ActiveModel::default()
    }
}
