//! How a database is protected, as plain data that can be compared: policies, privileges, views, functions, groups.

use crate::admin::{
    catalogue::expected as expected_tables,
    compare::Difference,
    partition,
    sql::{self, rows},
};
use migrations::{Dialect, security};
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What protects the rows. By kind, then by name, in the server's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection(BTreeMap<String, BTreeMap<String, String>>);

/// Whether a table is protected at all.
const STATE: &str = "row security";
/// The kind of privileges: `table to role`.
const GRANT: &str = "grant";
const POLICY: &str = "policy";
/// What a new table of the owner's would be given away with.
const DEFAULTS: &str = "default privilege";
/// Between what is given and to whom, as `privileges.sql` says it.
const TO: &str = " to ";
/// A table without row security, as `row_security.sql` says it.
const OFF: &str = "off";

/// The protection that this mecapy puts on. The file is made by the tests from a fresh database, never by hand.
pub fn expected() -> Protection {
    let text = include_str!("../../../migrations/expected/security.json");
    serde_json::from_str(text).expect("the tests compare this file with what is put on")
}

impl Protection {
    /// The names of one kind.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.get(kind).into_iter().flatten().map(|(name, what)| (name.as_str(), what.as_str()))
    }

    fn put(&mut self, kind: &str, name: String, what: String) {
        self.0.entry(kind.to_owned()).or_default().insert(name, what);
    }

    /// What is there although row security was never put on.
    pub(super) fn remains(&self) -> Vec<Difference> {
        let remains = |kind| self.of(kind).filter(|(_, what)| *what != OFF).map(move |(name, what)| (kind, name, what));
        let difference = |(what, of, found): (&'static str, &str, &str)| Difference {
            what,
            of: of.to_owned(),
            expected: None,
            found: Some(found.to_owned()),
        };
        [STATE, POLICY].into_iter().flat_map(remains).map(difference).collect()
    }

    /// What differs, in the order of kinds and names.
    pub(super) fn compare(&self, found: &Self) -> Vec<Difference> {
        let mut all = Vec::new();
        for kind in KINDS {
            let mut names: Vec<&str> = self.of(kind).chain(found.of(kind)).map(|(name, _)| name).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let one = |side: &Self| side.0.get(kind).and_then(|of| of.get(name)).cloned();
                let (expected, found) = (one(self), one(found));
                if expected != found {
                    all.push(Difference { what: kind, of: name.to_owned(), expected, found });
                }
            }
        }
        all
    }

    /// The statements that take away what others gave, each with a sentence where it needs one: the row's owner is asked by policies, and
    /// a privilege on whole tables goes past the columns.
    pub(super) fn revoke_foreign(&self, schema: &str) -> Vec<(String, String)> {
        let expected = expected();
        let mut all = Vec::new();
        for (name, what) in self.of(GRANT).filter(|(name, _)| expected.of(GRANT).all(|(known, _)| known != *name)) {
            let Some((on, to)) = name.split_once(TO) else { continue };
            let role = if to == "PUBLIC" { to.to_owned() } else { sql::name(to) };
            let sql = match on.split_once(' ') {
                Some(("schema", _)) => format!("REVOKE CREATE ON SCHEMA {schema} FROM {role}"),
                Some(("sequence", it)) => format!("REVOKE ALL ON SEQUENCE {} FROM {role}", sql::name(it)),
                Some((_, it)) => format!("REVOKE ALL ON TABLE {} FROM {role}", sql::name(it)),
                None => continue,
            };
            all.push((sql, format!("takes from {to} what it may do with {on}: {what}")));
        }
        for (name, _) in self.of(POLICY).filter(|(name, _)| expected.of(POLICY).all(|(known, _)| known != *name)) {
            if let Some((table, policy)) = name.split_once('.') {
                let sql = format!("DROP POLICY {} ON {}", sql::name(policy), sql::name(table));
                all.push((sql, format!("drops the policy {policy} of {table}, which is not one of mecapy's")));
            }
        }
        for (name, what) in self.of(DEFAULTS) {
            let role = if name == "PUBLIC" { name.to_owned() } else { sql::name(name) };
            let sql = format!("ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {role}");
            all.push((sql, format!("new tables are no longer given to {name}: {what}")));
            let sql = format!("ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM {role}");
            all.push((sql, String::new()));
        }
        all
    }
}

/// What is looked at, in the order in which it is told.
const KINDS: [&str; 8] = [STATE, POLICY, GRANT, DEFAULTS, "function", "group", "guard", "view security"];

/// Reads how the database behind a connection is protected.
pub async fn read(connection: &impl ConnectionTrait) -> Result<Protection, DbErr> {
    let mut found = Protection::default();
    let tables = tables();
    let views =
        security::VIEWS.iter().chain([&security::NAMES]).map(|view| sql::text(view)).collect::<Vec<_>>().join(", ");
    let functions = security::functions().map(sql::text).collect::<Vec<_>>().join(", ");
    let groups = security::GROUPS.map(sql::text).join(", ");
    let guard = sql::text(security::GUARD);
    let schema = "current_schema()::text::regnamespace";
    // What keeps the links of partitions is nobody's business either.
    let with_views = format!("{tables}, {views}, {}", sql::text(partition::IDS));
    // Whom privileges protect nothing from are not told: the owner, superusers, and those who may go past row security.
    let is_limited = "a.grantee <> c.relowner AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles s \
                 WHERE s.oid = a.grantee AND (s.rolsuper OR s.rolbypassrls))";
    let grantee = "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END";
    for (kind, asked) in [
        (STATE, format!(include_str!("row_security.sql"), schema = schema, tables = tables)),
        (POLICY, format!(include_str!("policies.sql"), schema = schema, tables = tables)),
        (
            // Tables, views, their sequences, and partitions, on which nobody has anything.
            GRANT,
            format!(
                include_str!("privileges.sql"),
                grantee = grantee,
                is_limited = is_limited,
                schema = schema,
                tables = tables,
                with_views = with_views
            ),
        ),
        (
            DEFAULTS,
            format!(
                include_str!("default_privileges.sql"),
                grantee = grantee,
                is_limited = is_limited,
                schema = schema,
                tables = tables
            ),
        ),
        (
            // Its text, whose eyes it has, where it looks names up, who may call it.
            "function",
            format!(include_str!("functions.sql"), functions = functions, grantee = grantee, schema = schema),
        ),
        ("group", format!(include_str!("groups.sql"), groups = groups)),
        ("guard", format!(include_str!("guard_triggers.sql"), guard = guard, schema = schema)),
        ("view security", format!(include_str!("view_security.sql"), schema = schema, views = views)),
    ] {
        for row in rows(connection, &asked).await? {
            let what: String = row.try_get_by_index(1)?;
            let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
            found.put(kind, row.try_get_by_index(0)?, what);
        }
    }
    Ok(found)
}

/// The tables to look at: every one of the newest schema, whatever row security knows of it. One that a later step makes
/// and nobody covers is told by this.
fn tables() -> String {
    let mut names: Vec<String> = expected_tables(Dialect::Postgres).tables.into_keys().collect();
    names.extend([migrations::APPLIED_TABLE, security::PEOPLE].map(str::to_owned));
    names.iter().map(|name| sql::text(name)).collect::<Vec<_>>().join(", ")
}
