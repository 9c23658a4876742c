//! How a database is protected, as plain data that can be compared: policies, privileges, views, functions, groups.

use super::super::{
    Difference,
    catalogue::{expected as expected_tables, rows},
    partition, sql,
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
/// Between what is given and to whom.
const TO: &str = " to ";
const ON: &str = "on";
const OFF: &str = "off";

/// The protection that this mecapy puts on. The file is made by the tests from a fresh database, never by hand.
pub fn expected() -> Protection {
    let text = include_str!("../../../../migrations/expected/security.json");
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
    pub(super) fn strangers(&self, schema: &str) -> Vec<(String, String)> {
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
                all.push((sql, format!("drops the policy {policy} of {table}, which is none of mecapy's")));
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
    let ours = ours();
    let views = security::VIEWS.iter().chain([&security::NAMES]).map(|view| sql::text(view)).collect::<Vec<_>>();
    let functions = security::functions().map(sql::text).collect::<Vec<_>>().join(", ");
    let groups = security::GROUPS.map(sql::text).join(", ");
    let here = "current_schema()::text::regnamespace";
    // What keeps the links of partitions is nobody's business either.
    let with_views = format!("{ours}, {}, {}", views.join(", "), sql::text(partition::IDS));
    // Whom privileges protect nothing from are not told: the owner, superusers, and those who may go past row security.
    let known = "a.grantee <> c.relowner AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles s \
                 WHERE s.oid = a.grantee AND (s.rolsuper OR s.rolbypassrls))";
    let to = "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END";
    for (kind, asked) in [
        (
            STATE,
            format!(
                "SELECT c.relname::text, CASE WHEN c.relrowsecurity THEN '{ON}' ELSE '{OFF}' END || \
                 CASE WHEN c.relforcerowsecurity THEN ', forced' ELSE '' END \
                 FROM pg_catalog.pg_class c WHERE c.relnamespace = {here} AND c.relkind IN ('r', 'p') \
                 AND c.relname IN ({ours})"
            ),
        ),
        (
            POLICY,
            format!(
                "SELECT c.relname || '.' || p.polname, CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' \
                 WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END || \
                 CASE WHEN p.polpermissive THEN '' ELSE ' restrictive' END || ' to ' || \
                 (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(o)::text END, ', ') \
                  FROM unnest(p.polroles) o) || \
                 coalesce(' using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') || \
                 coalesce(' check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '') \
                 FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid \
                 WHERE c.relnamespace = {here} AND c.relname IN ({ours})"
            ),
        ),
        (
            // Tables, views, their sequences, and partitions, on which nobody has anything.
            GRANT,
            format!(
                "SELECT k.kind || ' ' || c.relname || '{TO}' || {to}, string_agg(DISTINCT a.what, ', ' ORDER BY a.what) \
                 FROM pg_catalog.pg_class c \
                 CROSS JOIN LATERAL (SELECT x.grantee, x.privilege_type AS what FROM pg_catalog.aclexplode(c.relacl) x \
                   UNION ALL SELECT x.grantee, x.privilege_type || ' (' || string_agg(t.attname, ', ' ORDER BY t.attname) || ')' \
                   FROM pg_catalog.pg_attribute t, pg_catalog.aclexplode(t.attacl) x WHERE t.attrelid = c.oid \
                   GROUP BY x.grantee, x.privilege_type) a \
                 CROSS JOIN LATERAL (SELECT CASE WHEN c.relispartition THEN 'partition' WHEN c.relkind = 'S' \
                   THEN 'sequence' WHEN c.relkind = 'v' THEN 'view' ELSE 'table' END AS kind) k \
                 WHERE c.relnamespace = {here} AND {known} AND (c.relname IN ({with_views}) \
                   OR c.relispartition AND EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) n \
                      WHERE n.relid::regclass::text IN ({ours})) \
                   OR c.relkind = 'S' AND EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class t \
                      ON t.oid = d.refobjid WHERE d.objid = c.oid AND d.deptype IN ('i', 'a') AND t.relname IN ({ours}))) \
                 GROUP BY 1 UNION ALL \
                 SELECT 'schema ' || current_schema() || '{TO}' || {to}, 'CREATE' FROM (SELECT n.nspowner AS relowner, n.nspacl FROM \
                   pg_catalog.pg_namespace n WHERE n.oid = {here}) c, pg_catalog.aclexplode(c.nspacl) a \
                 WHERE a.privilege_type = 'CREATE' AND {known} \
                   AND a.grantee NOT IN (SELECT t.relowner FROM pg_catalog.pg_class t \
                     WHERE t.relnamespace = {here} AND t.relname = 'users')"
            ),
        ),
        (
            DEFAULTS,
            format!(
                "SELECT {to}, string_agg(DISTINCT a.privilege_type, ', ') FROM (SELECT f.defaclrole AS relowner, f.* FROM \
                 pg_catalog.pg_default_acl f) c, pg_catalog.aclexplode(c.defaclacl) a \
                 WHERE c.defaclobjtype = 'r' AND (c.defaclnamespace = 0 OR c.defaclnamespace = {here}) AND {known} \
                 AND c.defaclrole IN (SELECT t.relowner FROM pg_catalog.pg_class t WHERE t.relnamespace = {here} \
                   AND t.relname IN ({ours})) GROUP BY 1"
            ),
        ),
        (
            // Its text, whose eyes it has, where it looks names up, who may call it.
            "function",
            format!(
                "SELECT s.signature, concat_ws('; ', p.prosrc, CASE WHEN p.prosecdef THEN CASE WHEN p.proowner = \
                   (SELECT t.relowner FROM pg_catalog.pg_class t WHERE t.relnamespace = {here} AND t.relname = 'users') \
                   THEN 'as the owner of the tables' ELSE 'as another role' END END, p.provolatile::text, \
                 (SELECT string_agg(replace(g, quote_ident(current_schema()::text), 'SCHEMA'), ', ') FROM unnest(p.proconfig) g), \
                 (SELECT 'called by ' || string_agg({to}, ', ' ORDER BY {to}) FROM pg_catalog.aclexplode(p.proacl) a \
                  WHERE a.grantee <> p.proowner)) \
                 FROM (SELECT unnest(ARRAY[{functions}]) AS signature) s \
                 JOIN pg_catalog.pg_proc p ON p.oid = to_regprocedure(s.signature)"
            ),
        ),
        (
            "group",
            format!(
                "SELECT g.rolname::text, concat_ws(' ', 'role', CASE WHEN g.rolsuper THEN 'SUPERUSER' END, \
                 CASE WHEN g.rolbypassrls THEN 'BYPASSRLS' END, CASE WHEN g.rolcanlogin THEN 'LOGIN' END, \
                 CASE WHEN g.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN g.rolcreatedb THEN 'CREATEDB' END, \
                 CASE WHEN g.rolreplication THEN 'REPLICATION' END, (SELECT 'member of ' || string_agg( \
                   pg_catalog.pg_get_userbyid(m.roleid), ', ') FROM pg_catalog.pg_auth_members m WHERE m.member = g.oid)) \
                 FROM pg_catalog.pg_roles g WHERE g.rolname IN ({groups})"
            ),
        ),
        (
            "guard",
            format!(
                "SELECT t.tgname::text, replace(pg_catalog.pg_get_triggerdef(t.oid), quote_ident(current_schema()::text) || '.', '') \
                 || ', ' || CASE t.tgenabled WHEN 'O' THEN 'enabled' ELSE 'not enabled' END \
                 FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
                 WHERE c.relnamespace = {here} AND t.tgname = '{}'",
                security::GUARD
            ),
        ),
        (
            "view security",
            format!(
                "SELECT c.relname::text, coalesce(array_to_string(c.reloptions, ', '), 'of its owner') \
                 FROM pg_catalog.pg_class c WHERE c.relnamespace = {here} AND c.relkind = 'v' AND c.relname IN ({})",
                views.join(", ")
            ),
        ),
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
fn ours() -> String {
    let mut names: Vec<String> = expected_tables(Dialect::Postgres).tables.into_keys().collect();
    names.extend([migrations::APPLIED_TABLE, security::PEOPLE].map(str::to_owned));
    names.iter().map(|name| sql::text(name)).collect::<Vec<_>>().join(", ")
}
