//! What there is to know about an open database: for `doctor`.

use super::{Db, DbError, ExplainError};
use migrations::{APPLIED_TABLE, NAME_INDEX};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// Figures and settings of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The engine with its version: `SQLite 3.50.4`.
    pub engine: String,
    /// The journal mode of a SQLite file: `wal`, `delete`, `memory`.
    pub journal: Option<String>,
    /// Bytes in use.
    pub size: u64,
    /// The newest migration.
    pub schema: String,
    /// Whether names are searched through an index; a server may lack the extension for it.
    pub has_name_index: bool,
}

/// Asks the database.
pub async fn facts(db: &Db) -> Result<Facts, DbError> {
    let backend = db.connection().get_database_backend();
    let is_server = backend == DbBackend::Postgres;
    let sql = if is_server {
        format!(
            "SELECT current_setting('server_version') AS version, NULL::text AS journal, \
             pg_database_size(current_database()) AS size, (SELECT max(version) FROM {APPLIED_TABLE}) AS schema, \
             EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = to_regclass('{NAME_INDEX}') AND indisvalid) AS named"
        )
    } else {
        format!(
            "SELECT sqlite_version() AS version, \
         (SELECT journal_mode FROM pragma_journal_mode) AS journal, \
         (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS size, \
         (SELECT max(version) FROM {APPLIED_TABLE}) AS schema, TRUE AS named"
        )
    };
    let row = db.connection().query_one_raw(Statement::from_string(backend, sql)).await.explain(db)?;
    let row = row
        .ok_or_else(|| sea_orm::DbErr::RecordNotFound("a SELECT without FROM gives one row".to_owned()))
        .explain(db)?;
    let text = |column: &str| row.try_get::<String>("", column).explain(db);
    let size: i64 = row.try_get("", "size").explain(db)?;
    Ok(Facts {
        engine: format!("{} {}", if is_server { "PostgreSQL" } else { "SQLite" }, text("version")?),
        journal: row.try_get("", "journal").explain(db)?,
        size: u64::try_from(size).unwrap_or_default(),
        schema: text("schema")?,
        has_name_index: row.try_get("", "named").explain(db)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fresh_file_tells_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open_embedded(&folder.path().join("mecapy.db")).await.unwrap();
        let facts = facts(&db).await.unwrap();
        assert!(facts.engine.starts_with("SQLite 3."), "{facts:?}");
        assert_eq!(facts.journal.as_deref(), Some("wal"));
        let newest = migrations::STEPS.last().map(|step| step.name);
        assert!(facts.size > 4_096 && Some(facts.schema.as_str()) == newest, "{facts:?}");
    }
}
