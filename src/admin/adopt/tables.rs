//! A table to adopt as it is and as it shall be, and how the values of its columns are converted.

use crate::admin::{
    catalogue::{Column, Table},
    sql,
};
use migrations::Dialect;

/// Views that the description prints; ours take their place, since one of its figures is wrong.
pub(super) const VIEWS: [&str; 2] = ["recent_calculations", "user_stats"];

/// A table to adopt, as it is and as it shall be.
pub(super) struct AdoptedTable<'a> {
    pub(super) name: &'static str,
    pub(super) found: &'a Table,
    /// Without what later steps add.
    pub(super) expected: Table,
}

/// What an engine's part gives.
#[derive(Default)]
pub(super) struct Statements {
    pub(super) sql: Vec<String>,
    /// To be run when all steps are applied.
    pub(super) after: Vec<String>,
    /// What is in the way.
    pub(super) problem: Option<String>,
}

/// Whether a column has a type of the database's own, which for these tables is the enum of states.
pub(super) fn is_enum(dialect: Dialect, column: &Column) -> bool {
    dialect == Dialect::Postgres && !PLAIN.iter().any(|kind| column.kind.starts_with(kind))
}

const PLAIN: [&str; 14] = [
    "bigint",
    "integer",
    "smallint",
    "double",
    "real",
    "numeric",
    "boolean",
    "character",
    "text",
    "timestamp",
    "date",
    "json",
    "uuid",
    "bytea",
];

/// Whether every value of a type that keeps our constraints has its like in ours.
pub(super) fn converts(dialect: Dialect, found: &str, expected: &str, is_enum: bool) -> bool {
    let found = found.to_ascii_lowercase();
    let any = |kinds: &[&str]| kinds.iter().any(|kind| found.contains(kind));
    let expected = expected.to_ascii_lowercase();
    let word = expected.split(['(', ' ']).next().unwrap_or_default();
    match (dialect, word) {
        (Dialect::Postgres, "character") => found.starts_with("character") || found == "text" || is_enum,
        (Dialect::Postgres, "bigint" | "integer") => ["bigint", "integer", "smallint"].contains(&found.as_str()),
        (Dialect::Postgres, "double") => any(&["double", "real", "numeric"]),
        (Dialect::Postgres, "timestamp") => found.starts_with("timestamp"),
        (Dialect::Sqlite, "varchar") => any(&["char", "text", "enum", "clob"]),
        (Dialect::Sqlite, "integer") => any(&["int"]),
        (Dialect::Sqlite, "float") => any(&["float", "real", "doub", "num", "dec"]),
        (Dialect::Sqlite, "datetime") => any(&["date", "time", "text", "char"]),
        (Dialect::Sqlite, "boolean") => any(&["bool", "int"]),
        _ => found == expected,
    }
}

/// A found column as an expression with the value that it shall have; for SELECT and for `ALTER … USING`.
pub(super) fn converted(dialect: Dialect, name: &str, found: &Column, expected: &Column) -> String {
    let column = sql::name(name);
    match dialect {
        Dialect::Postgres if found.kind.contains("with time zone") => format!("{column} AT TIME ZONE 'UTC'"),
        Dialect::Postgres if name == "status" => format!("lower({column}::text)"),
        // Never a cast to the type with its length: that one cuts.
        Dialect::Postgres if expected.kind.starts_with("character") => format!("{column}::text"),
        Dialect::Sqlite if name == "status" => format!("lower({column})"),
        Dialect::Sqlite if expected.kind == "DATETIME" => sqlite_time(&column),
        _ => column,
    }
}

/// A time in any of the spellings that Python and SQLite have for it, as SQLAlchemy spells it: six fractional digits,
/// no zone. What cannot be read stays as it is, and breaks the rule.
fn sqlite_time(column: &str) -> String {
    let plain = format!(
        "replace(CASE WHEN {column} GLOB '*+00:00' THEN substr({column}, 1, length({column}) - 6) \
         WHEN {column} GLOB '*Z' THEN substr({column}, 1, length({column}) - 1) ELSE {column} END, 'T', ' ')"
    );
    format!(
        "CASE WHEN {column} GLOB '????-??-?? ??:??:??.??????' THEN {column} \
         ELSE {plain} || CASE length({plain}) WHEN 19 THEN '.000000' WHEN 21 THEN '00000' WHEN 22 THEN '0000' \
         WHEN 23 THEN '000' WHEN 24 THEN '00' WHEN 25 THEN '0' ELSE '' END END"
    )
}

/// Whether an expression has a column's name in it, as a whole word.
pub(super) fn mentions(expression: &str, column: &str) -> bool {
    expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == column)
}
