//! Adoption on SQLite, which alters no column: each table is made anew beside the old one, filled, and put in its
//! place, all in one transaction.

use super::tables::{AdoptedTable, Statements, VIEWS, converted};
use crate::admin::{
    catalogue::{self, Catalogue},
    sql::{self, rows},
};
use migrations::Dialect;
use sea_orm::{ConnectionTrait, DbErr};

pub(super) async fn statements(
    connection: &impl ConnectionTrait,
    found: &Catalogue,
    pairs: &[AdoptedTable<'_>],
    steps: &[String],
) -> Result<Statements, DbErr> {
    let mut statements = Statements::default();
    let mut again = Vec::new();
    // Views and triggers hold names of tables that are away for a moment: they go first and come back last.
    for row in rows(connection, "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL").await? {
        let (kind, name, table, definition): (String, String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        let pair = pairs.iter().find(|pair| pair.name == table);
        match kind.as_str() {
            "view" | "trigger" => {
                statements.sql.push(format!("DROP {} {}", kind.to_uppercase(), sql::name(&name)));
                if !VIEWS.contains(&name.as_str()) {
                    again.push(definition);
                }
            }
            // An index goes with its table. Ours are made by the steps.
            "index" if pair.is_some_and(|pair| !pair.expected.indexes.contains_key(&name)) => again.push(definition),
            _ => {}
        }
    }
    for pair in pairs {
        let (table, new) = (pair.name, format!("mecapy_new_{}", pair.name));
        let make = format!("CREATE TABLE {table} (");
        let definition = steps.iter().find(|sql| sql.starts_with(&make));
        statements.sql.extend(definition.map(|sql| sql.replacen(table, &new, 1)));
        let mut columns: Vec<String> = pair.expected.columns.keys().map(|name| sql::name(name)).collect();
        let mut values: Vec<String> = pair
            .expected
            .columns
            .iter()
            .map(|(name, expected)| converted(Dialect::Sqlite, name, &found.tables[table].columns[name], expected))
            .collect();
        for (name, column) in pair.found.columns.iter().filter(|(name, _)| !pair.expected.columns.contains_key(*name)) {
            let name = sql::name(name);
            let default = column.default.as_ref().map(|default| format!(" DEFAULT ({default})")).unwrap_or_default();
            let required = if column.nullable { "" } else { " NOT NULL" };
            statements.sql.push(format!("ALTER TABLE {new} ADD COLUMN {name} {}{required}{default}", column.kind));
            columns.push(name.clone());
            values.push(name);
        }
        statements.sql.push(format!(
            "INSERT INTO {new} ({}) SELECT {} FROM {table} ORDER BY {}",
            columns.join(", "),
            values.join(", "),
            pair.expected.primary_key
        ));
        let gave_out_ids = pair.found.columns.values().any(|column| column.default.as_deref() == Some("AUTOINCREMENT"));
        if gave_out_ids {
            // An id that was given out and deleted is not given out again.
            statements.sql.push(format!("DELETE FROM sqlite_sequence WHERE name = '{new}'"));
            statements.sql.push(format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT '{new}', seq FROM sqlite_sequence WHERE name = '{table}'"
            ));
        }
    }
    for pair in pairs {
        statements.sql.push(format!("DROP TABLE {}", pair.name));
        statements.sql.push(format!("ALTER TABLE mecapy_new_{} RENAME TO {}", pair.name, pair.name));
    }
    let makes_index = |sql: &&String| sql.starts_with("CREATE INDEX") || sql.starts_with("CREATE UNIQUE INDEX");
    statements.sql.extend(steps.iter().filter(makes_index).cloned());
    // What later steps make under the same name takes the place of theirs.
    let later = catalogue::expected(Dialect::Sqlite);
    let is_ours = |definition: &str| {
        let words: Vec<&str> = definition.split_whitespace().map(|word| word.trim_matches('"')).collect();
        later.tables.values().any(|table| table.indexes.keys().any(|index| words.contains(&index.as_str())))
    };
    statements.sql.extend(again.into_iter().filter(|definition| !is_ours(definition)));
    Ok(statements)
}
