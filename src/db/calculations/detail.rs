//! A calculation with everything that belongs to it, in as few statements as that takes.

use super::from_row;
use crate::db::{
    Db, DbError, Explain,
    entity::{calculation, calculation_run},
    files,
    runs::{self, RunRecord},
};
use crate::domain::{
    calculation::Calculation,
    file::LinkedFile,
    id::{CalculationId, UserId},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// A calculation, its run and its files.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// The row, with all its texts.
    pub calculation: Calculation,
    /// Its run, where one was asked for.
    pub run: Option<RunRecord>,
    /// The files that it reads and those that its run wrote, in the order of their links.
    pub files: Vec<LinkedFile>,
}

/// A calculation of `user` with its run and its files.
pub async fn detail(db: &Db, user: UserId, id: CalculationId) -> Result<Option<Detail>, DbError> {
    let found = calculation::Entity::find_by_id(id.0)
        .filter(calculation::Column::UserId.eq(user.0))
        .find_also_related(calculation_run::Entity)
        .one(db.connection())
        .await
        .of(db)?;
    let Some((row, run)) = found else { return Ok(None) };
    let run = run.map(|run| runs::from_row(db, run, &row.status)).transpose()?;
    db.settled().await;
    let files = files::linked(db, db.connection(), id).await?;
    Ok(Some(Detail { calculation: from_row(db, row)?, run, files }))
}
