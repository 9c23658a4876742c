//! A SQLite database as SQL, and its objects in the order in which they can be made.

use crate::admin::sql::{self, column, rows};
use futures_util::TryStreamExt as _;
use sea_orm::{
    ConnectionTrait, DbErr, RuntimeErr,
    sqlx::{self, AssertSqlSafe, Row as _, SqliteConnection},
};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// What a database is made of.
pub(super) struct Objects {
    /// Tables with rows of their own: name, definition, columns.
    pub(super) tables: Vec<(String, String, Vec<String>)>,
    /// Indexes over the rows of others (full-text search), made again from those: name, definition.
    pub(super) searches: Vec<(String, String)>,
    /// Indexes, then triggers and views.
    pub(super) rest: Vec<String>,
    /// Virtual tables that keep rows in their own way.
    pub(super) others: Vec<String>,
    /// Whether ids that were given out are remembered.
    pub(super) has_sequence: bool,
}

/// Reads the objects of the schema `of` (`main`, or an attached one).
pub(super) async fn objects(connection: &impl ConnectionTrait, of: &str) -> Result<Objects, DbErr> {
    let mut found =
        Objects { tables: Vec::new(), searches: Vec::new(), rest: Vec::new(), others: Vec::new(), has_sequence: false };
    let sql = format!(
        "SELECT m.type, m.name, coalesce(m.sql, ''), coalesce(l.type, '') FROM {of}.sqlite_master m \
         LEFT JOIN pragma_table_list l ON l.schema = '{of}' AND l.name = m.name AND m.type IN ('table', 'view') \
         ORDER BY CASE m.type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, m.rowid"
    );
    for row in rows(connection, &sql).await? {
        let (kind, name, definition, listed): (String, String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        match (kind.as_str(), listed.as_str()) {
            ("table", "virtual") if definition.replace(' ', "").contains("content='") => {
                found.searches.push((name, definition));
            }
            ("table", "virtual") => found.others.push(name),
            ("table", "shadow") => {}
            ("table", _) if name == "sqlite_sequence" => found.has_sequence = true,
            ("table", _) if name.starts_with("sqlite_") => {}
            ("table", _) => {
                let columns = format!("SELECT name FROM pragma_table_info({}, '{of}')", sql::text(&name));
                found.tables.push((name, definition, column(connection, &columns).await?));
            }
            // The index behind a constraint comes with its table.
            _ if definition.is_empty() => {}
            _ => found.rest.push(definition),
        }
    }
    Ok(found)
}

/// Writes everything that one snapshot holds.
pub(super) async fn write(
    snapshot: &mut SqliteConnection,
    objects: &Objects,
    out: &mut impl Write,
) -> Result<(), io::Error> {
    writeln!(out, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;")?;
    for (name, definition, columns) in &objects.tables {
        writeln!(out, "{definition};")?;
        table(snapshot, name, columns, out).await?;
    }
    if objects.has_sequence {
        writeln!(out, "DELETE FROM sqlite_sequence;")?;
        table(snapshot, "sqlite_sequence", &["name".to_owned(), "seq".to_owned()], out).await?;
    }
    for (name, definition) in &objects.searches {
        let name = sql::name(name);
        writeln!(out, "{definition};\nINSERT INTO {name} ({name}) VALUES ('rebuild');")?;
    }
    for definition in &objects.rest {
        writeln!(out, "{definition};")?;
    }
    writeln!(out, "COMMIT;")
}

async fn table(
    snapshot: &mut SqliteConnection,
    name: &str,
    columns: &[String],
    out: &mut impl Write,
) -> Result<(), io::Error> {
    let values: Vec<String> = columns
        .iter()
        .map(|column| {
            let column = sql::name(column);
            // What `quote` spells ends at a NUL.
            format!(
                "CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) \
                 THEN 'CAST(X''' || hex({column}) || ''' AS TEXT)' ELSE quote({column}) END"
            )
        })
        .collect();
    let name = sql::name(name);
    let query = format!("SELECT {} FROM {name}", values.join(" || ',' || "));
    let mut rows = sqlx::query(AssertSqlSafe(query)).fetch(snapshot);
    while let Some(row) = rows.try_next().await.map_err(io::Error::other)? {
        let values: String = row.try_get(0).map_err(io::Error::other)?;
        writeln!(out, "INSERT INTO {name} VALUES({values});")?;
    }
    Ok(())
}

/// An error of the driver below as one of the library above it.
pub(super) fn driver_error(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}
