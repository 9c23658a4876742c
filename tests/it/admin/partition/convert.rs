//! From one table to partitions and back: every row, everything that stands on the table; refused, killed, at once.

use super::{
    super::place::{db, places, until},
    Server,
};
use crate::support::home::Home;
use std::process::Stdio;

/// Everything that stands on the table and is no row, as the catalogue has it.
const STANDING: &str = "
    SELECT 'policy ' || polrelid::regclass || ' ' || polname || ' ' || polcmd::text || ' ' || polpermissive || ' ' || polroles::regrole[]::text
        || ' ' || coalesce(pg_get_expr(polqual, polrelid), '-') || ' ' || coalesce(pg_get_expr(polwithcheck, polrelid), '-')
        || coalesce(obj_description(oid, 'pg_policy'), '') FROM pg_policy
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) || tgenabled::text || coalesce(obj_description(oid, 'pg_trigger'), '')
        FROM pg_trigger WHERE tgrelid = 'calculations'::regclass AND NOT tgisinternal AND tgname NOT LIKE 'mecapy_calculation_%'
    UNION ALL SELECT 'relation ' || c.relname || ' ' || relrowsecurity || relforcerowsecurity || relowner::regrole || ' '
        || coalesce((SELECT string_agg(format('%s %s %s', x.grantee, x.privilege_type, x.is_grantable), ',' ORDER BY x.grantee, x.privilege_type)
            FROM aclexplode(relacl) x WHERE x.grantee <> relowner), '-') || ' '
        || coalesce(obj_description(c.oid, 'pg_class'), '-')
        || CASE WHEN relkind = 'v' THEN coalesce(array_to_string(reloptions, ','), '-') || pg_get_viewdef(c.oid) ELSE '' END
        FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relname IN
        ('calculations', 'calculations_id_seq', 'user_stats', 'recent_calculations', 'busy', 'busier', 'calculation_files', 'notes')
    UNION ALL SELECT 'column ' || attrelid::regclass || ' ' || attname || coalesce(attacl::text, '-')
        || coalesce(col_description(attrelid, attnum), '-') FROM pg_attribute
        WHERE attrelid IN ('calculations'::regclass, 'busy'::regclass) AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'key ' || conrelid::regclass || ' ' || conname || replace(pg_get_constraintdef(oid), 'calculation_ids', 'calculations')
        FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
    UNION ALL SELECT 'sequence ' || last_value || is_called FROM calculations_id_seq
    ORDER BY 1";

/// What operators and other programs put on the table.
const MORE: &str = "
    GRANT SELECT, INSERT ON calculations TO reader WITH GRANT OPTION;
    GRANT SELECT (id, name), UPDATE (name) ON calculations TO PUBLIC;
    GRANT USAGE ON SEQUENCE calculations_id_seq TO reader;
    GRANT SELECT ON user_stats TO reader;
    COMMENT ON TABLE calculations IS 'it''s ours';
    COMMENT ON COLUMN calculations.name IS 'as typed';
    ALTER TABLE calculations SET (fillfactor = 90);
    CREATE TABLE notes (id INT PRIMARY KEY, about BIGINT NOT NULL REFERENCES calculations (id) ON DELETE CASCADE);
    INSERT INTO notes VALUES (1, 5), (2, 41);
    CREATE VIEW busy WITH (security_barrier = true) AS SELECT id, name FROM calculations WHERE status = 'running';
    CREATE VIEW busier AS SELECT name FROM busy;
    COMMENT ON VIEW busy IS 'at work';
    COMMENT ON COLUMN busy.name IS 'whose';
    GRANT SELECT (name) ON busy TO reader;
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER watched BEFORE UPDATE OF name ON calculations FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION watch();
    COMMENT ON TRIGGER watched ON calculations IS 'renames';
    ALTER TABLE calculations DISABLE TRIGGER watched;
    CREATE INDEX by_code ON calculations (md5(code)) WHERE status = 'failed';
    CREATE POLICY mine ON calculations FOR UPDATE TO reader USING (user_id = 1) WITH CHECK (user_id IN (SELECT id FROM users));
    CREATE POLICY narrow ON calculations AS RESTRICTIVE USING (user_id > 0);
    COMMENT ON POLICY mine ON calculations IS 'own rows';
    CREATE POLICY linked ON calculation_files FOR SELECT
        USING (EXISTS (SELECT FROM calculations c WHERE c.id = calculation_id AND c.user_id = 1));
    ALTER TABLE calculations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    ALTER TABLE calculation_files ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, DELETE ON TABLES TO reader";

#[tokio::test]
async fn everything_on_the_table_is_carried_over_and_back() {
    let Some(server) = Server::filled().await else { return };
    let database = server.database();
    database.superuser("DO $$ BEGIN CREATE ROLE reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    server.place.sql(MORE).await;
    let rows = || {
        // The owner is held to the rules too: only a superuser sees every row.
        let tables = ["users", "user_files", "calculations", "calculation_files", "calculation_runs", "notes"];
        tables.map(|table| database.superuser(&format!("SELECT to_jsonb(t) FROM {table} t ORDER BY 1")))
    };
    let (before, standing) = (rows(), database.superuser(STANDING));
    let told = server.partition(&[]).code(0).says("nothing was changed").says("--yes does it");
    assert!(told.out.contains("would write 44 rows of calculations"), "{}", told.out);
    assert!(told.out.contains("would make calculations_y2024m01 (25 rows)"), "{}", told.out);
    assert!(told.out.contains("nobody can use calculations"), "{}", told.out);
    server.partition(&["--yes", "--dry-run"]).code(0).says("nothing was changed");
    server.partition(&["--yes", "--read-only"]).code(6);
    assert_eq!((rows(), database.superuser(STANDING)), (before.clone(), standing.clone()));

    let done = server.partition(&["--yes", "--json", "--ahead", "1"]).code(0).json_lines();
    assert_eq!((&done[0]["change"], &done[0]["rows"], &done[0]["months"]), (&"convert".into(), &44.into(), &4.into()));
    assert_eq!(rows(), before);
    assert_eq!(database.superuser(STANDING), standing);
    let where_ = database
        .superuser("SELECT tableoid::regclass::text COLLATE \"C\", count(*) FROM calculations GROUP BY 1 ORDER BY 1");
    assert!(
        where_.starts_with("calculations_default|2\ncalculations_y2024m01|25\ncalculations_y2024m02|15\n"),
        "{where_}"
    );
    let granted = "SELECT count(*) FROM pg_class, aclexplode(relacl) a WHERE a.grantee <> relowner \
                   AND (relispartition OR relname = 'calculation_ids')";
    assert_eq!(database.superuser(granted), "0", "nobody has rights on a partition");
    let options =
        "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r' AND reloptions = '{fillfactor=90}'";
    assert_eq!(database.superuser(options), "5");

    server.partition(&["--undo"]).code(0).says("nothing was changed");
    server.partition(&["--undo", "--yes"]).code(0);
    assert_eq!(rows(), before);
    assert_eq!(database.superuser(STANDING), standing);
    assert_eq!(database.superuser("SELECT reloptions FROM pg_class WHERE relname = 'calculations'"), "{fillfactor=90}");
    server.partition(&["--undo", "--yes"]).code(1).says("one table already");
}

#[tokio::test]
async fn the_schema_is_as_expected_before_and_after() {
    let Some(server) = Server::filled().await else { return };
    let (rows, catalogue) = (server.rows().await, server.place.catalogue().await);
    let sql = server.partition(&["--sql"]).code(0).out;
    assert!(sql.starts_with("-- partitions\nBEGIN;\n") && sql.contains("LOCK TABLE calculations"), "{sql}");
    server.partition(&["--yes"]).code(0);
    db(&server.home, &["check"]).code(0);
    assert_eq!(server.rows().await, rows);
    server.partition(&["--yes"]).code(0).says("every month is there");
    let parted = server.place.catalogue().await;
    // What is damaged is told, each thing of its own.
    server
        .place
        .sql("DROP TRIGGER mecapy_calculation_id_insert ON calculations; DROP INDEX ix_calculations_status")
        .await;
    let told = db(&server.home, &["check"]).code(1);
    assert!(told.out.contains("missing  trigger calculations.mecapy_calculation_id_insert"), "{}", told.out);
    assert!(told.out.contains("missing  index calculations.ix_calculations_status"), "{}", told.out);
    server.partition(&["--undo", "--yes"]).code(0);
    server.place.sql("CREATE INDEX ix_calculations_status ON calculations (status)").await;
    assert_eq!(server.place.catalogue().await, catalogue);
    // The printed SQL does the same as the verb.
    let sql = server.partition(&["--sql"]).code(0).out;
    let path = server.home.file("parts.sql", sql);
    let psql = crate::support::postgres::program("psql").unwrap();
    let done = std::process::Command::new(psql)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f"])
        .arg(path)
        .arg(server.place.url())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(server.place.catalogue().await, parted);
    assert_eq!(server.rows().await, rows);
}

#[tokio::test]
async fn what_cannot_be_carried_over_is_named_and_nothing_is_changed() {
    for place in places().iter().filter(|place| !place.is_server()) {
        db(&place.home(), &["upgrade"]).code(0);
        for arguments in [&["partition"][..], &["partition", "--yes"], &["partition", "--list"]] {
            db(&place.home(), arguments).code(2).says("a SQLite file has no partitions");
        }
    }
    let Some(server) = Server::filled().await else { return };
    for (make, drop, words) in [
        (
            "CREATE MATERIALIZED VIEW m AS SELECT id FROM calculations",
            "DROP MATERIALIZED VIEW m",
            "materialized view public.m",
        ),
        ("CREATE UNIQUE INDEX u ON calculations (name)", "DROP INDEX u", "u is unique"),
        (
            "CREATE FUNCTION f(c calculations) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION f",
            "function f(calculations) needs calculations",
        ),
        (
            "CREATE TABLE calculations_y2024m01 (id int)",
            "DROP TABLE calculations_y2024m01",
            "calculations_y2024m01 already",
        ),
        ("CREATE PUBLICATION p FOR TABLE calculations", "DROP PUBLICATION p", "the publication p"),
        ("CREATE TABLE child () INHERITS (calculations)", "DROP TABLE child", "child inherits"),
        ("DELETE FROM mecapy_migrations WHERE version > '008'", "SELECT 1", "mecapy db upgrade comes first"),
    ] {
        server.place.sql(make).await;
        let before = server.place.catalogue().await;
        server.partition(&[]).code(1).says(words);
        server.partition(&["--yes"]).code(1).says(words);
        assert_eq!(server.place.catalogue().await, before, "{make}");
        server.place.sql(drop).await;
    }
    let Some(server) = Server::new() else { return };
    server.partition(&["--archive-before", "2024-02", "--yes"]).code(1).says("is one table");
    server.partition(&["--archive-before", "February"]).code(2);
    server.partition(&["--list"]).code(0).says("is one table");
    // Somebody who only works with the tables.
    let database = server.database();
    let role = format!("person_{}", database.name());
    database.superuser(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    let url = server.place.url().replace("mecapy:corr3ct-horse", &format!("{role}:x"));
    let other = Home::new().with("DATABASE_URL", &url);
    db(&other, &["partition", "--yes"]).code(6).says("belongs to mecapy");
    assert_eq!(server.partition(&["--list"]).code(0).out, "");
    database.superuser(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    // A superuser makes them for the owner.
    let superuser = database.server().superuser_url(database.name());
    db(&Home::new().with("DATABASE_URL", &superuser), &["partition", "--yes"]).code(0);
    let owners = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname LIKE 'calculation%'";
    assert_eq!(database.superuser(owners), "mecapy");
    db(&server.home, &["check"]).code(0);
}

/// Everything is written anew when the process is killed; the table is as it was.
#[tokio::test]
async fn killed_in_the_middle_it_leaves_everything_as_it_was() {
    let Some(server) = Server::filled().await else { return };
    let database = server.database();
    let (rows, catalogue) = (server.rows().await, server.place.catalogue().await);
    // The making of an index comes after the rows, and waits here.
    database.superuser(
        "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(42); END';
         CREATE EVENT TRIGGER wait ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION wait()",
    );
    let other = server.place.connect().await;
    let held = sea_orm::TransactionTrait::begin(&other).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&held, "SELECT pg_advisory_xact_lock(42)").await.unwrap();
    let mut child =
        server.home.command(&["db", "partition", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    until("it comes to the indexes", || database.superuser(waits) == "1");
    // Meanwhile a second one waits for the first.
    child.kill().unwrap();
    child.wait().unwrap();
    held.rollback().await.unwrap();
    other.close().await.unwrap();
    until("the server ends its work", || {
        database.superuser(
            "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 'calculations'",
        ) == "0"
    });
    database.superuser("DROP EVENT TRIGGER wait; DROP FUNCTION wait()");
    assert_eq!((server.rows().await, server.place.catalogue().await), (rows.clone(), catalogue));
    server.partition(&["--yes"]).code(0);
    assert_eq!(server.rows().await, rows);
    db(&server.home, &["check"]).code(0);
}

#[tokio::test]
async fn several_at_once_are_one_and_a_table_in_use_is_waited_for() {
    let Some(server) = Server::filled().await else { return };
    let rows = server.rows().await;
    let children: Vec<_> = (0..3)
        .map(|_| {
            let mut command = server.home.command(&["db", "partition", "--yes", "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut conversions = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        conversions += String::from_utf8_lossy(&output.stdout).matches("\"convert\"").count();
    }
    assert_eq!(conversions, 1);
    assert_eq!(server.rows().await, rows);
    // Somebody reads in a transaction that stays open for a while.
    let other = server.place.connect().await;
    let reading = sea_orm::TransactionTrait::begin(&other).await.unwrap();
    sea_orm::ConnectionTrait::execute_unprepared(&reading, "SELECT count(*) FROM calculations").await.unwrap();
    let mut undo = server.home.command(&["db", "partition", "--undo", "--yes"]);
    let undo = undo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("it waits for the table", || {
        server.database().superuser("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"
    });
    reading.rollback().await.unwrap();
    other.close().await.unwrap();
    let output = undo.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.rows().await, rows);
    db(&server.home, &["check"]).code(0);
}
