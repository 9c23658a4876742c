//! What keeps the links of partitioned calculations: PostgreSQL has no foreign key to `id` alone where the primary key
//! must hold `created_at`, and no uniqueness across partitions.
//!
//! `calculation_ids` has one row for each calculation. Triggers on `calculations` keep it, and refuse an id that another
//! month has; every foreign key that led to `calculations (id)` leads there, with the same name and rules. So the server
//! itself guards the links, against programs that work at the same moment too. Whoever links something also locks the
//! calculation, as its foreign key did: what deletes one waits for a link that is being made, and the other way round.

use crate::db::admin::sql;

/// The table of ids.
pub(in crate::db::admin) const IDS: &str = "calculation_ids";
/// The triggers on `calculations` begin with this.
pub(super) const KEEPS: &str = "mecapy_calculation_id";
/// The trigger functions.
pub(super) const FUNCTIONS: [&str; 3] =
    ["mecapy_calculation_id()", "mecapy_calculation_kept()", "mecapy_calculation_whole()"];

/// Makes the table of ids from the rows of `from`.
pub(super) fn filled(from: &str) -> Vec<String> {
    vec![
        format!("CREATE TABLE {IDS} (id BIGINT NOT NULL, created_at TIMESTAMP NOT NULL)"),
        format!("INSERT INTO {IDS} (id, created_at) SELECT id, created_at FROM {from}"),
        format!("ALTER TABLE {IDS} ADD PRIMARY KEY (id)"),
        // Nobody but the functions below and the server's own checks has business here.
        format!("ALTER TABLE {IDS} ENABLE ROW LEVEL SECURITY"),
        format!("COMMENT ON TABLE {IDS} IS 'the id of every calculation, kept by triggers, for foreign keys'"),
    ]
}

/// The functions and the triggers on `calculations`. They work as the owner, whoever writes, and can be called by nobody.
pub(super) fn triggers(schema: &str) -> Vec<String> {
    let schema = sql::name(schema);
    let head = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$";
    let mut statements = vec![
        // A row that moves to another month is an update, a delete and an insert: the first changes its time here, so
        // that the delete finds nothing to forget and the insert what it would write.
        format!(
            "CREATE FUNCTION mecapy_calculation_id() {head}
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO {schema}.{IDS} (id, created_at) VALUES (NEW.id, NEW.created_at) ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND AND NOT EXISTS (
      SELECT FROM {schema}.{IDS} k WHERE k.id = NEW.id AND k.created_at = NEW.created_at
    ) THEN
      RAISE unique_violation USING
        MESSAGE = 'duplicate key value violates unique constraint \"calculations_pkey\"',
        DETAIL = format('Key (id)=(%s) already exists.', NEW.id),
        SCHEMA = TG_TABLE_SCHEMA, TABLE = 'calculations', CONSTRAINT = 'calculations_pkey';
    END IF;
    RETURN NEW;
  ELSIF TG_OP = 'UPDATE' THEN
    UPDATE {schema}.{IDS} SET id = NEW.id, created_at = NEW.created_at WHERE id = OLD.id;
    RETURN NEW;
  END IF;
  DELETE FROM {schema}.{IDS} k WHERE k.id = OLD.id AND k.created_at = OLD.created_at;
  RETURN NULL;
END $$"
        ),
        format!(
            "CREATE FUNCTION mecapy_calculation_kept() {head}
DECLARE
  wanted bigint;
  made timestamp;
BEGIN
  EXECUTE format('SELECT ($1).%I', TG_ARGV[0]) INTO wanted USING NEW;
  SELECT k.created_at INTO made FROM {schema}.{IDS} k WHERE k.id = wanted;
  IF FOUND THEN
    PERFORM FROM {schema}.calculations c WHERE c.id = wanted AND c.created_at = made FOR KEY SHARE;
  END IF;
  RETURN NEW;
END $$"
        ),
        format!(
            "CREATE FUNCTION mecapy_calculation_whole() {head}
BEGIN
  RAISE feature_not_supported USING
    MESSAGE = 'cannot truncate calculations: links lead to its rows',
    HINT = 'DELETE FROM calculations checks them.';
END $$"
        ),
    ];
    statements.extend(FUNCTIONS.map(|function| format!("REVOKE ALL ON FUNCTION {function} FROM PUBLIC")));
    statements.extend([
        format!(
            "CREATE TRIGGER {KEEPS}_insert BEFORE INSERT ON calculations FOR EACH ROW \
             EXECUTE FUNCTION mecapy_calculation_id()"
        ),
        format!(
            "CREATE TRIGGER {KEEPS}_update BEFORE UPDATE ON calculations FOR EACH ROW \
             WHEN (OLD.id <> NEW.id OR OLD.created_at <> NEW.created_at) EXECUTE FUNCTION mecapy_calculation_id()"
        ),
        format!(
            "CREATE TRIGGER {KEEPS}_delete AFTER DELETE ON calculations FOR EACH ROW \
             EXECUTE FUNCTION mecapy_calculation_id()"
        ),
        format!(
            "CREATE TRIGGER {KEEPS}_truncate BEFORE TRUNCATE ON calculations FOR EACH STATEMENT \
             EXECUTE FUNCTION mecapy_calculation_whole()"
        ),
    ]);
    statements
}

/// Lets each table that refers to a calculation lock it, where it does not yet.
pub(in crate::db::admin) fn watch() -> String {
    format!(
        "DO $$ DECLARE k record; BEGIN
  FOR k IN
    SELECT c.conrelid::regclass AS tab, a.attname AS col, left('mecapy_calculation_kept_' || a.attname, 63) AS name
    FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'f' AND c.confrelid = '{IDS}'::regclass AND c.conparentid = 0
    AND c.conrelid <> 'calculations'::regclass
  LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = k.tab AND t.tgname = k.name) THEN
      EXECUTE format(
        'CREATE TRIGGER %I BEFORE INSERT OR UPDATE OF %I ON %s FOR EACH ROW EXECUTE FUNCTION mecapy_calculation_kept(%L)',
        k.name, k.col, k.tab, k.col);
    END IF;
  END LOOP;
END $$"
    )
}

/// Takes away whatever others may do with the partitions and the table of ids: rules of `calculations` itself do not
/// hold for whoever reads a partition directly.
pub(super) fn private() -> String {
    format!(
        "DO $$ DECLARE g record; BEGIN
  FOR g IN
    SELECT DISTINCT c.oid::regclass AS tab,
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS who
    FROM pg_catalog.pg_class c, LATERAL aclexplode(c.relacl) a
    WHERE a.grantee <> c.relowner AND (c.oid = '{IDS}'::regclass OR c.oid IN (
      SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = 'calculations'::regclass))
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', g.tab, g.who);
  END LOOP;
END $$"
    )
}
