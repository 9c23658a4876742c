//! What a database holds: nothing, the present schema, an older or a newer one, or another program's tables.

use super::DbError;
use migrations::{APPLIED_TABLE, STEPS};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// What was found; what must not be opened is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No table at all.
    New,
    /// Every step is applied.
    Current,
    /// Steps are missing, the first of which is this.
    Older(&'static str),
}

/// Looks at a database without changing it.
pub(super) async fn look(connection: &impl ConnectionTrait, place: &str) -> Result<State, DbError> {
    let (tables, applied) = read(connection).await.map_err(|error| DbError::explain(place, error))?;
    if tables.is_empty() {
        return Ok(State::New);
    }
    let place = place.to_owned();
    let Some(applied) = applied else {
        if ["users", "user_files"].iter().all(|name| tables.iter().any(|table| table == name)) {
            return Err(DbError::Unadopted { place });
        }
        return Err(DbError::Foreign { place, tables: tables.into_iter().take(5).collect() });
    };
    let unknown: Vec<String> =
        applied.iter().filter(|name| !STEPS.iter().any(|step| step.name == name.as_str())).cloned().collect();
    if !unknown.is_empty() {
        return Err(DbError::Newer { place, unknown });
    }
    Ok(match STEPS.iter().find(|step| !applied.iter().any(|name| name == step.name)) {
        Some(step) => State::Older(step.name),
        None => State::Current,
    })
}

/// The tables, and the applied steps where the table of them is there.
async fn read(connection: &impl ConnectionTrait) -> Result<(Vec<String>, Option<Vec<String>>), DbErr> {
    let tables = texts(
        connection,
        match connection.get_database_backend() {
            // What belongs to an extension is no table of anybody.
            DbBackend::Postgres => {
                "SELECT c.relname::text FROM pg_catalog.pg_class c \
                 WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') \
                 ORDER BY 1"
            }
            _ => {
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') \
                 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            }
        },
    )
    .await?;
    if !tables.iter().any(|table| table == APPLIED_TABLE) {
        return Ok((tables, None));
    }
    let applied = texts(connection, &format!("SELECT version FROM {APPLIED_TABLE} ORDER BY version")).await?;
    Ok((tables, Some(applied)))
}

async fn texts(connection: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_all_raw(statement).await?.iter().map(|row| row.try_get_by_index(0)).collect()
}
