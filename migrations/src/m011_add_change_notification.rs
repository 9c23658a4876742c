//! A PostgreSQL server tells its clients what changed. The embedded file needs nothing: the kernel tells.

use crate::{Dialect, Step};

pub(crate) const STEP: Step = Step { name: "011_add_change_notification", up, down, concurrent: false };

/// Tables, and the columns of the id to tell and of the person whose row it is.
const TOLD: [(&str, &str, &str); 4] = [
    ("calculations", "id", "user_id"),
    // A run that is queued, which its calculation does not say.
    ("calculation_runs", "calculation_id", "user_id"),
    ("user_files", "id", "user_id"),
    ("tools", "id", "author_id"),
];
/// What happens to rows, and what PostgreSQL calls those it happened to.
const WAYS: [(&str, &str); 3] = [("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")];

/// Sends `table id person` on the channel `mecapy` for each row that a statement changed, or `table * *` where a
/// statement or a transaction changed many: PostgreSQL sends equal words of a transaction once, so a million rows
/// are one message. Anybody can send on a channel: a message is a hint to look, and holds ids only.
const FUNCTION: &str = "CREATE FUNCTION mecapy_tell() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most CONSTANT integer := 16;
  told integer := coalesce(nullif(current_setting('mecapy.told', true), ''), '0')::integer;
  hints text[];
BEGIN
  IF told < most THEN
    EXECUTE format(
      'SELECT array_agg(concat_ws('' '', %L, id, person)) FROM (SELECT %I AS id, %I AS person FROM changed LIMIT %s) AS few',
      TG_ARGV[0], TG_ARGV[1], TG_ARGV[2], most + 1) INTO hints;
  ELSE
    EXECUTE 'SELECT array_agg(1) FROM (SELECT FROM changed LIMIT 1) AS one' INTO hints;
  END IF;
  IF hints IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('mecapy.told', (told + cardinality(hints))::text, true);
  IF told + cardinality(hints) > most THEN
    PERFORM pg_notify('mecapy', concat(TG_ARGV[0], ' * *'));
  ELSE
    PERFORM pg_notify('mecapy', hint) FROM unnest(hints) AS hint;
  END IF;
  RETURN NULL;
END $$";

fn trigger(table: &str, way: &str) -> String {
    format!("mecapy_tell_{table}_{}", way.to_lowercase())
}

fn each(statement: impl Fn(&str, &str, &str, &str, &str) -> String) -> Vec<String> {
    let tables = TOLD.iter().flat_map(|told| WAYS.iter().map(move |way| (told, way)));
    tables
        // A run's own later changes come with those of its calculation.
        .filter(|((table, ..), (way, _))| (*table, *way) != ("calculation_runs", "UPDATE"))
        .map(|((table, id, person), (way, rows))| statement(table, id, person, way, rows))
        .collect()
}

fn up(dialect: Dialect) -> Vec<String> {
    if dialect == Dialect::Sqlite {
        return Vec::new();
    }
    let mut statements = vec![FUNCTION.to_owned()];
    statements.extend(each(|table, id, person, way, rows| {
        format!(
            "CREATE TRIGGER {} AFTER {way} ON {table} REFERENCING {rows} TABLE AS changed \
             FOR EACH STATEMENT EXECUTE FUNCTION mecapy_tell('{table}', '{id}', '{person}')",
            trigger(table, way)
        )
    }));
    statements
}

fn down(dialect: Dialect) -> Vec<String> {
    if dialect == Dialect::Sqlite {
        return Vec::new();
    }
    let mut statements = each(|table, _, _, way, _| format!("DROP TRIGGER {} ON {table}", trigger(table, way)));
    statements.push("DROP FUNCTION mecapy_tell()".to_owned());
    statements
}
