//! The catalogue of a SQLite file, from its pragmas and the statements it keeps.

use super::model::{Catalogue, Column, Table, View, bare, is_bookkeeping, one_line, without_qualifiers};
use crate::admin::sql::{self, rows};
use sea_orm::{ConnectionTrait, DbErr};
use std::collections::BTreeMap;

pub(super) async fn read(connection: &impl ConnectionTrait) -> Result<Catalogue, DbErr> {
    let mut catalogue = Catalogue::default();
    // Shadow tables belong to their virtual table.
    let listed = rows(
        connection,
        "SELECT l.name, l.type, coalesce(m.sql, '') FROM pragma_table_list l \
         LEFT JOIN sqlite_master m ON m.name = l.name AND m.type IN ('table', 'view') \
         WHERE l.schema = 'main' AND l.type <> 'shadow' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .await?;
    for row in listed {
        let (name, kind, sql): (String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        if kind == "view" {
            let columns = columns(connection, &name).await?.into_iter().map(|(column, ..)| column).collect();
            let query = sql.split_once(" AS").map_or(sql.as_str(), |(_, query)| query);
            catalogue.views.insert(name, View { columns, query: without_qualifiers(query) });
        } else if !is_bookkeeping(&name) {
            let table = table(connection, &name, &sql).await?;
            catalogue.tables.insert(name, table);
        }
    }
    for row in rows(connection, "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'").await? {
        let (table, name, sql): (String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        if let Some(table) = catalogue.tables.get_mut(&table) {
            table.triggers.insert(name, one_line(&sql));
        }
    }
    Ok(catalogue)
}

/// Name, what it is, place in the primary key.
async fn columns(connection: &impl ConnectionTrait, table: &str) -> Result<Vec<(String, Column, i64)>, DbErr> {
    let sql = format!(
        "SELECT name, type, CAST(\"notnull\" AS INTEGER), dflt_value, CAST(pk AS INTEGER) \
         FROM pragma_table_info({})",
        sql::text(table)
    );
    let mut columns = Vec::new();
    for row in rows(connection, &sql).await? {
        let required: i64 = row.try_get_by_index(2)?;
        let column =
            Column { kind: row.try_get_by_index(1)?, nullable: required == 0, default: row.try_get_by_index(3)? };
        columns.push((row.try_get_by_index(0)?, column, row.try_get_by_index(4)?));
    }
    Ok(columns)
}

async fn table(connection: &impl ConnectionTrait, name: &str, sql: &str) -> Result<Table, DbErr> {
    let quoted = sql::text(name);
    let mut table = Table { checks: checks(sql), ..Table::default() };
    let mut key = Vec::new();
    let gives_out_ids = sql.to_ascii_uppercase().contains("AUTOINCREMENT");
    for (column, mut what, place) in columns(connection, name).await? {
        if place > 0 {
            key.push((place, column.clone()));
            if gives_out_ids {
                what.default = Some("AUTOINCREMENT".to_owned());
            }
        }
        table.columns.insert(column, what);
    }
    key.sort();
    table.primary_key = key.into_iter().map(|(_, column)| column).collect::<Vec<_>>().join(", ");

    let references = format!(
        "SELECT 'FOREIGN KEY (' || \"from\" || ') REFERENCES ' || \"table\" || '(' || coalesce(\"to\", 'id') || ')' \
         || iif(on_delete = 'NO ACTION', '', ' ON DELETE ' || on_delete) FROM pragma_foreign_key_list({quoted})"
    );
    for row in rows(connection, &references).await? {
        table.foreign_keys.insert(row.try_get_by_index(0)?);
    }
    let indexes = format!(
        "SELECT l.name, l.origin, CAST(l.\"unique\" AS INTEGER), m.sql, \
         (SELECT group_concat(x.name, ', ') FROM pragma_index_info(l.name) x) \
         FROM pragma_index_list({quoted}) l LEFT JOIN sqlite_master m ON m.type = 'index' AND m.name = l.name \
         WHERE l.origin <> 'pk'"
    );
    for row in rows(connection, &indexes).await? {
        let (index, origin, unique): (String, String, i64) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let (sql, columns): (Option<String>, Option<String>) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        match sql {
            Some(sql) if origin == "c" => {
                let on = one_line(sql.split_once('(').map_or("", |(_, on)| on));
                table.indexes.insert(index, format!("{}({on}", if unique == 1 { "UNIQUE " } else { "" }));
            }
            _ => drop(table.unique.insert(columns.unwrap_or_default())),
        }
    }
    Ok(table)
}

/// The conditions of every CHECK in a statement that makes a table.
fn checks(sql: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let upper = sql.to_ascii_uppercase();
    let mut from = 0;
    while let Some(at) = upper[from..].find("CHECK") {
        let start = from + at + "CHECK".len();
        from = start;
        let Some(open) = sql[start..].find('(').filter(|open| sql[start..start + open].trim().is_empty()) else {
            continue;
        };
        let body = &sql[start + open..];
        if let Some(end) = closing(body) {
            let condition = one_line(&body[1..end]);
            found.insert(bare(&condition), condition);
            from = start + open + end;
        }
    }
    found
}

/// Where the parenthesis that `text` begins with is closed; those within quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quoted) = (0_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_found_whole() {
        let sql = "CREATE TABLE t (a INTEGER CHECK (a IN (0, 1)), b TEXT CHECK(b <> ')'), CONSTRAINT c CHECK (a\n> b))";
        assert_eq!(checks(sql).into_values().collect::<Vec<_>>(), ["a > b", "a IN (0, 1)", "b <> ')'"]);
        assert!(checks("CREATE TABLE t (checked TEXT)").is_empty());
    }
}
