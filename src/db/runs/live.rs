//! What a run does right now, in its record: told by its supervisor, read by screens on other hosts.

use super::seconds;
use crate::{
    db::{Db, DbError, ExplainError, Timestamp, entity::calculation_run},
    domain::{
        id::{CalculationId, RunId, UserId},
        run::Usage,
    },
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

/// Whether a run is still wanted, as its record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nobody spoke against it.
    Yes,
    /// Somebody asked to stop it, or ended it in the database while it waited.
    No,
    /// And again: without a grace.
    NotAnyMore,
}

/// Writes down what a run does: `live` is the supervisor's own text. Nothing where the run has an end.
pub async fn tell(db: &Db, run: RunId, live: &str, usage: Option<Usage>) -> Result<(), DbError> {
    let mut record = calculation_run::ActiveModel {
        heartbeat_at: Set(Some(db.now())),
        live: Set(Some(live.replace('\0', "\u{fffd}"))),
        ..calculation_run::ActiveModel::default()
    };
    if let Some(usage) = usage {
        record.cpu_time = Set(Some(seconds(usage.cpu_time)));
        record.peak_memory = Set(Some(i64::try_from(usage.peak_memory).unwrap_or(i64::MAX)));
    }
    calculation_run::Entity::update_many()
        .set(record)
        .filter(calculation_run::Column::Id.eq(run.to_string()))
        .filter(calculation_run::Column::CompletedAt.is_null())
        .exec(db.connection())
        .await
        .explain(db)?;
    Ok(())
}

/// Looks whether a run is still wanted: by its key, and nothing else of it.
pub async fn wanted(db: &Db, run: RunId) -> Result<Wanted, DbError> {
    type Times = (Timestamp, Option<Timestamp>, Option<Timestamp>);
    let times: Option<Times> = calculation_run::Entity::find_by_id(run.to_string())
        .select_only()
        .columns([
            calculation_run::Column::SubmittedAt,
            calculation_run::Column::StopRequestedAt,
            calculation_run::Column::CompletedAt,
        ])
        .into_tuple()
        .one(db.connection())
        .await
        .explain(db)?;
    Ok(match times {
        Some((submitted, Some(asked), _)) if asked.time() <= submitted.time() => Wanted::NotAnyMore,
        Some((_, Some(_), _) | (_, _, Some(_))) => Wanted::No,
        _ => Wanted::Yes,
    })
}

/// Asks whoever has the run of a calculation of `user` to stop it; `false` where it is over.
///
/// `now` is the second stage: the time of asking becomes that of the submission, so that no grace is left of it.
pub async fn request_stop(db: &Db, user: UserId, id: CalculationId, now: bool) -> Result<bool, DbError> {
    let asked = if now { Expr::col(calculation_run::Column::SubmittedAt) } else { Expr::value(db.now()) };
    let asked = calculation_run::Entity::update_many()
        .col_expr(calculation_run::Column::StopRequestedAt, asked)
        .filter(calculation_run::Column::CalculationId.eq(id.0))
        .filter(calculation_run::Column::UserId.eq(user.0))
        .filter(calculation_run::Column::CompletedAt.is_null())
        .exec(db.connection())
        .await
        .explain(db)?;
    Ok(asked.rows_affected == 1)
}
