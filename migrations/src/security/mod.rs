//! Row security: an operator's choice beside the steps, never one of them.
//!
//! Each person has a login role of their own. [`PEOPLE`] says which row of `users` a role is; the policies let a person
//! see and write what belongs to that row, and the privileges name the columns that may be written at all. Everything is
//! plain data, and all of it can be said again: what stands already is put right.

mod functions;
mod tables;

pub use tables::{Policy, TABLES, Table};

use functions::{FUNCTIONS, Function};

/// The group of everybody who works with the database as a person.
pub const USER: &str = "mecapy_user";
/// The group of those who also read everything, and switch people on and off.
pub const ADMIN: &str = "mecapy_admin";
/// The group of the platform's own programs, which work for everybody.
pub const SERVICE: &str = "mecapy_service";
/// The groups.
pub const GROUPS: [&str; 3] = [USER, ADMIN, SERVICE];
/// Which role is which row of `users`, or none: a program. Groups belong to the server, this to the database: whoever is
/// not in it sees nothing here. Nobody but the owner of the tables reads or writes it.
pub const PEOPLE: &str = "mecapy_people";
/// The view that shows what others are called.
pub const NAMES: &str = "people";
/// The trigger on `users` that keeps an administrator to switching people on and off.
pub const GUARD: &str = "mecapy_guard";
/// The views of the description: they must ask for what their reader may see, not what their owner may.
pub const VIEWS: [&str; 2] = ["user_stats", "recent_calculations"];

/// The functions that the policies ask, by name with the types of their arguments.
pub fn functions() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|function| function.signature)
}

/// Makes the groups, which belong to the server and not to one database: several may do so at once.
pub fn groups() -> Vec<String> {
    GROUPS
        .iter()
        .map(|group| {
            format!(
                "DO $$ BEGIN\n  CREATE ROLE {group} NOLOGIN;\nEXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;\n\
                 END $$"
            )
        })
        .collect()
}

/// What the owner of the tables runs, in `schema` (a quoted name), once the groups are there.
pub fn up(schema: &str) -> Vec<String> {
    let mut all = vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {PEOPLE} (\n  role_name TEXT NOT NULL PRIMARY KEY,\n  \
             user_id BIGINT UNIQUE REFERENCES users (id),\n  is_on BOOLEAN NOT NULL DEFAULT TRUE,\n  \
             since TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'utc')\n)"
        ),
        format!("REVOKE ALL ON TABLE {PEOPLE} FROM PUBLIC, {}", GROUPS.join(", ")),
        // No policy: whoever is not the owner sees nothing, whatever somebody grants one day.
        format!("ALTER TABLE {PEOPLE} ENABLE ROW LEVEL SECURITY"),
        format!("REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"),
        format!("GRANT USAGE ON SCHEMA {schema} TO {}", GROUPS.join(", ")),
    ];
    for function in &FUNCTIONS {
        all.extend(make(function, schema));
    }
    for table in &TABLES {
        all.extend(table.up());
    }
    all.extend([
        format!("DROP TRIGGER IF EXISTS {GUARD} ON users"),
        format!("CREATE TRIGGER {GUARD} BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION {GUARD}()"),
        format!(
            "CREATE OR REPLACE VIEW {NAMES} WITH (security_barrier = true) AS\n\
             SELECT id, COALESCE(NULLIF(display_name, ''), username) AS display_name FROM users\n\
             WHERE (SELECT me()) IS NOT NULL"
        ),
        format!("REVOKE ALL ON TABLE {NAMES} FROM PUBLIC, {}", GROUPS.join(", ")),
        format!("GRANT SELECT ON TABLE {NAMES} TO {USER}"),
    ]);
    for view in VIEWS {
        all.push(format!("ALTER VIEW {view} SET (security_invoker = true)"));
        all.push(format!("REVOKE ALL ON TABLE {view} FROM PUBLIC, {}", GROUPS.join(", ")));
        all.push(format!("GRANT SELECT ON TABLE {view} TO {USER}, {SERVICE}"));
    }
    all
}

/// Takes it back. The groups stay: they belong to the server, and so do the roles of people.
pub fn down(schema: &str) -> Vec<String> {
    let mut all = vec![format!("DROP TRIGGER IF EXISTS {GUARD} ON users"), format!("DROP VIEW IF EXISTS {NAMES}")];
    for view in VIEWS {
        all.push(format!("ALTER VIEW {view} RESET (security_invoker)"));
        all.push(format!("REVOKE ALL ON TABLE {view} FROM {}", GROUPS.join(", ")));
    }
    for table in &TABLES {
        all.extend(table.down());
    }
    all.extend(FUNCTIONS.iter().map(|function| format!("DROP FUNCTION IF EXISTS {}", function.signature)));
    all.push(format!("DROP TABLE IF EXISTS {PEOPLE}"));
    all.push(format!("REVOKE ALL ON SCHEMA {schema} FROM {}", GROUPS.join(", ")));
    all
}

fn make(function: &Function, schema: &str) -> [String; 3] {
    let Function { signature, returns, language, attributes, body } = function;
    [
        // Names are looked up in the system's schema and in ours, never in one that the caller can write to.
        format!(
            "CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} {attributes}\n\
             SET search_path = pg_catalog, {schema}, pg_temp AS $$\n{body}\n$$"
        ),
        format!("REVOKE ALL ON FUNCTION {signature} FROM PUBLIC"),
        format!("GRANT EXECUTE ON FUNCTION {signature} TO {}", GROUPS.join(", ")),
    ]
}
