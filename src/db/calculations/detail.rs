//! A calculation with everything that belongs to it, in as few statements as that takes.

use super::{from_row, own};
use crate::db::{
    Db, DbError, ExplainError,
    entity::{calculation, calculation_run, tool},
    files, runs,
};
use crate::domain::{
    detail::CalculationDetail,
    id::{CalculationId, UserId},
};
use sea_orm::{
    ConnectionTrait, FromQueryResult, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait as _, Query},
};

/// A calculation of `user` with its run, its files and the name of its tool.
pub async fn detail(db: &Db, user: UserId, id: CalculationId) -> Result<Option<CalculationDetail>, DbError> {
    let tool = Query::select()
        .column(tool::Column::DisplayName)
        .from(tool::Entity)
        .and_where(
            Expr::col((tool::Entity, tool::Column::Id)).equals((calculation::Entity, calculation::Column::ToolId)),
        )
        .take();
    let found = own(user, id)
        .column_as(Expr::SubQuery(None, Box::new(tool.into())), "tool")
        .find_also_related(calculation_run::Entity)
        .into_query();
    let Some(row) = db.connection().query_one(&found).await.explain(db)? else { return Ok(None) };
    // The prefixes by which the columns of the two tables are told apart.
    let calculation = calculation::Model::from_query_result(&row, "A_").explain(db)?;
    let run = calculation_run::Model::from_query_result_optional(&row, "B_").explain(db)?;
    let run = run.map(|run| runs::from_row(db, run, &calculation.status)).transpose()?;
    let tool = row.try_get("A_", "tool").explain(db)?;
    db.wait_for_idle().await;
    let files = files::linked(db, db.connection(), id).await?;
    Ok(Some(CalculationDetail { calculation: from_row(db, calculation)?, run, files, tool }))
}
