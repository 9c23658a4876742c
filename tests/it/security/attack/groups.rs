//! What each group of roles may: who is switched off, administrators, programs, roles without a person.

use crate::security::cast::{Cast, DENIED, OWNED, PASSWORD};
use sqlx::Connection as _;

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
    cast.owner(&format!("CREATE ROLE {other} LOGIN PASSWORD '{PASSWORD}'; GRANT mecapy_service TO {other}"));
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
    cast.owner(&format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'; GRANT mecapy_user TO {role}"));
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
