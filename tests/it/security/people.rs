//! `mecapy admin`: roles and rows of people and programs, made, completed, switched, listed.

use super::cast::{Cast, PASSWORD};
use crate::support::{
    home::{Done, Home},
    postgres,
};

/// An operator who owns the tables through a group and may make roles, and is no superuser.
fn operator(cast: &Cast) -> Home {
    let role = cast.role("operator");
    cast.owner(&format!("CREATE ROLE {role} LOGIN CREATEROLE PASSWORD '{PASSWORD}'; GRANT mecapy TO {role}"));
    Home::new().with("DATABASE_URL", &cast.url("operator"))
}

fn provision(home: &Home, cast: &Cast, name: &str, rest: &[&str]) -> Done {
    let (role, sub) = (cast.role(name), format!("sub-{name}"));
    let mut arguments = vec!["admin", "provision", &role, "--sub", &sub];
    arguments.extend(rest);
    home.run(&arguments)
}

#[tokio::test]
async fn a_person_is_made_once_and_signs_in_with_the_password_that_was_printed() {
    let Some(cast) = Cast::secured() else { return };
    let home = operator(&cast);
    provision(&home, &cast, "ann", &["--email", "ann@example.org", "--dry-run"]).code(0).says("would be: the role");
    assert_eq!(cast.owner("SELECT count(*) FROM mecapy_people"), "0");
    provision(&home, &cast, "ann", &["--email", "a@example.org", "--read-only"]).code(6);
    provision(&home, &cast, "ann", &[]).code(6).says("--email is needed");
    let made = provision(&home, &cast, "ann", &["--email", "ann@example.org", "--display-name", "Ann"]).code(0);
    let password = made.out.trim().to_owned();
    assert!(password.len() == 24 && !made.err.contains(&password), "{made:?}");
    let url = cast.url("ann").replace(PASSWORD, &password);
    let person = Home::new().with("DATABASE_URL", &url);
    person.run(&["calc", "ls"]).code(0);
    // What the server keeps is a verifier; the password is in no statement.
    let kept = cast.owner(&format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{}'", cast.role("ann")));
    assert!(kept.starts_with("SCRAM-SHA-256$4096:"), "{kept}");
    let powers = cast.owner(&format!(
        "SELECT rolsuper::int + rolcreaterole::int + rolcreatedb::int + rolbypassrls::int + rolreplication::int \
         FROM pg_roles WHERE rolname = '{}'",
        cast.role("ann")
    ));
    assert_eq!(powers, "0");
    // Once more: nothing to do, and no password.
    let again = provision(&home, &cast, "ann", &["--email", "ann@example.org"]).code(0).says("is as it should be");
    assert_eq!(again.out, "");
    person.run(&["calc", "ls"]).code(0);
    // A row that was there already is taken, with what it owns.
    cast.owner("INSERT INTO users (keycloak_id, username, email) VALUES ('sub-old', 'old', 'old@example.org')");
    provision(&home, &cast, "old", &["--admin"]).code(0).says("is the role of sub-old").says("an administrator");
    assert_eq!(cast.owner("SELECT email FROM users WHERE keycloak_id = 'sub-old'"), "old@example.org");
    provision(&home, &cast, "old", &["--no-admin"]).code(0).says("no longer an administrator");
}

#[test]
fn what_is_half_there_is_completed_and_what_contradicts_is_refused() {
    let Some(cast) = Cast::secured() else { return };
    let home = operator(&cast);
    let ann = cast.role("ann");
    provision(&home, &cast, "ann", &["--email", "ann@example.org"]).code(0);
    for (damage, word) in [
        (format!("REVOKE mecapy_user FROM {ann}"), "works as a person"),
        (format!("ALTER ROLE {ann} NOLOGIN"), "may sign in"),
        ("UPDATE users SET is_active = false".to_owned(), "is corrected"),
        ("DELETE FROM mecapy_people".to_owned(), "is the role of sub-ann"),
        (format!("DROP OWNED BY {ann}; DROP ROLE {ann}"), "is made"),
    ] {
        cast.owner(&damage);
        let listed = home.run(&["admin", "list"]);
        assert!(listed.code == 1 || damage.starts_with("DELETE"), "{damage}: {listed:?}");
        provision(&home, &cast, "ann", &[]).code(0).says(word);
        let listed = home.run(&["admin", "list"]).code(0);
        assert_eq!((listed.out.lines().count(), listed.out.contains(&ann)), (2, true), "{}", listed.out);
    }
    // Another person for the role, another role for the person, a role that nothing holds back.
    home.run(&["admin", "provision", &ann, "--sub", "other", "--email", "x"])
        .code(6)
        .says("is the role of sub-ann already");
    let other = cast.role("other");
    home.run(&["admin", "provision", &other, "--sub", "sub-ann"]).code(6).says("works with the role");
    for (role, word) in
        [("mecapy", "owner of the tables"), ("postgres", "SUPERUSER"), (&*cast.role("operator"), "CREATEROLE")]
    {
        home.run(&["admin", "provision", role, "--sub", "s", "--email", "x"])
            .code(6)
            .says(word)
            .says("nothing was changed");
        home.run(&["admin", "service", role]).code(6).says(word);
    }
    home.run(&["admin", "service", &ann]).code(6).says("is the role of a person");
    for sub in ["", "a/b", "..", ".hidden"] {
        home.run(&["admin", "provision", &other, "--sub", sub, "--email", "x"])
            .code(6)
            .says("cannot be the id of a person");
    }
    let long = "x".repeat(64);
    home.run(&["admin", "provision", &long, "--sub", "s", "--email", "x"]).code(6).says("1 to 63 bytes");
    home.run(&["admin", "off", "nobody"]).code(5).says("does not exist");
    assert_eq!(cast.owner(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{other}'")), "0");
}

#[tokio::test]
async fn hostile_names_are_names() {
    let Some(cast) = Cast::secured() else { return };
    let home = operator(&cast);
    for name in ["o'brien", "x\"; DROP TABLE users; --", "a b; SET ROLE postgres", "Zoë", "$$", "\\'"] {
        provision(&home, &cast, name, &["--email", "x'); DELETE FROM users; --", "--username", name]).code(0);
        let role = cast.role(name);
        let quoted = role.replace('\'', "''");
        assert_eq!(
            cast.owner(&format!("SELECT count(*) FROM mecapy_people WHERE role_name = '{quoted}'")),
            "1",
            "{name}"
        );
        let made = home.run(&["admin", "password", &role]).code(0).out;
        let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(cast.database.server().port())
            .username(&role)
            .password(made.trim())
            .database(cast.database.name());
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
        let me: Option<i64> = sqlx::query_scalar("SELECT me()").fetch_one(&mut connection).await.unwrap();
        assert!(me.is_some(), "{name}");
        home.run(&["admin", "off", &role]).code(0);
    }
    let listed = home.run(&["admin", "list", "--json"]).code(0).json_lines();
    assert!(listed.len() == 6 && listed.iter().all(|row| row["is_active"] == false), "{listed:?}");
}

#[tokio::test]
async fn off_acts_at_the_next_statement_and_on_undoes_it() {
    let Some(cast) = Cast::new() else { return };
    let home = operator(&cast);
    let alice = cast.role("alice");
    let mut open = cast.connect("alice").await;
    assert_eq!(open.one("SELECT count(*) FROM calculations").await, "2");
    home.run(&["admin", "off", &alice]).code(0).says("may no longer sign in").says("sees nothing from now on");
    assert_eq!(open.one("SELECT count(*) FROM calculations").await, "0");
    let person = Home::new().with("DATABASE_URL", &cast.url("alice"));
    person.run(&["calc", "ls"]).code(6).says("not permitted to log in");
    home.run(&["admin", "off", &alice]).code(0).says("is as it should be");
    // This operator may not end connections of others: said, and the person is off all the same.
    home.run(&["admin", "off", &alice, "--end-sessions"]).code(6).says("its connections stay open, and see nothing");
    let superuser = Home::new().with("DATABASE_URL", &cast.database.server().superuser_url(cast.database.name()));
    superuser.run(&["admin", "off", &alice, "--end-sessions"]).code(0).says("1 connections");
    home.run(&["admin", "on", &alice]).code(0);
    person.run(&["calc", "ls"]).code(0);
    // By the administrator in the database only: said when the person comes.
    let mut carol = cast.connect("carol").await;
    carol.change("UPDATE users SET is_active = false WHERE username = 'alice'").await;
    person.run(&["calc", "ls"]).code(6).says("switched off").says("mecapy admin list");
    let listed = home.run(&["admin", "list", "--json"]).code(1).json_lines();
    let row = listed.iter().find(|row| row["role"] == alice).unwrap();
    assert_eq!(
        (row["is_active"].as_bool(), row["problems"][0].as_str()),
        (Some(false), Some("switched off, but may sign in"))
    );
}

#[test]
fn passwords_come_from_standard_input_and_programs_get_their_roles() {
    let Some(cast) = Cast::secured() else { return };
    let home = operator(&cast);
    let robot = cast.role("robot");
    let ask = ["admin", "service", &robot, "--ask-password"];
    home.run_with_input(&ask, b"short\n").code(2).says("too short");
    let made = home.run_with_input(&ask, format!("{PASSWORD}\n").as_bytes()).code(0);
    made.says("works as a program");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(cast.connect("robot").await.one("SELECT count(*) FROM users").await, "0");
    });
    assert_eq!(home.run(&["admin", "list", "--json"]).code(0).json_lines()[0]["kind"], "service");
    home.run(&["admin", "off", &robot]).code(0).says("may no longer sign in");
    home.run(&["admin", "provision", &robot, "--sub", "s", "--email", "x"]).code(6).says("role of a program");
}

#[test]
fn it_needs_an_isolating_server_and_the_right_role() {
    let Some(database) = postgres::database() else { return };
    let home = Home::new().with("DATABASE_URL", &database.url());
    home.run(&["admin", "list"]).code(6).says("mecapy db secure comes first");
    home.run(&["admin", "provision", "x", "--sub", "s", "--email", "x"]).code(6).says("mecapy db secure comes first");
    let Some(cast) = Cast::new() else { return };
    let person = Home::new().with("DATABASE_URL", &cast.url("alice"));
    person.run(&["admin", "provision", "x", "--sub", "s", "--email", "x"]).code(6).says("its tables belong to mecapy");
    person.run(&["admin", "list"]).code(6);
    let owner = Home::new().with("DATABASE_URL", &cast.database.url());
    owner.run(&["admin", "provision", "x", "--sub", "s", "--email", "x"]).code(6).says("needs CREATEROLE");
    assert!(owner.run(&["admin", "list"]).code(1).out.contains("switched off, but may sign in"), "erin");
    let file = Home::new();
    file.run(&["calc", "ls"]).code(0);
    file.run(&["admin", "list"]).code(2).says("a SQLite file has no roles");
}
