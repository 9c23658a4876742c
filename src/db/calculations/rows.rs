//! A row as the lists show it: which columns, and how they are taken.

use super::status;
use crate::db::{
    Db, DbError, ExplainError, Timestamp,
    entity::{calculation, calculation_run},
};
use crate::domain::{
    calculation::CalculationRow,
    id::{CalculationId, UserId},
    word::Word,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait, JoinType, QueryResult,
    sea_query::{Expr, Query, SelectStatement},
};

/// One row as the lists show it.
pub async fn row(db: &Db, user: UserId, id: CalculationId) -> Result<Option<CalculationRow>, DbError> {
    let mut select = Query::select().from_as(calculation::Entity, "c").take();
    let select = with_run(columns(&mut select))
        .and_where(Expr::col(("c", calculation::Column::UserId)).eq(user.0))
        .and_where(Expr::col(("c", calculation::Column::Id)).eq(id.0))
        .take();
    let found = db.connection().query_one(&select).await.explain(db)?;
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
        // With the cast that the entity says.
        select.expr_as(column.select_as(Expr::col(("c", column))), column);
    }
    select
}

/// The columns of the run that [`CalculationRow`] shows.
const RUN_COLUMNS: [calculation_run::Column; 1] = [calculation_run::Column::ErrorKind];

/// Joins the run of `c`, where there is one, and selects what is shown of it.
pub(super) fn with_run(select: &mut SelectStatement) -> &mut SelectStatement {
    let of_it = Expr::col(("r", calculation_run::Column::CalculationId)).equals(("c", calculation::Column::Id));
    select
        .expr_as(Expr::col(("r", calculation_run::Column::Id)).is_not_null(), "queued")
        .columns(RUN_COLUMNS.map(|column| ("r", column)))
        .join_as(JoinType::LeftJoin, calculation_run::Entity, "r", of_it)
}

/// Selects from `c` what [`with_run`] joined to it.
pub(super) fn run_columns(select: &mut SelectStatement) -> &mut SelectStatement {
    select.column(("c", "queued")).columns(RUN_COLUMNS.map(|column| ("c", column)))
}

/// Takes one from a row that [`columns`] and [`with_run`] selected.
pub(super) fn taken(db: &Db, result: &QueryResult) -> Result<CalculationRow, DbError> {
    let time = |column| result.try_get::<Option<Timestamp>>("", column).explain(db).map(|at| at.map(Timestamp::time));
    Ok(CalculationRow {
        id: CalculationId(result.try_get("", "id").explain(db)?),
        name: result.try_get("", "name").explain(db)?,
        status: status(db, &result.try_get::<String>("", "status").explain(db)?)?,
        queued: result.try_get("", "queued").explain(db)?,
        created_at: result.try_get::<Timestamp>("", "created_at").explain(db)?.time(),
        started_at: time("started_at")?,
        completed_at: time("completed_at")?,
        execution_time: result.try_get("", "execution_time").explain(db)?,
        memory_used: result.try_get("", "memory_used").explain(db)?,
        error_kind: result.try_get::<Option<String>>("", "error_kind").explain(db)?.map(Word::from),
    })
}
