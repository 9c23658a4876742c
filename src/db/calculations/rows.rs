//! A row as the lists show it: which columns, and how they are taken.

use super::status;
use crate::db::{
    Db, DbError, Explain, Timestamp,
    entity::{calculation, calculation_run},
};
use crate::domain::{
    calculation::CalculationRow,
    id::{CalculationId, UserId},
};
use sea_orm::{
    ConnectionTrait, ExprTrait, JoinType, QueryResult,
    sea_query::{Expr, Query, SelectStatement},
};

/// One row as the lists show it.
pub async fn row(db: &Db, user: UserId, id: CalculationId) -> Result<Option<CalculationRow>, DbError> {
    let mut select = Query::select().from_as(calculation::Entity, "c").take();
    let select = with_run(columns(&mut select))
        .and_where(Expr::col(("c", calculation::Column::UserId)).eq(user.0))
        .and_where(Expr::col(("c", calculation::Column::Id)).eq(id.0))
        .take();
    let found = db.connection().query_one(&select).await.of(db)?;
    found.map(|result| taken(db, &result)).transpose()
}

/// The columns of the table that [`CalculationRow`] shows beside its id: no long text is read.
pub(super) const COLUMNS: [calculation::Column; 7] = [
    calculation::Column::Name,
    calculation::Column::Status,
    calculation::Column::CreatedAt,
    calculation::Column::StartedAt,
    calculation::Column::CompletedAt,
    calculation::Column::ExecutionTime,
    calculation::Column::MemoryUsed,
];

/// Selects them and the id from `c`.
pub(super) fn columns(select: &mut SelectStatement) -> &mut SelectStatement {
    // Under an alias of its own: the order of a compound statement knows nothing else.
    select.expr_as(Expr::col(("c", calculation::Column::Id)), "id");
    for column in COLUMNS {
        match column {
            calculation::Column::MemoryUsed => {
                select.expr_as(Expr::col(("c", column)).cast_as("bigint"), "memory_used");
            }
            column => {
                select.column(("c", column));
            }
        }
    }
    select
}

/// Joins the run of `c`, where there is one, and selects what is shown of it.
pub(super) fn with_run(select: &mut SelectStatement) -> &mut SelectStatement {
    let of_it = Expr::col(("r", calculation_run::Column::CalculationId)).equals(("c", calculation::Column::Id));
    select
        .expr_as(Expr::col(("r", calculation_run::Column::Id)).is_not_null(), "queued")
        .column(("r", calculation_run::Column::ErrorKind))
        .join_as(JoinType::LeftJoin, calculation_run::Entity, "r", of_it)
}

/// Takes one from a row that [`columns`] and [`with_run`] selected.
pub(super) fn taken(db: &Db, result: &QueryResult) -> Result<CalculationRow, DbError> {
    let time = |column| result.try_get::<Option<Timestamp>>("", column).of(db).map(|at| at.map(Timestamp::time));
    Ok(CalculationRow {
        id: CalculationId(result.try_get("", "id").of(db)?),
        name: result.try_get("", "name").of(db)?,
        status: status(db, &result.try_get::<String>("", "status").of(db)?)?,
        queued: result.try_get("", "queued").of(db)?,
        created_at: result.try_get::<Timestamp>("", "created_at").of(db)?.time(),
        started_at: time("started_at")?,
        completed_at: time("completed_at")?,
        execution_time: result.try_get("", "execution_time").of(db)?,
        memory_used: result.try_get("", "memory_used").of(db)?,
        error_kind: result.try_get("", "error_kind").of(db)?,
    })
}
