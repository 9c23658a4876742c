//! Rows that the constraints of our schema would refuse, looked for before anything is changed.

use super::tables::{AdoptedTable, converted, mentions};
use crate::{
    admin::{
        catalogue::{Catalogue, Column},
        error::{EXAMPLES, Violation},
        sql::{self, rows},
    },
    domain::text::SafeText,
};
use migrations::Dialect;
use sea_orm::{ConnectionTrait, DbErr};

/// A rule, and the condition of the rows that break it, over converted columns.
struct Rule {
    column: String,
    words: String,
    broken: String,
}

pub(super) async fn violations(
    connection: &impl ConnectionTrait,
    dialect: Dialect,
    found: &Catalogue,
    pairs: &[AdoptedTable<'_>],
) -> Result<Vec<Violation>, DbErr> {
    let mut all = Vec::new();
    for pair in pairs {
        let from = source(dialect, pair);
        for rule in rules(dialect, found, pair) {
            let count = format!("SELECT COUNT(*) FROM {from} WHERE {}", rule.broken);
            let count: i64 = match rows(connection, &count).await?.first() {
                Some(row) => row.try_get_by_index(0)?,
                None => 0,
            };
            if count > 0 {
                all.push(violation(connection, dialect, pair, rule, count.unsigned_abs()).await?);
            }
        }
    }
    Ok(all)
}

/// A table with converted columns, under the name `x`.
fn source(dialect: Dialect, pair: &AdoptedTable) -> String {
    let columns: Vec<String> = pair
        .expected
        .columns
        .iter()
        .map(|(name, expected)| {
            let value = converted(dialect, name, &pair.found.columns[name], expected);
            format!("{value} AS {}", sql::name(name))
        })
        .collect();
    format!("(SELECT {} FROM {}) x", columns.join(", "), pair.name)
}

async fn violation(
    connection: &impl ConnectionTrait,
    dialect: Dialect,
    pair: &AdoptedTable<'_>,
    rule: Rule,
    count: u64,
) -> Result<Violation, DbErr> {
    let key: Vec<String> = pair.expected.primary_key.split(", ").map(|key| format!("CAST({key} AS TEXT)")).collect();
    let value = rule.column.split(", ").next().unwrap_or_default();
    let listed = format!(
        "SELECT {}, coalesce(substr(CAST({value} AS TEXT), 1, 60), 'NULL') FROM {} WHERE {} ORDER BY {} LIMIT {EXAMPLES}",
        key.join(" || '/' || "),
        source(dialect, pair),
        rule.broken,
        pair.expected.primary_key,
    );
    let mut examples = Vec::new();
    for row in rows(connection, &listed).await? {
        let (key, value): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        examples.push(format!("{key} has {}", SafeText::label(&value).as_str()));
    }
    let find = format!("SELECT * FROM {} WHERE {}", source(dialect, pair), rule.broken);
    Ok(Violation { table: pair.name.to_owned(), column: rule.column, rule: rule.words, rows: count, examples, find })
}

fn rules(dialect: Dialect, found: &Catalogue, pair: &AdoptedTable) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (name, expected) in &pair.expected.columns {
        of_column(dialect, name, &pair.found.columns[name], expected, &mut rules);
    }
    for (_, check) in pair.expected.checks.iter().filter(|(bare, _)| !pair.found.checks.contains_key(*bare)) {
        let columns: Vec<&str> =
            pair.expected.columns.keys().map(String::as_str).filter(|column| mentions(check, column)).collect();
        rules.push(Rule {
            column: columns.join(", "),
            words: format!("breaks {check}"),
            broken: format!("NOT ({check})"),
        });
    }
    for key in &pair.expected.foreign_keys {
        let Some((column, table, to)) = reference(key) else { continue };
        // SQLite enforces references only where it is told to.
        if found.tables.contains_key(table) && (dialect == Dialect::Sqlite || !pair.found.foreign_keys.contains(key)) {
            rules.push(Rule {
                column: column.to_owned(),
                words: format!("refers to a row of {table} that is not there"),
                broken: format!(
                    "x.{column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {table} r WHERE r.{to} = x.{column})"
                ),
            });
        }
    }
    for index in pair.expected.indexes.values().filter(|index| index.starts_with("UNIQUE")) {
        let Some(columns) = index.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(c, _)| c) else {
            continue;
        };
        if !is_unique(pair, columns) {
            rules.push(Rule {
                column: columns.to_owned(),
                words: "is there more than once".to_owned(),
                broken: format!(
                    "({columns}) IN (SELECT {columns} FROM {} GROUP BY {columns} HAVING COUNT(*) > 1)",
                    pair.name
                ),
            });
        }
    }
    rules
}

fn of_column(dialect: Dialect, name: &str, found: &Column, expected: &Column, rules: &mut Vec<Rule>) {
    let quoted = sql::name(name);
    let mut rule = |words: String, broken: String| rules.push(Rule { column: name.to_owned(), words, broken });
    if found.nullable && !expected.nullable {
        rule("is NULL".to_owned(), format!("{quoted} IS NULL"));
    }
    match dialect {
        Dialect::Postgres if found.kind != expected.kind => {
            if let Some(limit) = length(&expected.kind) {
                rule(format!("is longer than {limit} characters"), format!("length({quoted}) > {limit}"));
            } else if (found.kind.as_str(), expected.kind.as_str()) == ("bigint", "integer") {
                rule("is past the largest value, 2147483647".to_owned(), format!("{quoted} > 2147483647"));
            }
        }
        Dialect::Postgres => {}
        // SQLite keeps any value in any column.
        Dialect::Sqlite => {
            let wrong = match expected.kind.as_str() {
                "INTEGER" | "BOOLEAN" => "'text', 'blob', 'real'",
                "FLOAT" => "'text', 'blob'",
                _ => "'blob', 'integer', 'real'",
            };
            rule(format!("is not of the type {}", expected.kind), format!("typeof({quoted}) IN ({wrong})"));
        }
    }
}

/// The length in `character varying(255)`.
fn length(kind: &str) -> Option<u32> {
    kind.split_once('(')?.1.strip_suffix(')')?.parse().ok()
}

/// Column, table and its column in `FOREIGN KEY (user_id) REFERENCES users(id)`.
fn reference(key: &str) -> Option<(&str, &str, &str)> {
    let (column, rest) = key.strip_prefix("FOREIGN KEY (")?.split_once(") REFERENCES ")?;
    let (table, rest) = rest.split_once('(')?;
    Some((column, table, rest.split_once(')')?.0))
}

/// Whether the found table keeps these columns unique already.
fn is_unique(pair: &AdoptedTable, columns: &str) -> bool {
    let index = format!("({columns})");
    pair.found.unique.contains(columns)
        || pair.found.indexes.values().any(|found| found.starts_with("UNIQUE") && found.ends_with(&index))
}
