//! Calculations: made, edited while nothing runs, read, deleted. Their lists too.

mod detail;
mod list;
mod rows;
mod search;

pub use detail::detail;
pub use rows::row;
pub use search::{count, page};

use super::{
    Db, DbError, ExplainError,
    entity::{calculation, calculation_file, calculation_run, user_file},
    files, limits, validate,
};
use crate::domain::{
    FieldError,
    calculation::{Calculation, InputLink, NewCalculation},
    file::LinkedFile,
    id::{CalculationId, RunId, ToolId, ToolVersionId, UserId},
    status::Status,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, Select,
    sea_query::{Expr, Query, SelectStatement},
};

/// Makes a calculation, pending and not queued, with its links to input files.
pub async fn create(db: &Db, user: UserId, new: &NewCalculation) -> Result<CalculationId, DbError> {
    check(new)?;
    let now = db.now();
    let mut row = values(new)?;
    row.id = NotSet;
    row.user_id = Set(user.0);
    row.status = Set(Status::Pending.name().to_owned());
    row.created_at = Set(now);
    row.updated_at = Set(now);

    let transaction = db.begin().await?;
    check_inputs(db, &transaction, user, &new.inputs).await?;
    let id = CalculationId(calculation::Entity::insert(row).exec(&transaction).await.explain(db)?.last_insert_id);
    link_inputs(db, &transaction, id, &new.inputs).await?;
    transaction.commit().await.explain(db)?;
    Ok(id)
}

/// Rewrites a calculation that is pending and not queued: afterwards it is what `new` says, inputs included.
pub async fn update_draft(db: &Db, user: UserId, id: CalculationId, new: &NewCalculation) -> Result<(), DbError> {
    check(new)?;
    let mut row = values(new)?;
    row.updated_at = Set(db.now());

    let transaction = db.begin().await?;
    check_inputs(db, &transaction, user, &new.inputs).await?;
    let updated = calculation::Entity::update_many()
        .set(row)
        .filter(calculation::Column::Id.eq(id.0))
        .filter(calculation::Column::UserId.eq(user.0))
        .filter(calculation::Column::Status.eq(Status::Pending.name()))
        .filter(Expr::not_exists(run_of(id)))
        .exec(&transaction)
        .await
        .explain(db)?;
    if updated.rows_affected == 0 {
        transaction.rollback().await.explain(db)?;
        return match get(db, user, id).await? {
            None => Err(DbError::not_found("calculation", &id)),
            Some(calculation) => Err(DbError::Conflict(format!(
                "calculation {id} was started ({}) and can no longer be edited; make a new one from it",
                calculation.status
            ))),
        };
    }
    calculation_file::Entity::delete_many()
        .filter(calculation_file::Column::CalculationId.eq(id.0))
        .exec(&transaction)
        .await
        .explain(db)?;
    link_inputs(db, &transaction, id, &new.inputs).await?;
    transaction.commit().await.explain(db)
}

/// A calculation of `user` with all its texts.
pub async fn get(db: &Db, user: UserId, id: CalculationId) -> Result<Option<Calculation>, DbError> {
    let row = own(user, id).one(db.connection()).await.explain(db)?;
    row.map(|row| from_row(db, row)).transpose()
}

/// Selects a calculation where it is one of `user`.
pub(super) fn own(user: UserId, id: CalculationId) -> Select<calculation::Entity> {
    calculation::Entity::find_by_id(id.0).filter(calculation::Column::UserId.eq(user.0))
}

/// The files a calculation of `user` reads and those it wrote, in the order of their links.
pub async fn files(db: &Db, user: UserId, id: CalculationId) -> Result<Vec<LinkedFile>, DbError> {
    let mine = own(user, id)
        .select_only()
        .column(calculation::Column::Id)
        .into_tuple::<i64>()
        .one(db.connection())
        .await
        .explain(db)?;
    if mine.is_none() {
        return Err(DbError::not_found("calculation", &id));
    }
    files::linked(db, db.connection(), id).await
}

/// Deletes a calculation that is neither running nor queued, with its run's record, its links and what its run wrote.
///
/// `over` is a run that has ended although its row does not say so yet. Returns the files that no calculation uses any
/// more: the caller removes the objects of those that the run wrote; uploads stay their owner's. Calculations made from
/// this one stay and forget it.
pub async fn delete(db: &Db, user: UserId, id: CalculationId, over: Option<RunId>) -> Result<Vec<LinkedFile>, DbError> {
    let transaction = db.begin().await?;
    // Nobody links a file to it from here on: what is being stored at this moment is not overlooked.
    let held = own(user, id).lock_exclusive().one(&transaction).await.explain(db)?;
    if held.is_none() {
        return Err(DbError::not_found("calculation", &id));
    }
    let found = own(user, id).find_also_related(calculation_run::Entity).one(&transaction).await.explain(db)?;
    let Some((row, run)) = found else { return Err(DbError::not_found("calculation", &id)) };
    let status = status(db, &row.status)?;
    let over = over.is_some_and(|over| run.as_ref().is_some_and(|run| run.id == over.to_string()));
    if !over && !status.is_final() && (run.is_some() || status == Status::Running) {
        let state = if status == Status::Running { "running" } else { "queued" };
        return Err(DbError::Conflict(format!("calculation {id} is {state}; stop it before deleting it")));
    }
    let mut orphans = files::linked(db, &transaction, id).await?;
    let used_elsewhere: Vec<i64> = calculation_file::Entity::find()
        .filter(calculation_file::Column::FileId.is_in(orphans.iter().map(|linked| linked.file.id.0)))
        .filter(calculation_file::Column::CalculationId.ne(id.0))
        .select_only()
        .column(calculation_file::Column::FileId)
        .into_tuple()
        .all(&transaction)
        .await
        .explain(db)?;
    orphans.retain(|linked| !used_elsewhere.contains(&linked.file.id.0));
    calculation_file::Entity::delete_many()
        .filter(calculation_file::Column::CalculationId.eq(id.0))
        .exec(&transaction)
        .await
        .explain(db)?;
    let written = orphans.iter().filter(|linked| !linked.file_role.is_read()).map(|linked| linked.file.id.0);
    user_file::Entity::delete_many()
        .filter(user_file::Column::Id.is_in(written))
        .filter(user_file::Column::UserId.eq(user.0))
        .exec(&transaction)
        .await
        .explain(db)?;
    calculation_run::Entity::delete_many()
        .filter(calculation_run::Column::CalculationId.eq(id.0))
        .exec(&transaction)
        .await
        .explain(db)?;
    calculation::Entity::delete_by_id(id.0).exec(&transaction).await.explain(db)?;
    transaction.commit().await.explain(db)?;
    Ok(orphans)
}

/// The status that a row holds; the CHECK of the column leaves no other.
pub(super) fn status(db: &Db, text: &str) -> Result<Status, DbError> {
    text.parse()
        .map_err(|error: crate::domain::status::UnknownStatus| sea_orm::DbErr::Type(error.to_string()))
        .explain(db)
}

/// Selects the run of a calculation, where there is one.
fn run_of(id: CalculationId) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1))
        .from(calculation_run::Entity)
        .and_where(Expr::col(calculation_run::Column::CalculationId).eq(id.0))
        .take()
}

fn check(new: &NewCalculation) -> Result<(), FieldError> {
    new.check(&limits::MAXIMUM)?;
    for (n, input) in new.inputs.iter().enumerate() {
        if new.inputs[..n].iter().any(|earlier| earlier.file_id == input.file_id) {
            let problem = format!("file {} is given twice; a calculation takes a stored file once", input.file_id);
            return Err(FieldError::new("inputs", problem));
        }
        files::check_link(&input.file_role, input.alias.as_deref())?;
        if !input.file_role.is_read() {
            return Err(FieldError::new("file_role", format!("{} is no role of an input", input.file_role.name())));
        }
    }
    Ok(())
}

/// The columns that `new` decides.
fn values(new: &NewCalculation) -> Result<calculation::ActiveModel, FieldError> {
    let (timeout, memory_limit, cpu_limit) = limits::columns(&new.limits)?;
    Ok(calculation::ActiveModel {
        name: Set(new.name.clone()),
        description: Set(new.description.clone()),
        code: Set(validate::counted(&new.code)),
        parameters: Set(new.parameters.clone()),
        timeout: Set(Some(timeout)),
        memory_limit: Set(Some(memory_limit)),
        cpu_limit: Set(Some(cpu_limit)),
        tool_id: Set(new.tool_id.map(|id| id.0)),
        tool_version_id: Set(new.tool_version_id.map(|id| id.0)),
        parent_id: Set(new.parent_id.map(|id| id.0)),
        ..calculation::ActiveModel::default()
    })
}

/// Checks that every input file is there and the user's own or public.
async fn check_inputs(
    db: &Db,
    connection: &impl ConnectionTrait,
    user: UserId,
    inputs: &[InputLink],
) -> Result<(), DbError> {
    let known: Vec<i64> = user_file::Entity::find()
        .filter(user_file::Column::Id.is_in(inputs.iter().map(|input| input.file_id.0)))
        .filter(user_file::Column::UserId.eq(user.0).or(user_file::Column::IsPublic.eq(true)))
        .select_only()
        .column(user_file::Column::Id)
        .into_tuple()
        .all(connection)
        .await
        .explain(db)?;
    match inputs.iter().find(|input| !known.contains(&input.file_id.0)) {
        Some(input) => Err(DbError::not_found("file", &input.file_id)),
        None => Ok(()),
    }
}

async fn link_inputs(
    db: &Db,
    connection: &impl ConnectionTrait,
    id: CalculationId,
    inputs: &[InputLink],
) -> Result<(), DbError> {
    let links = inputs.iter().map(|input| (input.file_id, &input.file_role, input.alias.as_deref()));
    files::insert_links(db, connection, id, links).await
}

fn from_row(db: &Db, row: calculation::Model) -> Result<Calculation, DbError> {
    Ok(Calculation {
        id: CalculationId(row.id),
        user_id: UserId(row.user_id),
        name: row.name,
        description: row.description,
        status: status(db, &row.status)?,
        started_at: row.started_at.map(super::Timestamp::time),
        completed_at: row.completed_at.map(super::Timestamp::time),
        code: row.code,
        parameters: row.parameters,
        result_data: row.result_data,
        error_message: row.error_message,
        execution_time: row.execution_time,
        memory_used: row.memory_used,
        cpu_time: row.cpu_time,
        created_at: row.created_at.time(),
        updated_at: row.updated_at.time(),
        limits: row
            .timeout
            .zip(row.memory_limit)
            .zip(row.cpu_limit)
            .map(|((timeout, memory_limit), cpu_limit)| limits::read(timeout, memory_limit, cpu_limit)),
        tool_id: row.tool_id.map(ToolId),
        tool_version_id: row.tool_version_id.map(ToolVersionId),
        parent_id: row.parent_id.map(CalculationId),
    })
}

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod tests;
