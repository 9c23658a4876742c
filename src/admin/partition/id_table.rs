//! What keeps the links of partitioned calculations: PostgreSQL has no foreign key to `id` alone where the primary key
//! must hold `created_at`, and no uniqueness across partitions.
//!
//! `calculation_ids` has one row for each calculation. Triggers on `calculations` keep it, and refuse an id that another
//! month has; every foreign key that led to `calculations (id)` leads there, with the same name and rules. So the server
//! itself guards the links, against programs that work at the same moment too. Whoever links something also locks the
//! calculation, as its foreign key did: what deletes one waits for a link that is being made, and the other way round.

use crate::admin::sql;

/// The table of ids.
pub(in crate::admin) const IDS: &str = "calculation_ids";
/// The triggers on `calculations` begin with this.
pub(super) const TRIGGER_PREFIX: &str = "mecapy_calculation_id";
/// The trigger functions.
pub(super) const FUNCTIONS: [&str; 3] =
    ["mecapy_calculation_id()", "mecapy_calculation_kept()", "mecapy_calculation_whole()"];

/// Makes the table of ids from the rows of `from`.
pub(super) fn create_and_fill(from: &str) -> Vec<String> {
    vec![
        format!("CREATE TABLE {IDS} (id BIGINT NOT NULL, created_at TIMESTAMP NOT NULL)"),
        format!("INSERT INTO {IDS} (id, created_at) SELECT id, created_at FROM {from}"),
        format!("ALTER TABLE {IDS} ADD PRIMARY KEY (id)"),
        // Nobody but the functions below and the server's own checks has business here.
        format!("ALTER TABLE {IDS} ENABLE ROW LEVEL SECURITY"),
        format!("COMMENT ON TABLE {IDS} IS 'the id of every calculation, kept by triggers, for foreign keys'"),
    ]
}

/// The functions and the triggers on `calculations`. They run as the owner, whoever writes, and nobody may call them.
pub(super) fn triggers(schema: &str) -> Vec<String> {
    let schema = sql::name(schema);
    let head = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$";
    let functions = [
        // A row that moves to another month is an update, a delete and an insert: the first changes its time here, so
        // that the delete finds nothing to forget and the insert what it would write.
        format!(include_str!("mecapy_calculation_id.sql"), head = head, schema = schema, ids = IDS),
        format!(include_str!("mecapy_calculation_kept.sql"), head = head, schema = schema, ids = IDS),
        format!(include_str!("mecapy_calculation_whole.sql"), head = head),
    ];
    let mut statements = functions.map(|function| function.trim_end().to_owned()).to_vec();
    statements.extend(FUNCTIONS.map(|function| format!("REVOKE ALL ON FUNCTION {function} FROM PUBLIC")));
    statements.extend([
        format!(
            "CREATE TRIGGER {TRIGGER_PREFIX}_insert BEFORE INSERT ON calculations FOR EACH ROW \
             EXECUTE FUNCTION mecapy_calculation_id()"
        ),
        format!(
            "CREATE TRIGGER {TRIGGER_PREFIX}_update BEFORE UPDATE ON calculations FOR EACH ROW \
             WHEN (OLD.id <> NEW.id OR OLD.created_at <> NEW.created_at) EXECUTE FUNCTION mecapy_calculation_id()"
        ),
        format!(
            "CREATE TRIGGER {TRIGGER_PREFIX}_delete AFTER DELETE ON calculations FOR EACH ROW \
             EXECUTE FUNCTION mecapy_calculation_id()"
        ),
        format!(
            "CREATE TRIGGER {TRIGGER_PREFIX}_truncate BEFORE TRUNCATE ON calculations FOR EACH STATEMENT \
             EXECUTE FUNCTION mecapy_calculation_whole()"
        ),
    ]);
    statements
}

/// Lets each table that refers to a calculation lock it, where it does not yet.
pub(in crate::admin) fn lock_referred_calculations() -> String {
    format!(include_str!("lock_referred_calculations.sql"), ids = IDS).trim_end().to_owned()
}

/// Takes away whatever others may do with the partitions and the table of ids: rules of `calculations` itself do not
/// hold for whoever reads a partition directly.
pub(super) fn revoke_privileges() -> String {
    format!(include_str!("revoke_privileges.sql"), ids = IDS).trim_end().to_owned()
}
