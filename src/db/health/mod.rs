//! The health of the database, as far as the role that asks may see: nothing here needs a superuser.
//!
//! Every figure is asked for by itself, so that one that is refused leaves a gap and not a failure.

mod file;
mod server;

use super::{Db, DbError, ExplainError};
use crate::domain::{
    id::UserId,
    statistics::{Figures, Gap, Health, Known, RecentCalculation, UserStats},
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, TryGetable};
use std::time::Instant;

/// The newest calculations that are shown.
pub const RECENT: u32 = 10;

/// What the two views show: the person's own figures, and the newest calculations that the database lets be seen.
pub async fn figures(db: &Db, user: UserId) -> Result<Figures, DbError> {
    let own = rows(db, &format!("SELECT * FROM user_stats WHERE id = {user}")).await.and_then(|rows| {
        rows.first()
            .map(|row| {
                Ok(UserStats {
                    id: get(row, "id")?,
                    username: get(row, "username")?,
                    total_files: get(row, "total_files")?,
                    total_storage_bytes: get(row, "total_storage_bytes")?,
                    total_calculations: get(row, "total_calculations")?,
                    completed_calculations: get(row, "completed_calculations")?,
                })
            })
            .transpose()
    });
    let sql = format!("SELECT * FROM recent_calculations ORDER BY created_at DESC LIMIT {RECENT}");
    let recent = rows(db, &sql).await.and_then(|rows| {
        rows.iter()
            .map(|row| {
                Ok(RecentCalculation {
                    id: get(row, "id")?,
                    name: get(row, "name")?,
                    status: get(row, "status")?,
                    created_at: get(row, "created_at")?,
                    execution_time: get(row, "execution_time")?,
                    username: get(row, "username")?,
                    display_name: get(row, "display_name")?,
                })
            })
            .collect()
    });
    Ok(Figures { own: own.explain(db)?, recent: recent.explain(db)? })
}

/// Everything that can be known of the database. With `check` the embedded file is read whole.
pub async fn health(db: &Db, check: bool) -> Result<Health, DbError> {
    // The first statement may have to make a connection; the second one is the way there and back alone.
    rows(db, "SELECT 1").await.explain(db)?;
    let asked = Instant::now();
    rows(db, "SELECT 1").await.explain(db)?;
    let response_ms = asked.elapsed().as_secs_f64() * 1_000.0;
    match db.connection().get_database_backend() {
        DbBackend::Postgres => Ok(server::health(db, response_ms).await),
        _ => file::health(db, response_ms, check).await.explain(db),
    }
}

async fn rows(db: &Db, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    db.connection().query_all_raw(Statement::from_string(db.connection().get_database_backend(), sql)).await
}

fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Result<T, DbErr> {
    row.try_get("", column)
}

/// The figure, or the database's own words on why there is none.
fn known<T>(db: &Db, figure: Result<T, DbErr>) -> Known<T> {
    match figure {
        Ok(value) => Known::Is(value),
        Err(error) => {
            let error = DbError::explain(db.place(), error);
            tracing::warn!(%error, "a figure of the database");
            Known::Missing(Gap::new(error.to_string()))
        }
    }
}
