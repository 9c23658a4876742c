//! Which steps were applied to a database, looked at without changing it.

use super::catalogue::{ALEMBIC_TABLE, rows};
use crate::db::DbError;
use migrations::{APPLIED_TABLE, Dialect, STEPS, Step};
use sea_orm::{ConnectionTrait, DbErr};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Every table and view, without those of extensions.
    pub tables: Vec<String>,
    /// The applied steps with the second since 1970 of each, in the order of their names.
    pub applied: Vec<(String, i64)>,
    /// The revision of Alembic's table, where there is one.
    pub alembic: Option<String>,
    /// Whether the table of applied steps is there.
    pub is_ours: bool,
}

impl Standing {
    /// The steps that were not applied, oldest first.
    pub fn missing(&self) -> Vec<Step> {
        STEPS.into_iter().filter(|step| !self.is_applied(step.name)).collect()
    }

    /// The newest applied step.
    pub fn current(&self) -> Option<&str> {
        self.applied.last().map(|(name, _)| name.as_str())
    }

    /// Whether a step was applied.
    pub fn is_applied(&self, name: &str) -> bool {
        self.applied.iter().any(|(applied, _)| applied == name)
    }

    /// Applied steps that this build does not know.
    pub fn unknown(&self) -> Vec<String> {
        let known = |name: &str| STEPS.iter().any(|step| step.name == name);
        self.applied.iter().map(|(name, _)| name).filter(|name| !known(name)).cloned().collect()
    }

    /// Refuses the database of a newer mecapy.
    pub fn not_newer(&self, place: &str) -> Result<(), DbError> {
        let unknown = self.unknown();
        if unknown.is_empty() { Ok(()) } else { Err(DbError::Newer { place: place.to_owned(), unknown }) }
    }
}

/// Looks.
pub(super) async fn look(connection: &impl ConnectionTrait) -> Result<Standing, DbErr> {
    let listed = match Dialect::of(connection.get_database_backend())? {
        Dialect::Sqlite => {
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow' \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        }
        Dialect::Postgres => {
            "SELECT c.relname::text FROM pg_catalog.pg_class c \
             WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND NOT c.relispartition \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1"
        }
    };
    let mut standing = Standing::default();
    for row in rows(connection, listed).await? {
        standing.tables.push(row.try_get_by_index(0)?);
    }
    let has = |table: &str| standing.tables.iter().any(|name| name == table);
    standing.is_ours = has(APPLIED_TABLE);
    if has(ALEMBIC_TABLE) {
        let revision = rows(connection, &format!("SELECT version_num FROM {ALEMBIC_TABLE} ORDER BY 1 DESC")).await?;
        let revision = revision.first().map(|row| row.try_get_by_index(0)).transpose()?;
        standing.alembic = Some(revision.unwrap_or_else(|| "none".to_owned()));
    }
    if standing.is_ours {
        let sql = format!("SELECT version, applied_at FROM {APPLIED_TABLE} ORDER BY version");
        for row in rows(connection, &sql).await? {
            standing.applied.push((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
        }
    }
    Ok(standing)
}
