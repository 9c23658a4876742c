//! Ways round the policies: roles, settings, functions, statistics, sequences, messages, locks.

use crate::security::cast::{Cast, DENIED};

#[tokio::test]
async fn no_role_and_no_setting_makes_somebody_else_of_a_person() {
    let Some(cast) = Cast::new() else { return };
    let mut alice = cast.connect("alice").await;
    let rows = "SELECT count(*) FROM calculations";
    for role in [&*cast.role("bob"), "mecapy", "postgres", "mecapy_admin", "mecapy_service", "pg_read_all_data"] {
        let words = alice.refused(&format!("SET ROLE \"{role}\""), DENIED).await;
        assert!(words.contains("permission denied"), "{words}");
        alice.refused(&format!("SET SESSION AUTHORIZATION \"{role}\""), DENIED).await;
        let granted = alice.ask(&format!("GRANT \"{role}\" TO CURRENT_USER")).await;
        assert!(granted.is_err_and(|(code, _)| code == DENIED), "{role}");
    }
    // The person's own group is a role, too, and changes nothing.
    alice.ask("SET ROLE mecapy_user").await.unwrap();
    assert_eq!(alice.one(rows).await, "2");
    alice.ask("RESET ROLE").await.unwrap();
    for setting in [
        "SET request.jwt.claims = '{\"sub\": \"sub-bob\"}'",
        "SET app.user_id = '2'",
        "SET mecapy.person = 'bob'",
        "SET search_path = pg_temp, public",
        "SET mecapy.told = 'nonsense'",
        "SET plan_cache_mode = force_generic_plan",
        "SET check_function_bodies = off",
    ] {
        alice.ask(setting).await.unwrap();
        assert_eq!(alice.texts("SELECT DISTINCT user_id = me() FROM calculations").await, ["true"], "{setting}");
    }
    alice.ask("RESET ALL").await.unwrap();
    // Off means an error, never more rows.
    alice.ask("SET row_security = off").await.unwrap();
    let words = alice.refused("SELECT * FROM calculations", DENIED).await;
    assert!(words.contains("row-level security"), "{words}");
    alice.ask("SET row_security = on").await.unwrap();
    for sql in [
        "SET session_replication_role = replica".to_owned(),
        "ALTER TABLE calculations DISABLE ROW LEVEL SECURITY".to_owned(),
        "ALTER TABLE calculations DISABLE TRIGGER ALL".to_owned(),
        "ALTER TABLE calculations ADD COLUMN x INT".to_owned(),
        "DROP TABLE calculations".to_owned(),
        "DROP POLICY mecapy_own ON calculations".to_owned(),
        "ALTER POLICY mecapy_own ON calculations USING (true)".to_owned(),
        "CREATE POLICY mine ON calculations USING (true)".to_owned(),
        "CREATE TABLE public.calculations2 (id int)".to_owned(),
        "CREATE FUNCTION public.me() RETURNS bigint LANGUAGE sql AS 'SELECT 2::bigint'".to_owned(),
        "CREATE OR REPLACE FUNCTION me() RETURNS bigint LANGUAGE sql AS 'SELECT 2::bigint'".to_owned(),
        "ALTER FUNCTION me() SET search_path = pg_temp".to_owned(),
        "CREATE TRIGGER t AFTER INSERT ON calculations EXECUTE FUNCTION mecapy_tell('a', 'b', 'c')".to_owned(),
        "CREATE RULE r AS ON SELECT TO tools DO INSTEAD SELECT 1".to_owned(),
        "CREATE SCHEMA mine".to_owned(),
        "CREATE TABLE pg_temp.t (id bigint REFERENCES public.calculations (id))".to_owned(),
        "CREATE ROLE mine".to_owned(),
        format!("ALTER ROLE \"{}\" SUPERUSER", cast.role("alice")),
        format!("ALTER ROLE \"{}\" BYPASSRLS", cast.role("alice")),
        format!("ALTER ROLE \"{}\" PASSWORD 'x'", cast.role("bob")),
        "COPY calculations FROM PROGRAM 'true'".to_owned(),
        "COPY calculations TO '/tmp/mecapy-copy'".to_owned(),
        "SELECT pg_read_file('/etc/passwd')".to_owned(),
        "REINDEX TABLE mecapy_people".to_owned(),
    ] {
        let refused = alice.ask(&sql).await;
        let is_denied = |(code, _): &(String, String)| [DENIED, "42P16", "22012", "0A000"].contains(&code.as_str());
        assert!(refused.as_ref().is_err_and(is_denied), "{sql}: {:?}", refused.map(|rows| rows.len()));
    }
    // A grant without the right to give is a warning, and gives nothing.
    let _ = alice.ask("GRANT SELECT ON calculations TO PUBLIC").await;
    assert_eq!(cast.owner("SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC' AND table_name = 'calculations'"), "0");
    let others = format!(
        "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{}'",
        cast.role("bob")
    );
    let _bob = cast.connect("bob").await;
    alice.refused(&others, DENIED).await;
}

#[tokio::test]
async fn functions_operators_and_statistics_leak_nothing() {
    let Some(cast) = Cast::new() else { return };
    let mut alice = cast.connect("alice").await;
    // A function that tells what it is given, and looks cheap: it is asked about own rows only.
    alice
        .ask(
            "CREATE FUNCTION pg_temp.leak(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN \
             IF t LIKE '%bob%' THEN RAISE EXCEPTION 'leaked %', t; END IF; RETURN true; END $$",
        )
        .await
        .unwrap();
    for sql in [
        "SELECT count(*) FROM calculations WHERE pg_temp.leak(name)",
        "SELECT count(*) FROM users WHERE pg_temp.leak(email)",
        "SELECT count(*) FROM user_files WHERE NOT is_public AND pg_temp.leak(description)",
        "SELECT count(*) FROM tools WHERE NOT is_active AND pg_temp.leak(display_name)",
        "SELECT count(*) FROM user_stats WHERE pg_temp.leak(username)",
        "SELECT count(*) FROM recent_calculations WHERE pg_temp.leak(name)",
        "SELECT count(*) FROM calculations c JOIN users u ON pg_temp.leak(c.name) AND pg_temp.leak(u.email)",
    ] {
        alice.ask(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    let divided = format!(
        "SELECT 1 / (user_id - {}) FROM calculations WHERE 1 / (user_id - {}) < 9",
        cast.id("bob"),
        cast.id("bob")
    );
    alice.ask(&divided).await.unwrap();
    // A function with the owner's eyes looks up its names where the caller cannot write.
    alice.ask("CREATE TEMP TABLE users (id bigint, keycloak_id text, is_active boolean)").await.unwrap();
    alice.ask("CREATE TEMP TABLE mecapy_people (role_name text, user_id bigint)").await.unwrap();
    alice.ask("CREATE TEMP TABLE calculations (id bigint, user_id bigint)").await.unwrap();
    let (bob, theirs) = (cast.id("bob"), cast.first("calculations", "bob"));
    alice.ask(&format!("INSERT INTO pg_temp.users VALUES ({bob}, 'sub-bob', true)")).await.unwrap();
    alice.ask(&format!("INSERT INTO pg_temp.mecapy_people SELECT session_user, {bob}")).await.unwrap();
    alice.ask(&format!("INSERT INTO pg_temp.calculations VALUES ({theirs}, {})", cast.id("alice"))).await.unwrap();
    alice
        .ask("CREATE FUNCTION pg_temp.me() RETURNS bigint LANGUAGE sql AS 'SELECT min(id) FROM pg_temp.users'")
        .await
        .unwrap();
    alice.ask("SET search_path = pg_temp, public").await.unwrap();
    assert_eq!(alice.one("SELECT public.me()").await, cast.id("alice").to_string());
    assert_eq!(alice.one("SELECT public.my_sub()").await, "sub-alice");
    assert_eq!(alice.one(&format!("SELECT public.my_calculation({theirs})")).await, "false");
    assert_eq!(alice.one("SELECT count(*) FROM public.calculations").await, "2");
    alice.ask("RESET search_path").await.unwrap();
    // The statistics of columns, of expressions in indexes, and of partitions.
    cast.owner("ANALYZE");
    let stats = "SELECT tablename || ' ' || attname FROM pg_stats WHERE schemaname = 'public' \
                 AND (coalesce(most_common_vals, histogram_bounds))::text LIKE '%bob%'";
    assert_eq!(alice.texts(stats).await, Vec::<String>::new());
    assert_eq!(alice.texts("SELECT tablename FROM pg_stats WHERE schemaname = 'public'").await, Vec::<String>::new());
    for sql in ["SELECT * FROM pg_statistic", "SELECT * FROM pg_authid", "SELECT * FROM pg_stat_ssl, pg_shadow"] {
        alice.refused(sql, DENIED).await;
    }
    // What others do right now.
    let mut bob = cast.connect("bob").await;
    bob.ask("SELECT 'secret of bob'").await.unwrap();
    let seen = alice
        .texts("SELECT query FROM pg_stat_activity WHERE query LIKE '%secret of bob%' AND pid <> pg_backend_pid()");
    assert_eq!(seen.await, Vec::<String>::new());
    // A broken rule tells of a row that it is there, by values that the attacker gave; nothing else of it.
    let words = alice
        .refused(
            "INSERT INTO tools (name, display_name, description, version, code_template, docker_image, author_id) \
             VALUES ('bob-1', '', '', '1', '', '', me())",
            "23505",
        )
        .await;
    assert!(words.contains("ix_tools_name") && !words.contains("secret"), "{words}");
}

#[tokio::test]
async fn sequences_messages_and_locks_are_harmless() {
    let Some(cast) = Cast::new() else { return };
    let mut alice = cast.connect("alice").await;
    for table in ["users", "user_files", "calculations", "tools", "tool_versions"] {
        let sequence = format!("{table}_id_seq");
        for sql in [
            format!("SELECT setval('{sequence}', 1)"),
            format!("SELECT nextval('{sequence}')"),
            format!("SELECT last_value FROM {sequence}"),
            format!("ALTER SEQUENCE {sequence} RESTART"),
        ] {
            alice.refused(&sql, DENIED).await;
        }
    }
    // A message can be forged by anybody: ids only are told, and whoever hears one asks the database.
    let mut bob = sqlx::postgres::PgListener::connect(&cast.url("bob")).await.unwrap();
    bob.listen("mecapy").await.unwrap();
    alice.ask("NOTIFY mecapy, 'calculations 1 2; DROP TABLE users'").await.unwrap();
    assert_eq!(bob.recv().await.unwrap().payload(), "calculations 1 2; DROP TABLE users");
    let mine = cast.first("calculations", "alice");
    alice.ask(&format!("UPDATE calculations SET name = 'hidden words' WHERE id = {mine}")).await.unwrap();
    assert_eq!(bob.recv().await.unwrap().payload(), format!("calculations {mine} {}", cast.id("alice")));
    // Locks that would keep others from working.
    for mode in ["SHARE", "EXCLUSIVE"] {
        alice.refused(&format!("BEGIN; LOCK TABLE mecapy_people IN {mode} MODE"), DENIED).await;
        alice.ask("ROLLBACK").await.unwrap();
    }
}
