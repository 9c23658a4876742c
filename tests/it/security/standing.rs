//! Row security as a part of the schema: put on, compared, put right, taken off, upgraded over.

use super::cast::Cast;
use crate::support::{
    home::Home,
    postgres::{self, Database},
};
use mecapy::{
    admin::{Admin, expected_catalogue, expected_protection, read_protection},
    db::Options,
};
use migrations::{Dialect, security};

/// After a change: `MECAPY_UPDATE_SCHEMA=1 cargo test --test it security::standing`.
#[tokio::test]
async fn the_expected_protection_is_what_is_put_on() {
    let Some(cast) = Cast::secured() else { return };
    let connection = cast.database.connect().await;
    let made = read_protection(&connection).await.unwrap();
    connection.close().await.unwrap();
    let path = format!("{}/migrations/expected/security.json", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("MECAPY_UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(
        made,
        expected_protection(),
        "{path} is old: MECAPY_UPDATE_SCHEMA=1 cargo test --test it security::standing"
    );
}

#[test]
fn every_table_of_the_newest_schema_is_covered() {
    let protection = expected_protection();
    let mut tables: Vec<String> = expected_catalogue(Dialect::Postgres).tables.into_keys().collect();
    tables.extend([migrations::APPLIED_TABLE, security::PEOPLE].map(str::to_owned));
    tables.sort();
    let covered: Vec<_> = protection.of("row security").collect();
    let all: Vec<_> = tables.iter().map(|table| (table.as_str(), "on")).collect();
    assert_eq!(covered, all, "a new table belongs into migrations/src/security/tables.rs");
    for table in tables.iter().filter(|table| *table != security::PEOPLE) {
        let own = format!("{table}.");
        let policies: Vec<_> = protection.of("policy").filter(|(name, _)| name.starts_with(&own)).collect();
        assert!(policies.iter().any(|(_, what)| what.contains(" to mecapy_user")), "{table}: {policies:?}");
        for (name, what) in policies {
            // Asked once for a statement, as a query of its own.
            assert_eq!(what.matches("me()").count(), what.matches("( SELECT me() AS me)").count(), "{name}: {what}");
        }
    }
    // Ids are given out, never chosen; nobody but the owner maps roles to people; nobody has a sequence.
    for (name, what) in protection.of("grant").filter(|(name, _)| !name.ends_with(security::SERVICE)) {
        assert!(!name.contains(security::PEOPLE) && !name.starts_with("sequence"), "{name}");
        let inserted = what.split("INSERT (").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default();
        assert!(!inserted.split(", ").any(|column| column == "id"), "{name}: {what}");
    }
}

async fn admin(database: &Database) -> Admin {
    Admin::connect(&database.server().superuser_url(database.name()), &Options::default(), false).await.unwrap()
}

fn home(database: &Database) -> Home {
    Home::new().with("DATABASE_URL", &database.server().superuser_url(database.name()))
}

#[test]
fn it_is_looked_at_put_on_once_and_taken_off_again() {
    let Some(database) = postgres::database() else { return };
    let home = home(&database);
    let count = "SELECT (SELECT count(*) FROM pg_policy) + (SELECT count(*) FROM pg_class WHERE relrowsecurity)";
    let grants = "SELECT string_agg(relname || coalesce(relacl::text, ''), ' ' ORDER BY relname) FROM pg_class \
                  WHERE relnamespace = 'public'::regnamespace";
    let (before, check) = (database.superuser(grants), home.run(&["db", "check"]).code(0).out);
    assert!(home.run(&["db", "secure", "--dry-run"]).code(0).out.contains("would put on row security"));
    let sql = home.run(&["db", "secure", "--sql"]).code(0).out;
    assert!(sql.contains("CREATE POLICY mecapy_own ON calculations") && sql.contains("BEGIN;"), "{sql}");
    home.run(&["db", "secure", "--read-only"]).code(6);
    assert_eq!(database.superuser(count), "0", "looking changed something");

    home.run(&["db", "secure"]).code(0).says("mecapy admin provision");
    home.run(&["db", "check"]).code(0);
    home.run(&["db", "secure"]).code(0).says("is on, and as it should be");
    assert_eq!(home.run(&["db", "secure", "--sql"]).code(0).out.trim(), "");
    // What runs with the owner's eyes belongs to the owner of the tables, not to the superuser who put it on.
    let owners = "SELECT string_agg(DISTINCT pg_get_userbyid(proowner), ' ') FROM pg_proc \
                  WHERE pronamespace = 'public'::regnamespace AND prosecdef";
    assert_eq!(database.superuser(owners), postgres::ROLE);

    home.run(&["db", "secure", "--off"]).code(6).says("confirm with --yes");
    home.run(&["db", "secure", "--off", "--yes"]).code(0);
    assert_eq!((home.run(&["db", "check"]).code(0).out, database.superuser(count)), (check, "0".to_owned()));
    let after = database.superuser(grants);
    assert!(!after.contains("mecapy_user") && !after.contains("mecapy_service"), "{before}\n{after}");
    home.run(&["db", "secure", "--off"]).code(0).says("is not on");
    home.run(&["db", "secure"]).code(0);
}

#[test]
fn the_printed_sql_does_the_same() {
    let Some(database) = postgres::database() else { return };
    let home = home(&database);
    let sql = home.run(&["db", "secure", "--sql"]).code(0).out;
    database.superuser(&sql);
    home.run(&["db", "check"]).code(0);
}

#[test]
fn whoever_may_not_is_told_why_and_nothing_is_changed() {
    let Some(database) = postgres::database() else { return };
    let count = "SELECT count(*) FROM pg_class WHERE relrowsecurity";
    let stranger = format!("{}_stranger", database.name());
    database.superuser(&format!(
        "CREATE ROLE {stranger} LOGIN CREATEROLE PASSWORD 'x'; GRANT SELECT ON mecapy_migrations TO {stranger}"
    ));
    let url = database.url().replace(&format!("{}:{}", postgres::ROLE, postgres::PASSWORD), &format!("{stranger}:x"));
    let refused = Home::new().with("DATABASE_URL", &url).run(&["db", "secure"]).code(6);
    refused.says("its tables belong to mecapy").says("nothing was changed");
    database.superuser("DROP VIEW user_stats");
    database.superuser("DELETE FROM mecapy_migrations WHERE version LIKE '011%'");
    home(&database).run(&["db", "secure"]).code(6).says("mecapy db upgrade comes first");
    assert_eq!(database.superuser(count), "0");
    database.superuser(&format!("DROP OWNED BY {stranger}; DROP ROLE {stranger}"));
    let file = Home::new();
    file.run(&["calc", "ls"]).code(0);
    file.run(&["db", "secure"]).code(2).says("a SQLite file has no roles");
}

#[test]
fn what_others_gave_or_changed_is_told_and_put_right() {
    let Some(cast) = Cast::new() else { return };
    let (database, home) = (&cast.database, home(&cast.database));
    let stranger = cast.role("engi\"neers to all");
    let quoted = stranger.replace('"', "\"\"");
    cast.owner(&format!("CREATE ROLE \"{quoted}\""));
    for sql in [
        "ALTER TABLE calculations DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY everybody ON user_files USING (true)",
        "DROP POLICY mecapy_own ON tools",
        "ALTER POLICY mecapy_own_read ON users USING (true)",
        "GRANT TRUNCATE ON calculations TO PUBLIC",
        "GRANT UPDATE (keycloak_id) ON users TO mecapy_user",
        "GRANT SELECT ON mecapy_people TO mecapy_user",
        "GRANT ALL ON SEQUENCE calculations_id_seq TO mecapy_user",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE mecapy IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
        "ALTER VIEW user_stats RESET (security_invoker)",
        "ALTER FUNCTION me() RESET ALL",
        "GRANT EXECUTE ON FUNCTION me() TO PUBLIC",
        "DROP TRIGGER mecapy_guard ON users",
        &format!("GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO \"{quoted}\""),
    ] {
        cast.owner(sql);
    }
    let told = home.run(&["db", "check"]).code(1).out;
    for words in [
        "differs  row security calculations: off, expected on",
        "extra    policy user_files.everybody",
        "missing  policy tools.mecapy_own",
        "differs  policy users.mecapy_own_read: SELECT to mecapy_user using true",
        "extra    grant table calculations to PUBLIC: TRUNCATE",
        "differs  grant table users to mecapy_user",
        "extra    grant table mecapy_people to mecapy_user: SELECT",
        "extra    grant sequence calculations_id_seq to mecapy_user",
        "extra    grant schema public to PUBLIC: CREATE",
        "extra    default privilege PUBLIC: SELECT",
        "differs  view security user_stats: of its owner",
        "differs  function me()",
        "missing  guard mecapy_guard",
        &format!("extra    grant table users to {stranger}: SELECT, UPDATE"),
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let plan = home.run(&["db", "secure", "--dry-run"]).code(0);
    plan.says("takes from PUBLIC what it may do with table calculations: TRUNCATE").says("drops the policy everybody");
    home.run(&["db", "secure"]).code(0);
    let left = home.run(&["db", "check"]);
    assert_eq!(left.out, "");
    assert_eq!(database.superuser("SELECT count(*) FROM mecapy_people"), "5", "people and programs are kept");
}

#[tokio::test]
async fn what_later_steps_make_is_covered_and_older_schemas_are_refused() {
    let Some(cast) = Cast::secured() else { return };
    let home = home(&cast.database);
    home.run(&["db", "downgrade", "-1", "--yes"]).code(6).says("mecapy db secure --off comes first");
    // The schema as it was before the newest step, with what that step makes not there.
    let step = migrations::STEPS.last().unwrap();
    for sql in (step.down)(Dialect::Postgres) {
        cast.owner(&sql);
    }
    cast.owner(&format!("DELETE FROM mecapy_migrations WHERE version = '{}'", step.name));
    cast.owner("DROP POLICY mecapy_own ON calculation_runs");
    assert!(home.run(&["db", "upgrade", "--dry-run"]).code(0).out.contains("would apply row security"));
    home.run(&["db", "upgrade"]).code(0);
    home.run(&["db", "check"]).code(0);
    // A table that belongs to the newest schema, and that row security does not know, would be told.
    cast.owner("ALTER TABLE tool_versions DISABLE ROW LEVEL SECURITY");
    let admin = admin(&cast.database).await;
    let told = admin.check().await.unwrap();
    assert_eq!(
        told.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["differs  row security tool_versions: off, expected on"]
    );
    admin.close().await.unwrap();
}
