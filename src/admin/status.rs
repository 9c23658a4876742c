//! Which steps were applied to a database, looked at without changing it.

use super::{
    catalogue::ALEMBIC_TABLE,
    sql::{column, rows, value},
};
use crate::db::DbError;
use migrations::{APPLIED_TABLE, Dialect, STEPS, Step};
use sea_orm::{ConnectionTrait, DbErr};

/// Which of the steps were applied, and what else the database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Every table and view, without those of extensions.
    pub tables: Vec<String>,
    /// The applied steps with the second since 1970 of each, in the order of their names.
    pub applied: Vec<(String, i64)>,
    /// The revision of Alembic's table, where there is one.
    pub alembic: Option<String>,
    /// Whether the table of applied steps is there.
    pub is_ours: bool,
}

impl MigrationStatus {
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

/// Reads the status of the database behind a connection.
pub(super) async fn read(connection: &impl ConnectionTrait) -> Result<MigrationStatus, DbErr> {
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
    let mut status = MigrationStatus { tables: column(connection, listed).await?, ..MigrationStatus::default() };
    let has = |table: &str| status.tables.iter().any(|name| name == table);
    status.is_ours = has(APPLIED_TABLE);
    if has(ALEMBIC_TABLE) {
        let revision = format!("SELECT version_num FROM {ALEMBIC_TABLE} ORDER BY 1 DESC");
        let revision = value(connection, &revision).await?;
        status.alembic = Some(revision.unwrap_or_else(|| "none".to_owned()));
    }
    if status.is_ours {
        let sql = format!("SELECT version, applied_at FROM {APPLIED_TABLE} ORDER BY version");
        for row in rows(connection, &sql).await? {
            status.applied.push((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
        }
    }
    Ok(status)
}
