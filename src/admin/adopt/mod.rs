//! Databases that the platform's Python programs made: recognised, their rows looked at, and brought to the shape that
//! the first steps make, with everything that they hold.
//!
//! The tables are told by their names and columns. What differs in a way that keeps every value (whole numbers of 32
//! bits, times with a zone, the states as a native enum in capitals) is converted; a column that is missing, or too
//! much and required, makes it another program's table. Rows that our constraints would refuse are listed, and then
//! nothing is done.

mod postgres;
mod rows;
mod sqlite;
mod tables;

use super::{
    catalogue::{self, Catalogue, Table},
    error::AdminError,
    plan::{Piece, Plan, applied},
    status::MigrationStatus,
};
use crate::db::DbError;
use migrations::{Dialect, STEPS, Step};
use sea_orm::ConnectionTrait;
use tables::{AdoptedTable, converts, is_enum, mentions};

/// The steps whose tables may be there already, and those tables.
const GROUPS: [(&str, &[&str]); 4] = [
    ("001_initial_tables", &["users", "user_files"]),
    ("002_add_calculations", &["calculations", "calculation_files"]),
    ("003_add_tools", &["tools"]),
    ("006_add_tool_versions", &["tool_versions"]),
];
/// A tool whose present version is not among its versions gets it.
const VERSIONS: &str = "INSERT INTO tool_versions (tool_id, version, code_template, docker_image, memory_limit, \
     cpu_limit, timeout, created_at, created_by) \
     SELECT id, version, code_template, docker_image, memory_limit, cpu_limit, timeout, updated_at, author_id \
     FROM tools t WHERE NOT EXISTS (SELECT 1 FROM tool_versions v WHERE v.tool_id = t.id AND v.version = t.version)";

/// The piece that adopts, and the steps that it stands for.
pub(super) async fn plan(
    connection: &impl ConnectionTrait,
    dialect: Dialect,
    place: &str,
    status: &MigrationStatus,
    found: &Catalogue,
) -> Result<(Plan, Vec<&'static str>), AdminError> {
    let unfit = |problem: String| AdminError::Unfit { place: place.to_owned(), problem };
    let steps = recognised(found).map_err(|problem| match problem {
        Some(problem) => unfit(problem),
        None => {
            DbError::Foreign { place: place.to_owned(), tables: status.tables.iter().take(5).cloned().collect() }.into()
        }
    })?;
    let names: Vec<&'static str> = steps.iter().map(|(step, _)| step.name).collect();
    let whole = catalogue::expected(dialect);
    let mut pairs = Vec::new();
    for table in steps.iter().flat_map(|(_, tables)| tables.iter()) {
        let expected = as_first_made(table, &whole.tables[*table]);
        let pair = AdoptedTable { name: table, found: &found.tables[*table], expected };
        compatible(dialect, &pair).map_err(&unfit)?;
        pairs.push(pair);
    }
    let violations =
        rows::violations(connection, dialect, found, &pairs).await.map_err(|error| DbError::explain(place, error))?;
    if !violations.is_empty() {
        return Err(AdminError::Rows { place: place.to_owned(), violations });
    }
    let sql: Vec<String> = steps.iter().flat_map(|(step, _)| (step.up)(dialect)).collect();
    let explain = |error| AdminError::from(DbError::explain(place, error));
    let mut statements = match dialect {
        Dialect::Sqlite => sqlite::statements(connection, found, &pairs, &sql).await.map_err(explain)?,
        Dialect::Postgres => postgres::statements(connection, found, &pairs, &sql).await.map_err(explain)?,
    };
    if let Some(problem) = statements.problem {
        return Err(unfit(problem));
    }
    if names.contains(&"006_add_tool_versions") {
        statements.sql.push(VERSIONS.to_owned());
    }
    statements.sql.extend(names.iter().map(|name| applied(dialect, name)));
    let mut notes = vec![origin(status)];
    notes.extend(changes(dialect, &pairs));
    let adopt = Piece { name: "adopt".to_owned(), statements: statements.sql, concurrent: false };
    let plan = Plan { pieces: vec![adopt], notes, rebuilds: dialect == Dialect::Sqlite, afterwards: statements.after };
    Ok((plan, names))
}

/// The steps whose tables are all there; `None` as the error where it is no database of ours at all.
fn recognised(found: &Catalogue) -> Result<Vec<(Step, &'static [&'static str])>, Option<String>> {
    let has = |table: &&str| found.tables.contains_key(*table);
    let mut steps = Vec::new();
    for (name, tables) in GROUPS {
        if tables.iter().all(has) {
            let step = STEPS.into_iter().find(|step| step.name == name);
            steps.extend(step.map(|step| (step, tables)));
        } else if name == GROUPS[0].0 {
            return Err(None);
        } else if let Some(table) = tables.iter().find(|table| has(table)) {
            return Err(Some(format!("there is a table {table}, but not all of {}", tables.join(", "))));
        }
    }
    let adopted = |table: &str| steps.iter().any(|(_, tables)| tables.contains(&table));
    // Tables that only mecapy makes, without the record of having made them.
    for table in ["calculation_runs", "calculation_names"] {
        if has(&table) && !adopted(table) {
            let table_of_steps = migrations::APPLIED_TABLE;
            return Err(Some(format!("there is a table {table}, but no {table_of_steps}: restore a whole copy")));
        }
    }
    if let (true, false) = (adopted("tool_versions"), adopted("tools")) {
        return Err(Some("there is a table tool_versions, but none of tools".to_owned()));
    }
    Ok(steps)
}

/// A table as the step that makes it leaves it: without the columns that later steps add, and what mentions those.
fn as_first_made(name: &str, whole: &Table) -> Table {
    let added = added_later(name);
    let mut table = whole.clone();
    let mentions_added = |text: &String| added.iter().any(|column| mentions(text, column));
    table.columns.retain(|column, _| !added.contains(column));
    table.checks.retain(|_, check| !mentions_added(check));
    table.foreign_keys.retain(|key| !mentions_added(key));
    table
}

/// The columns that steps add to a table which an earlier step made; alike on both engines.
fn added_later(table: &str) -> Vec<String> {
    let prefix = format!("ALTER TABLE {table} ADD COLUMN ");
    let sql = STEPS.iter().flat_map(|step| (step.up)(Dialect::Postgres));
    sql.filter_map(|sql| sql.strip_prefix(&prefix)?.split_whitespace().next().map(str::to_owned)).collect()
}

/// Whether the columns of a table can become ours; the reason where not.
fn compatible(dialect: Dialect, pair: &AdoptedTable) -> Result<(), String> {
    let table = pair.name;
    let missing: Vec<&str> = pair
        .expected
        .columns
        .keys()
        .filter(|name| !pair.found.columns.contains_key(*name))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        return Err(format!("the table {table} has other columns: it lacks {}", missing.join(", ")));
    }
    let added = added_later(table);
    for (name, column) in &pair.found.columns {
        if let Some(expected) = pair.expected.columns.get(name) {
            if !converts(dialect, &column.kind, &expected.kind, is_enum(dialect, column)) {
                let (found, expected) = (&column.kind, &expected.kind);
                return Err(format!("{table}.{name} is {found}, which does not become {expected} by itself"));
            }
        } else if added.contains(name) {
            return Err(format!("{table}.{name} stands where mecapy adds a column of that name; rename it"));
        } else if !column.nullable && column.default.is_none() {
            return Err(format!(
                "{table}.{name} is required and has no default, so no other program can add rows; give it a default"
            ));
        }
    }
    if pair.found.primary_key != pair.expected.primary_key {
        let (found, expected) = (&pair.found.primary_key, &pair.expected.primary_key);
        return Err(format!("the primary key of {table} is ({found}), expected ({expected})"));
    }
    Ok(())
}

fn origin(status: &MigrationStatus) -> String {
    let alembic = status
        .alembic
        .as_ref()
        .map(|revision| format!(" (Alembic's revision is {revision}; its table is left alone)"))
        .unwrap_or_default();
    format!("the database was made by the platform's other programs{alembic}; all its rows are kept")
}

/// The conversions, a sentence each.
fn changes(dialect: Dialect, pairs: &[AdoptedTable]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut other_models = false;
    for pair in pairs {
        for (name, expected) in &pair.expected.columns {
            let found = &pair.found.columns[name];
            if found.kind != expected.kind {
                other_models |= is_enum(dialect, found) || found.kind.contains("with time zone");
                notes.push(format!("{}.{name}: {} becomes {}", pair.name, found.kind, expected.kind));
            }
        }
        for name in pair.found.columns.keys().filter(|name| !pair.expected.columns.contains_key(*name)) {
            notes.push(format!("{}.{name}: not of this schema, kept as it is", pair.name));
        }
    }
    if other_models {
        notes.push(
            "Python programs whose models declare the native enum or times with a zone need the models of \
             docs/models.py from then on"
                .to_owned(),
        );
    }
    notes
}
