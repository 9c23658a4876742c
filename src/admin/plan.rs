//! What an upgrade or a downgrade would do: plain SQL in pieces, to be read, printed or run.

use super::{
    catalogue::{self, Catalogue, INVALID},
    error::AdminError,
    status::MigrationStatus,
};
use migrations::{APPLIED_TABLE, Dialect, STEPS, Step};
use std::fmt::Write as _;

/// Pieces of work, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Each whole or not at all, except those that PostgreSQL runs outside a transaction.
    pub pieces: Vec<Piece>,
    /// What the database is and what becomes of it, in sentences.
    pub notes: Vec<String>,
    /// Whether references between tables must not be enforced while it runs (SQLite makes tables anew).
    pub(super) rebuilds: bool,
    /// What comes when every step is applied.
    pub(super) afterwards: Vec<String>,
}

/// One piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The step's name, or `adopt`.
    pub name: String,
    /// The statements.
    pub statements: Vec<String>,
    /// Whether PostgreSQL must run it statement by statement (`CREATE INDEX CONCURRENTLY`).
    pub concurrent: bool,
}

/// How far up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Up {
    /// To this step; the newest without one.
    To(Option<&'static str>),
    /// So many further steps.
    By(usize),
}

/// How far down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// So many steps.
    By(usize),
    /// Until this one is the newest.
    To(&'static str),
    /// Everything.
    Base,
}

impl std::str::FromStr for Up {
    type Err = AdminError;

    fn from_str(text: &str) -> Result<Self, AdminError> {
        match text.strip_prefix('+').map(str::parse) {
            Some(Ok(count)) if count > 0 => return Ok(Self::By(count)),
            Some(_) => return Err(AdminError::Target(format!("{text}: write +1 for one step further"))),
            None => {}
        }
        if text == "head" { Ok(Self::To(None)) } else { named(text).map(|name| Self::To(Some(name))) }
    }
}

impl std::str::FromStr for Down {
    type Err = AdminError;

    fn from_str(text: &str) -> Result<Self, AdminError> {
        match text.strip_prefix('-').unwrap_or(text).parse() {
            Ok(0) => return Err(AdminError::Target(format!("{text}: one step at least, such as -1"))),
            // 003 is the beginning of a name, not a count.
            Ok(count) if !text.starts_with('0') => return Ok(Self::By(count)),
            _ => {}
        }
        if text == "base" { Ok(Self::Base) } else { named(text).map(Self::To) }
    }
}

/// A step by its name or by a beginning of it that no other has.
fn named(text: &str) -> Result<&'static str, AdminError> {
    let mut found = STEPS.iter().map(|step| step.name).filter(|name| name.starts_with(text) && !text.is_empty());
    match (STEPS.iter().find(|step| step.name == text), found.next(), found.next()) {
        (Some(step), ..) => Ok(step.name),
        (None, Some(name), None) => Ok(name),
        _ => Err(AdminError::Unknown {
            name: text.to_owned(),
            known: STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// The steps up to `target` that are missing, after `adopted` ones.
pub(super) fn up(
    dialect: Dialect,
    status: &MigrationStatus,
    catalogue: &Catalogue,
    adopted: &[&str],
    target: Up,
) -> Vec<Piece> {
    let mut missing: Vec<Step> = status.missing().into_iter().filter(|step| !adopted.contains(&step.name)).collect();
    match target {
        Up::To(None) => {}
        Up::To(Some(name)) => missing.retain(|step| step.name <= name),
        Up::By(count) => missing.truncate(count),
    }
    missing
        .into_iter()
        .map(|step| {
            let statements = (step.up)(dialect).into_iter().flat_map(|sql| unless_made(dialect, catalogue, sql));
            piece(dialect, step, statements.chain([applied(dialect, step.name)]).collect())
        })
        .collect()
}

/// The applied steps down to `target`, newest first.
pub(super) fn down(dialect: Dialect, status: &MigrationStatus, target: Down) -> Result<Vec<Piece>, AdminError> {
    let mut steps: Vec<Step> = STEPS.into_iter().rev().filter(|step| status.is_applied(step.name)).collect();
    match target {
        Down::Base => {}
        Down::By(count) if count > steps.len() => {
            let have = steps.len();
            return Err(AdminError::Target(format!("-{count}: {have} steps are applied; `base` takes back all")));
        }
        Down::By(count) => steps.truncate(count),
        Down::To(name) if !status.is_applied(name) => {
            return Err(AdminError::Target(format!("{name} is not applied, so there is no way down to it")));
        }
        Down::To(name) => steps.retain(|step| step.name > name),
    }
    Ok(steps
        .into_iter()
        .map(|step| {
            let forget = format!("DELETE FROM {APPLIED_TABLE} WHERE version = '{}'", step.name);
            let statements = (step.down)(dialect).into_iter().map(|sql| {
                // An interrupted attempt may have dropped some of them.
                if step.concurrent { sql.replacen("CONCURRENTLY ", "CONCURRENTLY IF EXISTS ", 1) } else { sql }
            });
            piece(dialect, step, statements.chain([forget]).collect())
        })
        .collect())
}

fn piece(dialect: Dialect, step: Step, statements: Vec<String>) -> Piece {
    Piece { name: step.name.to_owned(), statements, concurrent: step.concurrent && dialect == Dialect::Postgres }
}

/// The table of applied steps, in the shape that the library of migrations makes.
pub(super) fn bookkeeping(dialect: Dialect) -> String {
    let (text, number) = match dialect {
        Dialect::Sqlite => ("varchar", "bigint"),
        Dialect::Postgres => ("character varying", "bigint"),
    };
    format!(
        "CREATE TABLE IF NOT EXISTS {APPLIED_TABLE} (version {text} NOT NULL PRIMARY KEY, applied_at {number} NOT NULL)"
    )
}

/// Remembers a step.
pub(super) fn applied(dialect: Dialect, name: &str) -> String {
    let now = match dialect {
        Dialect::Sqlite => "CAST(strftime('%s', 'now') AS INTEGER)",
        Dialect::Postgres => "CAST(extract(epoch FROM now()) AS bigint)",
    };
    format!("INSERT INTO {APPLIED_TABLE} (version, applied_at) VALUES ('{name}', {now})")
}

/// A statement that makes an index which is there already, because an attempt was interrupted or somebody else made
/// it: left out where it is as it should be, else after the one that drops it.
pub(super) fn unless_made(dialect: Dialect, catalogue: &Catalogue, sql: String) -> Vec<String> {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let Some(on) = words.iter().position(|word| *word == "ON") else { return vec![sql] };
    if words[0] != "CREATE" || !words[..on].contains(&"INDEX") {
        return vec![sql];
    }
    let (index, table) = (words[on - 1], words[on + 1]);
    let Some(found) = catalogue.tables.get(table).and_then(|table| table.indexes.get(index)) else { return vec![sql] };
    let expected = catalogue::expected(dialect);
    let as_expected = expected.tables.get(table).and_then(|table| table.indexes.get(index)) == Some(found);
    if as_expected && !found.ends_with(INVALID) {
        return Vec::new();
    }
    let concurrently = if words[..on].contains(&"CONCURRENTLY") { "CONCURRENTLY " } else { "" };
    vec![format!("DROP INDEX {concurrently}IF EXISTS {index}"), sql]
}

/// The index, and the tables with rows and columns, that a downgrade throws away: `DROP TABLE` and `DROP COLUMN`.
pub(super) fn dropped(plan: &Plan) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for sql in plan.pieces.iter().flat_map(|piece| &piece.statements) {
        let words: Vec<&str> = sql.split_whitespace().collect();
        match words.as_slice() {
            // The name search's index is made again from the names.
            ["DROP", "TABLE", "calculation_names"] => {}
            ["DROP", "TABLE", table] => found.push(((*table).to_owned(), None)),
            ["ALTER", "TABLE", table, "DROP", "COLUMN", column] => {
                found.push(((*table).to_owned(), Some((*column).to_owned())));
            }
            _ => {}
        }
    }
    found
}

/// The plan as a script for `psql` or `sqlite3`.
pub fn script(dialect: Dialect, plan: &Plan) -> String {
    let mut text = String::new();
    let block = |text: &mut String, statements: &[String]| {
        for statement in statements {
            let _ = writeln!(text, "{statement};");
        }
    };
    match dialect {
        Dialect::Sqlite => {
            if plan.rebuilds {
                text.push_str("PRAGMA foreign_keys = OFF;\n");
            }
            text.push_str("BEGIN IMMEDIATE;\n");
            for piece in &plan.pieces {
                let _ = writeln!(text, "\n-- {}", piece.name);
                block(&mut text, &piece.statements);
            }
            text.push_str("COMMIT;\n");
        }
        Dialect::Postgres => {
            for piece in &plan.pieces {
                let (begin, end) = if piece.concurrent { ("", "") } else { ("BEGIN;\n", "COMMIT;\n") };
                let _ = write!(text, "-- {}\n{begin}", piece.name);
                block(&mut text, &piece.statements);
                let _ = writeln!(text, "{end}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_alembic_writes_them() {
        assert_eq!("head".parse::<Up>().unwrap(), Up::To(None));
        assert_eq!("+2".parse::<Up>().unwrap(), Up::By(2));
        assert_eq!("003".parse::<Up>().unwrap(), Up::To(Some("003_add_tools")));
        assert_eq!("-1".parse::<Down>().unwrap(), Down::By(1));
        assert_eq!("2".parse::<Down>().unwrap(), Down::By(2));
        assert_eq!("base".parse::<Down>().unwrap(), Down::Base);
        assert_eq!("003".parse::<Down>().unwrap(), Down::To("003_add_tools"));
        assert_eq!("002_add_calculations".parse::<Down>().unwrap(), Down::To("002_add_calculations"));
        for wrong in ["-0", "0", "00", "", "nowhere", "-x"] {
            assert!(wrong.parse::<Down>().is_err(), "{wrong}");
            assert!(wrong.parse::<Up>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_index_that_was_interrupted_is_made_anew_and_a_whole_one_kept() {
        let expected = catalogue::expected(Dialect::Postgres);
        let step = STEPS.iter().find(|step| step.concurrent).unwrap();
        let sql = (step.up)(Dialect::Postgres).remove(0);
        let (index, table) = ("idx_user_files_user_created", "user_files");
        let new = unless_made(Dialect::Postgres, &Catalogue::default(), sql.clone());
        assert_eq!(new, std::slice::from_ref(&sql));
        assert!(unless_made(Dialect::Postgres, &expected, sql.clone()).is_empty());
        let mut broken = expected;
        broken.tables.get_mut(table).unwrap().indexes.get_mut(index).unwrap().push_str(INVALID);
        let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS {index}");
        assert_eq!(unless_made(Dialect::Postgres, &broken, sql.clone()), [drop, sql]);
    }
}
