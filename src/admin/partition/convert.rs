//! One table becomes partitions, or partitions one table: the rows are written into a new table of the same name, and
//! everything that stood on the old one is put on it.

use super::{
    dependents::Dependents,
    id_table::{self, FUNCTIONS, IDS},
};
use crate::{
    admin::sql,
    db::partitions::{DEFAULT, Month},
};

/// The old table meanwhile.
const OLD: &str = "calculations_replaced";

/// The statements that make monthly partitions of the one table.
pub(super) fn to_partitions(old: &Dependents, schema: &str, months: &[Month]) -> Vec<String> {
    let mut statements = replace_table(old, " PARTITION BY RANGE (created_at)");
    statements.extend(partition(DEFAULT, "DEFAULT", old.options.as_deref()));
    for month in months {
        statements.extend(partition(&month.partition(), &bounds(*month), old.options.as_deref()));
    }
    statements.extend(copy_rows(old));
    statements.extend(id_table::create_and_fill(OLD));
    statements.push(format!("DROP TABLE {OLD}"));
    let key = &old.primary_key;
    statements.push(format!("ALTER TABLE calculations ADD CONSTRAINT {key} PRIMARY KEY (id, created_at)"));
    statements.extend(old.indexes.iter().chain(&old.foreign_keys).cloned());
    statements.extend(id_table::triggers(schema));
    statements.push(id_table::lock_referred_calculations());
    statements.extend(old.restore.iter().cloned());
    statements.push(id_table::revoke_privileges());
    statements
}

/// The statements that make one table of the partitions.
pub(super) fn to_one(old: &Dependents) -> Vec<String> {
    let options = old.options.as_ref().map(|options| format!(" WITH ({options})")).unwrap_or_default();
    let mut statements = replace_table(old, &options);
    statements.extend(copy_rows(old));
    statements.push(format!("DROP TABLE {OLD}"));
    // The triggers that call them go with them.
    statements.extend(FUNCTIONS.map(|function| format!("DROP FUNCTION {function} CASCADE")));
    statements.push(format!("DROP TABLE {IDS}"));
    statements.push(format!("ALTER TABLE calculations ADD CONSTRAINT {} PRIMARY KEY (id)", old.primary_key));
    statements.extend(old.indexes.iter().chain(&old.foreign_keys).cloned());
    statements.extend(old.restore.iter().cloned());
    statements
}

/// A month's partition. What is granted on the parent holds for who reads the parent; nobody reads a partition itself.
pub(super) fn partition(name: &str, bounds: &str, options: Option<&str>) -> Vec<String> {
    let options = options.map(|options| format!(" WITH ({options})")).unwrap_or_default();
    vec![
        format!("CREATE TABLE {name} PARTITION OF calculations {bounds}{options}"),
        format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"),
    ]
}

/// What a month takes.
pub(super) fn bounds(month: Month) -> String {
    format!("FOR VALUES FROM ('{}') TO ('{}')", month.start(), month.plus(1).start())
}

/// Makes the new, empty table in the place of the old one.
fn replace_table(old: &Dependents, kind: &str) -> Vec<String> {
    let mut statements = old.remove.clone();
    statements.push(format!("ALTER TABLE calculations RENAME TO {OLD}"));
    if let Some((sequence, _)) = &old.sequence {
        statements.push(format!("ALTER SEQUENCE {sequence} RENAME TO {OLD}_id_seq"));
    }
    statements.push(format!("CREATE TABLE calculations (LIKE {OLD} INCLUDING ALL EXCLUDING INDEXES){kind}"));
    if let Some((_, name)) = &old.sequence
        && name != "calculations_id_seq"
    {
        let name = sql::name(name);
        statements.push(format!("ALTER SEQUENCE calculations_id_seq RENAME TO {name}"));
    }
    statements
}

/// Writes every row anew, and the place where ids go on. An error where a row is missing takes everything back.
fn copy_rows(old: &Dependents) -> Vec<String> {
    let columns = &old.columns;
    vec![
        format!("INSERT INTO calculations ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {OLD}"),
        format!(
            "DO $$ DECLARE s record; BEGIN
  IF (SELECT count(*) FROM calculations) <> (SELECT count(*) FROM {OLD}) THEN
    RAISE 'rows were lost on the way';
  END IF;
  SELECT last_value, is_called INTO s FROM {OLD}_id_seq;
  PERFORM setval(pg_get_serial_sequence('calculations', 'id'), s.last_value, s.is_called);
END $$"
        ),
    ]
}
