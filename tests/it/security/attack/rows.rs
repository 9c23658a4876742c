//! What people with a role of their own and any client see, change and move: their own rows, and no others.

use crate::security::cast::{Cast, DENIED, OWNED};
use sqlx::Row as _;

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
