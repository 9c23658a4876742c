//! The catalogue of the current schema of a PostgreSQL database, from its system tables.

use super::model::{Catalogue, Column, IDENTITY, INVALID, View, bare, is_bookkeeping, one_line, without_qualifiers};
use crate::admin::sql::rows;
use sea_orm::{ConnectionTrait, DbErr};

/// The relations of the current schema that no extension owns, as a condition on `pg_class c`.
const OURS: &str = "c.relnamespace = current_schema()::text::regnamespace \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') \
     AND NOT c.relispartition";

pub(super) async fn read(connection: &impl ConnectionTrait) -> Result<Catalogue, DbErr> {
    let mut catalogue = Catalogue::default();
    columns(connection, &mut catalogue).await?;
    constraints(connection, &mut catalogue).await?;
    indexes_and_triggers(connection, &mut catalogue).await?;
    Ok(catalogue)
}

async fn columns(connection: &impl ConnectionTrait, catalogue: &mut Catalogue) -> Result<(), DbErr> {
    let sql = format!(include_str!("columns.sql"), ours = OURS);
    for row in rows(connection, &sql).await? {
        let (relation, relkind, name): (String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let kind: String = row.try_get_by_index(3)?;
        if relkind == "v" {
            let query: String = row.try_get_by_index(7)?;
            let view = catalogue.views.entry(relation).or_default();
            view.columns.push(format!("{name} {kind}"));
            *view = View { query: without_qualifiers(&query), columns: std::mem::take(&mut view.columns) };
            continue;
        }
        if is_bookkeeping(&relation) {
            continue;
        }
        let (required, identity): (bool, String) = (row.try_get_by_index(4)?, row.try_get_by_index(5)?);
        let default = match identity.as_str() {
            "d" => Some(IDENTITY.to_owned()),
            "a" => Some("GENERATED ALWAYS AS IDENTITY".to_owned()),
            _ => row.try_get_by_index(6)?,
        };
        let column = Column { kind, nullable: !required, default };
        catalogue.tables.entry(relation).or_default().columns.insert(name, column);
    }
    Ok(())
}

async fn constraints(connection: &impl ConnectionTrait, catalogue: &mut Catalogue) -> Result<(), DbErr> {
    let sql = format!(include_str!("constraints.sql"), ours = OURS);
    for row in rows(connection, &sql).await? {
        let (table, kind, definition): (String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let columns: Option<String> = row.try_get_by_index(3)?;
        let Some(table) = catalogue.tables.get_mut(&table) else { continue };
        let columns = columns.unwrap_or_default();
        match kind.as_str() {
            "p" => table.primary_key = columns,
            "f" => drop(table.foreign_keys.insert(definition)),
            "u" => drop(table.unique.insert(columns)),
            _ => {
                let condition = definition.strip_prefix("CHECK ").unwrap_or(&definition);
                let condition =
                    condition.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(condition);
                table.checks.insert(bare(condition), condition.to_owned());
            }
        }
    }
    Ok(())
}

async fn indexes_and_triggers(connection: &impl ConnectionTrait, catalogue: &mut Catalogue) -> Result<(), DbErr> {
    let sql = format!(include_str!("indexes.sql"), ours = OURS);
    for row in rows(connection, &sql).await? {
        let (table, index, sql, valid): (String, String, String, bool) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        let Some(table) = catalogue.tables.get_mut(&table) else { continue };
        let unique = if sql.starts_with("CREATE UNIQUE") { "UNIQUE " } else { "" };
        let on = sql.split_once(" USING ").map_or(sql.as_str(), |(_, on)| on);
        table.indexes.insert(index, format!("{unique}{on}{}", if valid { "" } else { INVALID }));
    }
    let sql = format!(include_str!("triggers.sql"), ours = OURS);
    for row in rows(connection, &sql).await? {
        let (table, name, sql, schema): (String, String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?);
        if let Some(table) = catalogue.tables.get_mut(&table) {
            table.triggers.insert(name, one_line(&sql).replace(&format!("{schema}."), ""));
        }
    }
    Ok(())
}
