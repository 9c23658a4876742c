//! The command line on a shared database: who chose it, what it does, and what of the surroundings it must not obey.

use crate::support::{
    home::Home,
    postgres::{self, PASSWORD},
};

#[test]
fn everything_works_on_a_server() {
    let Some(database) = postgres::database() else { return };
    works(&database);
}

#[test]
fn everything_works_on_partitions() {
    let Some(database) = postgres::partitioned_database() else { return };
    works(&database);
    assert_eq!(
        database.superuser("SELECT count(*) FROM calculations WHERE tableoid = 'calculations_default'::regclass"),
        "0"
    );
}

fn works(database: &postgres::Database) {
    let home = Home::new().with("DATABASE_URL", &database.url()).with("MECAPY_LOG_LEVEL", "debug");
    home.file("beam.py", "def calculate(load=2.0):\n    return {'moment': load / 4}\n");
    let done = home.run(&["calc", "run", "beam.py", "--param", "load=10", "--follow"]);
    let done = done.code(0).says("(environment variable DATABASE_URL)");
    assert!(!done.err.contains(PASSWORD), "{}", done.err);
    let listed = home.run(&["calc", "ls", "--json"]).code(0).json_lines();
    assert_eq!((listed.len(), listed[0]["status"].as_str()), (1, Some("completed")));
    let id = listed[0]["id"].to_string();
    assert!(home.run(&["calc", "result", &id]).code(0).out.contains("2.5"));
    assert_eq!(home.run(&["tools", "ls", "--json"]).code(0).out, "", "a shared database is not filled by itself");
    assert!(!home.database().exists());
    let doctor = home.run(&["doctor"]);
    assert!(doctor.out.contains("PostgreSQL ") && doctor.out.contains("DATABASE_URL"), "{}", doctor.out);
    assert!(!doctor.out.contains(PASSWORD));
    // SQL at debug level, without values.
    let log = std::fs::read_to_string(home.path().join(".local/state/mecapy/log/mecapy.log")).unwrap();
    assert!(log.contains("DEBUG sqlx::query") && log.contains("SELECT"), "no statements");
    assert!(!log.contains(PASSWORD) && !log.contains("def calculate"), "values are in the log");
}

#[test]
fn the_sample_tools_come_when_they_are_asked_for() {
    let Some(database) = postgres::database() else { return };
    let home = Home::new().with("DATABASE_URL", &database.url());
    home.run(&["tools", "samples", "--read-only"]).code(6);
    home.run(&["tools", "samples"]).code(0).says("sample tools are installed");
    assert!(home.run(&["tools", "ls", "--json"]).code(0).json_lines().len() > 1);
    home.run(&["tools", "samples"]).code(0).says("has tools already");
}

#[test]
fn variables_of_other_programs_choose_nothing() {
    let Some(database) = postgres::database() else { return };
    let mut home = Home::new().with("DATABASE_URL", &database.url());
    for (name, value) in [
        ("PGHOST", "192.0.2.1"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGUSER", "somebody"),
        ("PGPASSWORD", "wrong"),
        ("PGDATABASE", "nowhere"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/nonexistent"),
        ("PGSSLCERT", "/nonexistent"),
        ("PGSSLKEY", "/nonexistent"),
        ("PGAPPNAME", "other"),
        ("PGOPTIONS", "-c search_path=elsewhere"),
    ] {
        home = home.with(name, value);
    }
    home.run(&["calc", "ls"]).code(0);

    // A password of ~/.pgpass is not taken either: the address is all there is.
    let url = database.url().replace(&format!(":{PASSWORD}"), "");
    let home = Home::new().with("DATABASE_URL", &url);
    let pgpass = home.file(".pgpass", format!("*:*:*:*:{PASSWORD}\n"));
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&pgpass, private).unwrap();
    home.run(&["calc", "ls"]).code(6).says("refuses");
}

#[test]
fn a_database_without_the_schema_is_left_as_it_is() {
    let Some(database) = postgres::empty_database() else { return };
    let home = Home::new().with("DATABASE_URL", &database.url());
    home.run(&["calc", "ls"]).code(1).says("mecapy db upgrade");
    assert_eq!(database.superuser("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}
