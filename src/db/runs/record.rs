//! The record of a run as it is read.

use crate::{
    db::{
        Db, DbError, Explain, Timestamp,
        calculations::status,
        entity::{calculation, calculation_run},
    },
    domain::{
        id::{CalculationId, RunId, UserId},
        limits::Limits,
        status::Status,
    },
};
use chrono::NaiveDateTime;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select, sea_query::Expr,
};

/// A row of `calculation_runs` with the status of its calculation.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRecord {
    /// Names the spool folder.
    pub id: RunId,
    /// What is run.
    pub calculation_id: CalculationId,
    /// Who asked.
    pub user_id: UserId,
    /// Where the calculation stands.
    pub status: Status,
    /// The machine whose supervisor has it.
    pub host: String,
    /// UTC.
    pub submitted_at: NaiveDateTime,
    /// UTC.
    pub started_at: Option<NaiveDateTime>,
    /// UTC.
    pub completed_at: Option<NaiveDateTime>,
    /// `builtin` or `docker`.
    pub engine: Option<String>,
    /// The isolation level, or the container engine's version.
    pub level: Option<String>,
    /// What that guarantees, in words.
    pub guarantee: Option<String>,
    /// Path and version of the interpreter, or the image's digest.
    pub interpreter: Option<String>,
    /// The image by content, where one was used.
    pub image_digest: Option<String>,
    /// The container's name, where there was one.
    pub container_id: Option<String>,
    /// The limits as asked for, and once started as run.
    pub limits: Limits,
    /// The exit code, where the process exited.
    pub exit_code: Option<i32>,
    /// The signal, where one ended it.
    pub signal: Option<i32>,
    /// The kind of failure.
    pub error_kind: Option<String>,
    /// The line of the code to go to, from 1.
    pub error_line: Option<u32>,
    /// CPU seconds.
    pub cpu_time: Option<f64>,
    /// Bytes.
    pub peak_memory: Option<i64>,
    /// Whose figures these are.
    pub accounting: Option<String>,
    /// Anything worth a sentence.
    pub notes: Vec<String>,
    /// UTC; when its supervisor last told that it lives.
    pub heartbeat_at: Option<NaiveDateTime>,
    /// What it does right now, as its supervisor wrote it.
    pub live: Option<String>,
    /// UTC; when somebody on another host asked to stop it.
    pub stop_requested_at: Option<NaiveDateTime>,
}

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
    let rows = db.connection().query_all(&runs).await.of(db)?;
    rows.iter()
        .map(|row| {
            let run = calculation_run::Model::from_query_result(row, "").of(db)?;
            from_row(db, run, &row.try_get::<String>("", "state").of(db)?)
        })
        .collect()
}

/// The record of a row whose calculation has this status.
pub(in crate::db) fn from_row(db: &Db, row: calculation_run::Model, state: &str) -> Result<RunRecord, DbError> {
    let id = row.id.parse().map_err(|error: uuid::Error| sea_orm::DbErr::Type(format!("run {}: {error}", row.id)));
    Ok(RunRecord {
        id: id.of(db)?,
        calculation_id: CalculationId(row.calculation_id),
        user_id: UserId(row.user_id),
        status: status(db, state)?,
        host: row.host,
        submitted_at: row.submitted_at.time(),
        started_at: row.started_at.map(Timestamp::time),
        completed_at: row.completed_at.map(Timestamp::time),
        engine: row.engine,
        level: row.level,
        guarantee: row.guarantee,
        interpreter: row.interpreter,
        image_digest: row.image_digest,
        container_id: row.container_id,
        limits: Limits {
            timeout: row.timeout.unsigned_abs(),
            memory_limit: row.memory_limit.unsigned_abs(),
            cpu_limit: row.cpu_limit,
        },
        exit_code: row.exit_code,
        signal: row.signal,
        error_kind: row.error_kind,
        error_line: row.error_line.and_then(|line| u32::try_from(line).ok()),
        cpu_time: row.cpu_time,
        peak_memory: row.peak_memory,
        accounting: row.accounting,
        notes: row.notes.and_then(|notes| serde_json::from_str(&notes).ok()).unwrap_or_default(),
        heartbeat_at: row.heartbeat_at.map(Timestamp::time),
        live: row.live,
        stop_requested_at: row.stop_requested_at.map(Timestamp::time),
    })
}
