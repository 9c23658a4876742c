//! What differs between the schema that mecapy expects and the database at hand.

use super::catalogue::{Catalogue, Column, Table, View};
use serde::Serialize;
use std::{collections::BTreeMap, collections::BTreeSet, fmt};

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `table`, `column`, `type`, `nullability`, `default`, `primary key`, `foreign key`, `check`, `unique`, `index`,
    /// `trigger`, `view`.
    pub what: &'static str,
    /// The table or view, and behind a dot the column where there is one.
    pub of: String,
    /// What mecapy expects; nothing where the thing is too much.
    pub expected: Option<String>,
    /// What is there; nothing where the thing is missing.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, of, .. } = self;
        let word = |text: &str| if text.is_empty() { String::new() } else { format!(": {text}") };
        match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => write!(f, "differs  {what} {of}: {found}, expected {expected}"),
            (Some(expected), None) => write!(f, "missing  {what} {of}{}", word(expected)),
            (None, Some(found)) => write!(f, "extra    {what} {of}{}", word(found)),
            (None, None) => write!(f, "differs  {what} {of}"),
        }
    }
}

/// Compares; nothing where both are the same.
pub fn compare(expected: &Catalogue, found: &Catalogue) -> Vec<Difference> {
    let mut all = Vec::new();
    both(&expected.tables, &found.tables, |name, pair| match pair {
        Pair::Both(expected, found) => tables(name, expected, found, &mut all),
        Pair::Expected(_) => all.push(difference("table", name, Some(""), None)),
        Pair::Found(_) => all.push(difference("table", name, None, Some(""))),
    });
    both(&expected.views, &found.views, |name, pair| match pair {
        Pair::Both(expected, found) => views(name, expected, found, &mut all),
        Pair::Expected(view) => all.push(difference("view", name, Some(&view.columns.join(", ")), None)),
        Pair::Found(_) => all.push(difference("view", name, None, Some(""))),
    });
    all
}

fn tables(name: &str, expected: &Table, found: &Table, all: &mut Vec<Difference>) {
    both(&expected.columns, &found.columns, |column, pair| {
        let of = format!("{name}.{column}");
        match pair {
            Pair::Both(expected, found) => columns(&of, expected, found, all),
            Pair::Expected(column) => all.push(difference("column", &of, Some(&words(column)), None)),
            Pair::Found(column) => all.push(difference("column", &of, None, Some(&words(column)))),
        }
    });
    if expected.primary_key != found.primary_key {
        all.push(difference("primary key", name, Some(&expected.primary_key), Some(&found.primary_key)));
    }
    for (what, expected, found) in
        [("foreign key", &expected.foreign_keys, &found.foreign_keys), ("unique", &expected.unique, &found.unique)]
    {
        sets(what, name, expected, found, all);
    }
    both(&expected.checks, &found.checks, |_, pair| match pair {
        Pair::Both(..) => {}
        Pair::Expected(check) => all.push(difference("check", name, Some(check), None)),
        Pair::Found(check) => all.push(difference("check", name, None, Some(check))),
    });
    for (what, expected, found) in
        [("index", &expected.indexes, &found.indexes), ("trigger", &expected.triggers, &found.triggers)]
    {
        both(expected, found, |item, pair| {
            let of = format!("{name}.{item}");
            match pair {
                Pair::Both(expected, found) if expected == found => {}
                Pair::Both(expected, found) => all.push(difference(what, &of, Some(expected), Some(found))),
                Pair::Expected(expected) => all.push(difference(what, &of, Some(expected), None)),
                Pair::Found(found) => all.push(difference(what, &of, None, Some(found))),
            }
        });
    }
}

fn columns(of: &str, expected: &Column, found: &Column, all: &mut Vec<Difference>) {
    if expected.kind != found.kind {
        all.push(difference("type", of, Some(&expected.kind), Some(&found.kind)));
    }
    if expected.nullable != found.nullable {
        let word = |column: &Column| if column.nullable { "NULL" } else { "NOT NULL" };
        all.push(difference("nullability", of, Some(word(expected)), Some(word(found))));
    }
    if expected.default != found.default {
        let (expected, found) = (expected.default.as_deref(), found.default.as_deref());
        all.push(difference("default", of, expected.or(Some("none")), found.or(Some("none"))));
    }
}

fn views(name: &str, expected: &View, found: &View, all: &mut Vec<Difference>) {
    if expected.columns != found.columns {
        all.push(difference("view", name, Some(&expected.columns.join(", ")), Some(&found.columns.join(", "))));
    } else if expected.query != found.query {
        all.push(difference("view", name, Some(&expected.query), Some(&found.query)));
    }
}

fn sets(
    what: &'static str,
    of: &str,
    expected: &BTreeSet<String>,
    found: &BTreeSet<String>,
    all: &mut Vec<Difference>,
) {
    all.extend(expected.difference(found).map(|missing| difference(what, of, Some(missing), None)));
    all.extend(found.difference(expected).map(|extra| difference(what, of, None, Some(extra))));
}

fn words(column: &Column) -> String {
    let nullable = if column.nullable { "NULL" } else { "NOT NULL" };
    let default = column.default.as_ref().map(|default| format!(" DEFAULT {default}")).unwrap_or_default();
    format!("{} {nullable}{default}", column.kind)
}

fn difference(what: &'static str, of: &str, expected: Option<&str>, found: Option<&str>) -> Difference {
    Difference { what, of: of.to_owned(), expected: expected.map(str::to_owned), found: found.map(str::to_owned) }
}

enum Pair<'a, T> {
    Both(&'a T, &'a T),
    Expected(&'a T),
    Found(&'a T),
}

/// Every name of either side, once, in order.
fn both<'a, T>(
    expected: &'a BTreeMap<String, T>,
    found: &'a BTreeMap<String, T>,
    mut each: impl FnMut(&str, Pair<'a, T>),
) {
    for name in expected.keys().chain(found.keys().filter(|name| !expected.contains_key(*name))) {
        match (expected.get(name), found.get(name)) {
            (Some(expected), Some(found)) => each(name, Pair::Both(expected, found)),
            (Some(expected), None) => each(name, Pair::Expected(expected)),
            (None, Some(found)) => each(name, Pair::Found(found)),
            (None, None) => {}
        }
    }
}
