//! Attacks on row security by people with a role of their own and any client: what they see, change, move, and call.

use super::cast::{Cast, DENIED};
use sqlx::{Connection as _, Row as _};

/// The tables with rows of people, each with the column that says whose a row is.
const OWNED: [(&str, &str); 6] = [
    ("users", "id"),
    ("user_files", "user_id"),
    ("calculations", "user_id"),
    ("calculation_runs", "user_id"),
    ("tools", "author_id"),
    ("tool_versions", "created_by"),
];

#[tokio::test]
async fn own_rows_are_seen_and_public_ones_and_no_others() {
    let Some(cast) = Cast::new() else { return };
    let mut alice = cast.connect("alice").await;
    let (me, bob) = (cast.id("alice"), cast.id("bob"));
    assert_eq!(alice.one("SELECT me()").await, me.to_string());
    for (table, whose) in OWNED {
        let own = alice.one(&format!("SELECT count(*) FROM {table} WHERE {whose} = {me}")).await;
        let all = if matches!(table, "users" | "calculation_runs") { "1" } else { "2" };
        assert_eq!(own, all, "{table}");
        // Of others': the public file, the offered tool with its version.
        let others = alice.texts(&format!("SELECT count(*) FROM {table} WHERE {whose} = {bob}")).await;
        let shared = if matches!(table, "user_files" | "tools" | "tool_versions") { "1" } else { "0" };
        assert_eq!(others, [shared], "{table}");
    }
    assert_eq!(alice.one("SELECT count(*) FROM calculation_files").await, "1");
    assert_eq!(alice.texts("SELECT DISTINCT is_public FROM user_files WHERE user_id <> me()").await, ["true"]);
    assert_eq!(alice.texts("SELECT DISTINCT is_active FROM tools WHERE author_id <> me()").await, ["true"]);
    assert_eq!(alice.texts("SELECT username FROM user_stats").await, ["alice"]);
    assert_eq!(alice.texts("SELECT DISTINCT username FROM recent_calculations").await, ["alice"]);
    // What others are called, and nothing else of them.
    assert_eq!(alice.one(&format!("SELECT display_name FROM people WHERE id = {bob}")).await, "The bob");
    alice.refused("SELECT * FROM mecapy_people", DENIED).await;
    alice.refused("SELECT email FROM people", "42703").await;
    // By a join, a subquery, a cursor, a copy, an EXPLAIN that runs it, a prepared statement: the same rows.
    let count = format!("SELECT count(*) FROM users u JOIN calculations c ON c.user_id = {bob}");
    assert_eq!(alice.one(&count).await, "0");
    alice.ask("BEGIN; DECLARE c CURSOR FOR SELECT name FROM calculations").await.unwrap();
    assert_eq!(alice.ask("FETCH ALL FROM c").await.unwrap().len(), 2);
    alice.ask("COMMIT").await.unwrap();
    let mut copied = alice.0.copy_out_raw("COPY calculations (name) TO STDOUT").await.unwrap();
    let mut text = Vec::new();
    while let Some(chunk) = futures_util::StreamExt::next(&mut copied).await {
        text.extend_from_slice(&chunk.unwrap());
    }
    drop(copied);
    assert_eq!(String::from_utf8(text).unwrap(), "secret of alice\n".repeat(2));
    let rows = alice.ask("EXPLAIN (ANALYZE, VERBOSE, COSTS off) SELECT * FROM calculations").await.unwrap();
    let plan: String = rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect();
    assert!(!plan.contains("secret of bob"), "{plan}");
}

#[tokio::test]
async fn rows_of_others_are_neither_changed_nor_deleted() {
    let Some(cast) = Cast::new() else { return };
    let mut alice = cast.connect("alice").await;
    let (theirs, file) = (cast.first("calculations", "bob"), cast.first("user_files", "bob"));
    let before = cast.owner("SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM calculations t");
    for (table, set) in [
        ("users", "email = 'x'"),
        ("user_files", "description = 'x'"),
        ("calculations", "name = 'x'"),
        ("calculation_files", "file_role = 'x'"),
        ("calculation_runs", "host = 'x'"),
        ("tools", "description = 'x'"),
    ] {
        let whose = match table {
            "users" => "id",
            "tools" => "author_id",
            "calculation_files" => "calculation_id NOT IN (SELECT id FROM calculations) AND calculation_id",
            _ => "user_id",
        };
        assert_eq!(alice.change(&format!("UPDATE {table} SET {set} WHERE {whose} <> me()")).await, 0, "{table}");
        if !matches!(table, "users" | "tools") {
            assert_eq!(alice.change(&format!("DELETE FROM {table} WHERE {whose} <> me()")).await, 0, "{table}");
        }
    }
    // Their public file, which is read, is not written.
    assert_eq!(alice.change("UPDATE user_files SET is_public = false WHERE user_id <> me()").await, 0);
    assert!(alice.ask("DELETE FROM user_files WHERE user_id <> me() RETURNING *").await.unwrap().is_empty());
    let update = format!("UPDATE calculations SET name = 'x' WHERE id = {theirs} RETURNING *");
    assert!(alice.ask(&update).await.unwrap().is_empty());
    let locked = format!("SELECT * FROM calculations WHERE id = {theirs} FOR UPDATE");
    assert!(alice.ask(&locked).await.unwrap().is_empty());
    let merge = format!(
        "MERGE INTO calculations c USING (SELECT {theirs}::bigint AS id) x ON c.id = x.id \
         WHEN MATCHED THEN UPDATE SET name = 'x' WHEN NOT MATCHED THEN DO NOTHING"
    );
    assert_eq!(alice.change(&merge).await, 0);
    for sql in ["DELETE FROM users", "DELETE FROM tools", "TRUNCATE calculations", "TRUNCATE user_files CASCADE"] {
        alice.refused(sql, DENIED).await;
    }
    assert_eq!(cast.owner("SELECT md5(string_agg(t::text, '' ORDER BY id)) FROM calculations t"), before);
    assert_eq!(cast.owner(&format!("SELECT description FROM user_files WHERE id = {file}")), "secret of bob");
}

#[tokio::test]
async fn rows_are_not_moved_to_others_nor_made_in_their_name() {
    let Some(cast) = Cast::new() else { return };
    let mut alice = cast.connect("alice").await;
    let (me, bob) = (cast.id("alice"), cast.id("bob"));
    let (mine, theirs) = (cast.first("calculations", "alice"), cast.first("calculations", "bob"));
    let (file, secret) = (cast.first("user_files", "alice"), cast.first("user_files", "bob"));
    let public = cast.owner(&format!("SELECT id FROM user_files WHERE is_public AND user_id = {bob}"));
    let tool = cast.first("tools", "bob");
    let new_file = |user: i64, key: &str| {
        format!(
            "INSERT INTO user_files (user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, \
             s3_url) VALUES ({user}, 'f', 'f', 1, 't', '{key}', 'local', 'file:/f')"
        )
    };
    let link = |calculation: i64, file: &str| {
        format!("INSERT INTO calculation_files (calculation_id, file_id) VALUES ({calculation}, {file})")
    };
    let run = |calculation: i64, user: i64| {
        format!(
            "INSERT INTO calculation_runs (id, calculation_id, user_id, host, timeout, memory_limit, cpu_limit) \
             VALUES ('r{calculation}{user}', {calculation}, {user}, 'h', 1, 1, 1)"
        )
    };
    let version = |tool: i64, user: i64| {
        format!(
            "INSERT INTO tool_versions (tool_id, version, code_template, docker_image, created_by) \
             VALUES ({tool}, '9', 'evil', '', {user})"
        )
    };
    let child = |parent: i64| {
        format!("INSERT INTO calculations (user_id, name, code, parent_id) VALUES ({me}, 'n', 'pass', {parent})")
    };
    for sql in [
        // Columns that nobody writes.
        format!("UPDATE calculations SET user_id = {bob} WHERE id = {mine}"),
        format!("UPDATE user_files SET user_id = {bob}"),
        format!("UPDATE tools SET author_id = {bob}"),
        format!("UPDATE calculation_runs SET user_id = {bob}"),
        format!("UPDATE calculation_files SET file_id = {secret}"),
        format!("UPDATE calculation_files SET calculation_id = {theirs}"),
        "UPDATE users SET keycloak_id = 'sub-bob'".to_owned(),
        "UPDATE users SET is_active = true".to_owned(),
        "UPDATE user_files SET original_filename = 'other'".to_owned(),
        "UPDATE calculations SET id = 1000000".to_owned(),
        "UPDATE tool_versions SET code_template = 'evil'".to_owned(),
        "DELETE FROM tool_versions".to_owned(),
        // Ids that others are about to get.
        format!("INSERT INTO calculations (id, user_id, name, code) VALUES (1000000, {me}, 'n', 'pass')"),
        "INSERT INTO users (keycloak_id, username, email) VALUES ('x', 'x', 'x')".to_owned(),
        format!("INSERT INTO mecapy_people (role_name, user_id) VALUES ('{}', {bob})", cast.role("alice")),
        "INSERT INTO mecapy_migrations VALUES ('999', 1)".to_owned(),
        // Rows of another person's.
        format!("INSERT INTO calculations (user_id, name, code) VALUES ({bob}, 'n', 'pass')"),
        run(mine, bob),
        run(theirs, me),
        version(tool, me),
        version(cast.first("tools", "alice"), bob),
        "INSERT INTO tools (name, display_name, description, version, code_template, docker_image, author_id) \
         SELECT 'n', 'n', '', '1', 'c', '', id FROM people WHERE display_name = 'The bob'"
            .to_owned(),
        // What is another's, linked to what is mine, and the other way.
        link(mine, &secret.to_string()),
        link(theirs, &file.to_string()),
        child(theirs),
        format!("UPDATE calculations SET parent_id = {theirs} WHERE id = {mine}"),
        // Keys outside the person's own folder.
        new_file(bob, "users/sub-bob/files/9/f"),
        new_file(me, "users/sub-bob/files/9/f"),
        new_file(me, "public/sub-bob/9/f"),
        new_file(me, "users/sub-alice"),
        new_file(me, "users/sub-alicebob/f"),
        new_file(me, "users/sub-alice/../sub-bob/files/9/f"),
        new_file(me, "users/sub-alice/./../sub-bob/f"),
        new_file(me, "users/sub-alice//f"),
        new_file(me, "users/sub-alice/f/.."),
        new_file(me, "/users/sub-alice/f"),
        format!("UPDATE user_files SET s3_key = 'users/sub-bob/files/9/f' WHERE id = {file}"),
        format!("UPDATE user_files SET s3_key = 'users/sub-alice/../sub-bob/f' WHERE id = {file}"),
    ] {
        let words = alice.refused(&sql, DENIED).await;
        assert!(!words.contains("secret"), "{sql}: {words}");
    }
    // What is right goes on working.
    for sql in [
        new_file(me, "users/sub-alice/files/8/..f"),
        new_file(me, "public/sub-alice/8/f.csv"),
        link(mine, &public),
        child(mine),
        version(cast.first("tools", "alice"), me),
        format!("UPDATE user_files SET s3_key = 'public/sub-alice/1/f.csv', is_public = true WHERE id = {file}"),
        "UPDATE users SET display_name = 'Alice', last_login = now()".to_owned(),
    ] {
        assert_eq!(alice.change(&sql).await, 1, "{sql}");
    }
    // A conflict is no way to another's row either.
    let upsert =
        format!("{} ON CONFLICT (s3_key) DO UPDATE SET description = 'x'", new_file(me, "users/sub-bob/files/1/f.csv"));
    alice.refused(&upsert, DENIED).await;
    assert_eq!(cast.owner(&format!("SELECT count(*) FROM calculation_files WHERE file_id = {secret}")), "1");
}

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

#[tokio::test]
async fn whoever_is_switched_off_sees_nothing_from_the_next_statement_on() {
    let Some(cast) = Cast::new() else { return };
    let mut alice = cast.connect("alice").await;
    alice.ask("BEGIN").await.unwrap();
    assert_eq!(alice.one("SELECT count(*) FROM calculations").await, "2");
    // In the middle of a transaction of hers, by the administrator.
    let mut carol = cast.connect("carol").await;
    assert_eq!(carol.change("UPDATE users SET is_active = false WHERE username = 'alice'").await, 1);
    for table in [
        "users",
        "user_files",
        "calculations",
        "calculation_files",
        "calculation_runs",
        "tools",
        "tool_versions",
        "people",
        "user_stats",
        "recent_calculations",
    ] {
        assert_eq!(alice.one(&format!("SELECT count(*) FROM {table}")).await, "0", "{table}");
    }
    assert_eq!(alice.change("UPDATE calculations SET name = 'x'").await, 0);
    assert_eq!(alice.change("UPDATE users SET display_name = 'x'").await, 0);
    let insert = format!("INSERT INTO calculations (user_id, name, code) VALUES ({}, 'n', 'pass')", cast.id("alice"));
    alice.refused(&insert, DENIED).await;
    let mut erin = cast.connect("erin").await;
    assert_eq!(erin.one("SELECT me() IS NULL").await, "true");
}

#[tokio::test]
async fn an_administrator_reads_all_and_writes_what_an_administrator_writes() {
    let Some(cast) = Cast::new() else { return };
    let mut carol = cast.connect("carol").await;
    let bob = cast.id("bob");
    for (table, count) in [
        ("users", "4"),
        ("user_files", "8"),
        ("calculations", "8"),
        ("calculation_files", "4"),
        ("calculation_runs", "4"),
        ("tools", "8"),
        ("tool_versions", "8"),
        ("user_stats", "4"),
        ("recent_calculations", "8"),
    ] {
        assert_eq!(carol.one(&format!("SELECT count(*) FROM {table}")).await, count, "{table}");
    }
    for table in ["calculations", "user_files", "calculation_runs"] {
        let column = if table == "calculation_runs" { "host" } else { "description" };
        assert_eq!(
            carol.change(&format!("UPDATE {table} SET {column} = 'x' WHERE user_id = {bob}")).await,
            0,
            "{table}"
        );
        assert_eq!(carol.change(&format!("DELETE FROM {table} WHERE user_id = {bob}")).await, 0, "{table}");
    }
    let words = carol.refused(&format!("UPDATE users SET email = 'x' WHERE id = {bob}"), DENIED).await;
    assert!(words.contains("switches others on and off"), "{words}");
    carol.refused(&format!("UPDATE users SET is_active = false, username = 'x' WHERE id = {bob}"), DENIED).await;
    assert_eq!(carol.change("UPDATE users SET email = 'new' WHERE id = me()").await, 1);
    assert_eq!(carol.change("UPDATE users SET is_active = true WHERE username = 'erin'").await, 1);
    assert_eq!(carol.change(&format!("UPDATE tools SET is_active = false WHERE author_id = {bob}")).await, 2);
    // Another's private file is read as a row, and not made an own input of.
    let (mine, secret) = (cast.first("calculations", "carol"), cast.first("user_files", "bob"));
    let link = format!("INSERT INTO calculation_files (calculation_id, file_id) VALUES ({mine}, {secret})");
    carol.refused(&link, DENIED).await;
    carol.refused("SELECT * FROM mecapy_people", DENIED).await;
    carol.refused("UPDATE tool_versions SET code_template = 'x'", DENIED).await;
    carol.refused("TRUNCATE users CASCADE", DENIED).await;
}

#[tokio::test]
async fn a_program_works_for_everybody_and_is_no_owner() {
    let Some(cast) = Cast::new() else { return };
    // A program of another database of the same server: the group is there, the row is not.
    let other = cast.role("other_robot");
    cast.owner(&format!(
        "CREATE ROLE {other} LOGIN PASSWORD '{}'; GRANT mecapy_service TO {other}",
        super::cast::PASSWORD
    ));
    let mut stranger = cast.connect("other_robot").await;
    assert_eq!(stranger.one("SELECT count(*) FROM users").await, "0");
    stranger.refused("INSERT INTO users (keycloak_id, username, email) VALUES ('x', 'x', 'x')", DENIED).await;
    let mut robot = cast.connect("robot").await;
    assert_eq!(robot.one("SELECT count(*) FROM calculations").await, "8");
    assert_eq!(robot.one("SELECT count(*) FROM user_stats").await, "4");
    let bob = cast.id("bob");
    for sql in [
        "INSERT INTO users (keycloak_id, username, email) VALUES ('sub-new', 'new', 'n@example.org') \
         ON CONFLICT (keycloak_id) DO UPDATE SET email = excluded.email"
            .to_owned(),
        "UPDATE users SET email = 'x', is_active = false WHERE username = 'new'".to_owned(),
        format!("INSERT INTO calculations (user_id, name, code) VALUES ({bob}, 'for bob', 'pass')"),
        "UPDATE calculations SET status = 'running' WHERE name = 'for bob'".to_owned(),
        "DELETE FROM calculations WHERE name = 'for bob'".to_owned(),
    ] {
        assert_eq!(robot.change(&sql).await, 1, "{sql}");
    }
    for sql in [
        "SELECT * FROM mecapy_people",
        "UPDATE tool_versions SET code_template = 'x'",
        "DELETE FROM tool_versions",
        "TRUNCATE calculations",
        "ALTER TABLE calculations DISABLE ROW LEVEL SECURITY",
        "INSERT INTO mecapy_migrations VALUES ('999', 1)",
        "SET ROLE mecapy_admin",
    ] {
        robot.refused(sql, DENIED).await;
    }
}

#[tokio::test]
async fn roles_without_a_person_see_nothing_and_others_grants_give_nothing() {
    let Some(cast) = Cast::new() else { return };
    let role = cast.role("stranger");
    let password = super::cast::PASSWORD;
    cast.owner(&format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'; GRANT mecapy_user TO {role}"));
    let mut stranger = cast.connect("stranger").await;
    for (table, _) in OWNED {
        assert_eq!(stranger.one(&format!("SELECT count(*) FROM {table}")).await, "0", "{table}");
    }
    // A role with rights on tables, but in none of the groups: no policy is for it.
    cast.owner(&format!(
        "REVOKE mecapy_user FROM {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    for (table, _) in OWNED {
        assert_eq!(stranger.one(&format!("SELECT count(*) FROM {table}")).await, "0", "{table}");
    }
    assert_eq!(stranger.one("SELECT count(*) FROM mecapy_people").await, "0");
    stranger.0.close().await.unwrap();
}

#[tokio::test]
async fn partitions_are_reached_through_their_table_only() {
    for partitioned_first in [false, true] {
        let Some(cast) = Cast::new() else { return };
        let superuser = cast.database.server().superuser_url(cast.database.name());
        let superuser = crate::support::home::Home::new().with("DATABASE_URL", &superuser);
        let owner = crate::support::home::Home::new().with("DATABASE_URL", &cast.database.url());
        if partitioned_first {
            superuser.run(&["db", "secure", "--off", "--yes"]).code(0);
            owner.run(&["db", "partition", "--yes"]).code(0);
            cast.owner("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC");
            superuser.run(&["db", "secure"]).code(0);
            let person = "SELECT role_name FROM mecapy_people WHERE role_name LIKE '%alice'";
            assert_eq!(cast.owner(person), "", "who is who went with the protection");
            let role = cast.role("alice");
            superuser.run(&["admin", "provision", &role, "--sub", "sub-alice"]).code(0);
        } else {
            owner.run(&["db", "partition", "--yes"]).code(0);
        }
        let checked = superuser.run(&["db", "check"]);
        assert_eq!((checked.code, checked.out.as_str()), (0, ""), "{partitioned_first}");
        let mut alice = cast.connect("alice").await;
        assert_eq!(alice.one("SELECT count(*) FROM calculations").await, "2");
        assert_eq!(alice.one("SELECT count(*) FROM calculation_files").await, "1");
        let parts = cast.owner("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'calculations'::regclass");
        assert!(parts.lines().count() > 1, "{parts}");
        for part in parts.lines().chain(["calculation_ids"]) {
            for sql in ["SELECT * FROM", "SELECT tableoid FROM ONLY", "DELETE FROM", "TRUNCATE"] {
                alice.refused(&format!("{sql} {part}"), DENIED).await;
            }
        }
        let (me, theirs) = (cast.id("alice"), cast.first("calculations", "bob"));
        assert_eq!(alice.change(&format!("UPDATE calculations SET name = 'x' WHERE id = {theirs}")).await, 0);
        let moved = format!("UPDATE calculations SET user_id = {} WHERE user_id = {me}", cast.id("bob"));
        alice.refused(&moved, DENIED).await;
        let child = |parent: i64| {
            format!("INSERT INTO calculations (user_id, name, code, parent_id) VALUES ({me}, 'n', 'pass', {parent})")
        };
        alice.refused(&child(theirs), DENIED).await;
        assert_eq!(alice.change(&child(cast.first("calculations", "alice"))).await, 1);
        assert_eq!(alice.change("DELETE FROM calculations WHERE parent_id IS NOT NULL").await, 1);
        // Given away by mistake, it is told, and taken back.
        let part = parts.lines().next().unwrap();
        cast.owner(&format!("GRANT SELECT ON {part}, calculation_ids TO mecapy_user"));
        let told = superuser.run(&["db", "check"]).code(1).out;
        for of in [format!("partition {part}"), "table calculation_ids".to_owned()] {
            assert!(told.contains(&format!("extra    grant {of} to mecapy_user: SELECT")), "{told}");
        }
        superuser.run(&["db", "secure"]).code(0);
        superuser.run(&["db", "check"]).code(0);
        alice.refused(&format!("SELECT * FROM {part}"), DENIED).await;
    }
}

#[tokio::test]
async fn who_is_asking_is_found_out_once_for_a_statement() {
    let Some(cast) = Cast::new() else { return };
    cast.owner(&format!(
        "INSERT INTO calculations (user_id, name, code) SELECT {}, 'many', 'pass' FROM generate_series(1, 2000); \
         INSERT INTO calculations (user_id, name, code) SELECT {}, 'many', 'pass' FROM generate_series(1, 2000); \
         ANALYZE calculations",
        cast.id("alice"),
        cast.id("bob")
    ));
    let mut alice = cast.connect("alice").await;
    for sql in [
        "SELECT * FROM calculations",
        "SELECT * FROM user_files",
        "SELECT * FROM calculation_runs",
        "UPDATE calculations SET name = 'x'",
    ] {
        alice.ask("BEGIN").await.unwrap();
        let rows = alice.ask(&format!("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) {sql}")).await.unwrap();
        alice.ask("ROLLBACK").await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let asked = plan.iter().position(|line| line.contains("InitPlan")).unwrap_or_else(|| panic!("{plan:#?}"));
        assert!(plan[asked + 1].contains("loops=1)"), "{plan:#?}");
        assert!(
            !plan.iter().any(|line| line.contains("SubPlan") || line.contains("me() =") || line.contains("= me()")),
            "{plan:#?}"
        );
    }
    // With a person among many, an index leads to the own rows.
    let rows =
        alice.ask("EXPLAIN (COSTS off) SELECT * FROM calculations ORDER BY created_at DESC LIMIT 10").await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(plan.iter().any(|line| line.contains("Index")), "{plan:#?}");
}
