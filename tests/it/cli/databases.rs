//! Databases that cannot be used: clear words, the right code, the file as it was.

use crate::support::home::Home;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

fn home_with_database() -> Home {
    let home = Home::new();
    home.run(&["calc", "ls"]).code(0);
    home
}

pub fn sql(database: &Path, sql: &str) {
    let url = format!("sqlite://{}", database.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sea_orm::ConnectionTrait as _;
        let connection = sea_orm::Database::connect(url).await.unwrap();
        connection.execute_unprepared(sql).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn a_newer_database_is_left_alone() {
    let home = home_with_database();
    sql(&home.database(), "INSERT INTO mecapy_migrations (version, applied_at) VALUES ('m999_from_the_future', 0)");
    let before = fs::read(home.database()).unwrap();
    home.run(&["calc", "ls"]).code(1).says("was made by a newer mecapy").says("m999_from_the_future");
    assert_eq!(fs::read(home.database()).unwrap(), before);
    let doctor = home.run(&["doctor"]).code(1);
    assert!(doctor.out.contains("newer mecapy"), "{}", doctor.out);
}

#[test]
fn a_truncated_database_is_left_alone() {
    let home = home_with_database();
    let whole = fs::read(home.database()).unwrap();
    let cut = &whole[..whole.len() / 2 + 100];
    fs::write(home.database(), cut).unwrap();
    home.run(&["calc", "ls"]).code(1).says("damaged");
    assert_eq!(fs::read(home.database()).unwrap(), cut);
    fs::write(home.database(), "this is a letter to my aunt, and no database at all\n").unwrap();
    home.run(&["calc", "ls"]).code(1).says("is not a SQLite database");
}

#[test]
fn another_programs_database_is_never_touched() {
    let home = Home::new();
    let theirs = home.path().join("theirs.db");
    sql(Path::new(&format!("{}?mode=rwc", theirs.display())), "CREATE TABLE recipes (id INTEGER)");
    let before = fs::read(&theirs).unwrap();
    let home = home.with("DATABASE_URL", &format!("sqlite:///{}", theirs.display()));
    home.run(&["calc", "ls"]).code(1).says("another program's database").says("DATABASE_URL");
    assert_eq!(fs::read(&theirs).unwrap(), before);
}

#[test]
fn a_chosen_database_is_named_with_who_chose_it() {
    let home = Home::new();
    let url = format!("sqlite:///{}/work.db", home.path().display());
    let home = home.with("DATABASE_URL", &url);
    home.run(&["calc", "ls"]).code(0).says("work.db (environment variable DATABASE_URL)");
    assert!(home.path().join("work.db").exists());
    assert!(!home.database().exists());

    let home = Home::new().with("DATABASE_URL", "postgresql://ann:s3cret@127.0.0.1:1/mecapy");
    let refused = home.run(&["calc", "ls"]).code(7).says("nothing listens").says("DATABASE_URL");
    assert!(!refused.err.contains("s3cret"), "{}", refused.err);
}

#[test]
fn a_locked_database_is_waited_for_and_then_said_to_be_locked() {
    let home = home_with_database();
    home.file("a.py", "pass");
    let url = format!("sqlite://{}", home.database().display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sea_orm::ConnectionTrait as _;
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(1);
        let connection = sea_orm::Database::connect(options).await.unwrap();
        connection.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
        home.run(&["calc", "new", "a.py"]).code(7).says("is locked by another program");
        connection.execute_unprepared("ROLLBACK").await.unwrap();
    });
    assert_eq!(home.run(&["calc", "ls", "--json"]).code(0).out, "");
}

#[test]
fn a_database_that_cannot_be_written_says_so() {
    let home = Home::new().of_an_ordinary_user();
    home.run(&["calc", "ls"]).code(0);
    home.file("a.py", "pass");
    let before = fs::read(home.database()).unwrap();
    let folder = home.database().parent().unwrap().to_owned();
    fs::set_permissions(home.database(), fs::Permissions::from_mode(0o400)).unwrap();
    home.run(&["calc", "new", "a.py"]).code(6).says("cannot be written").says(home.database().to_str().unwrap());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    home.run(&["calc", "new", "a.py"]).code(6).says("cannot be written");
    let doctor = home.run(&["doctor"]).code(1);
    assert!(doctor.out.contains("cannot be written"), "{}", doctor.out);
    assert_eq!(fs::read(home.database()).unwrap(), before);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn several_processes_make_calculations_at_once() {
    let home = Home::new();
    home.file("a.py", "pass");
    let children: Vec<_> = (0..6)
        .map(|_| home.command(&["calc", "new", "a.py"]).stdout(std::process::Stdio::piped()).spawn().unwrap())
        .collect();
    let mut ids: Vec<_> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().parse::<i64>().unwrap()
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    assert_eq!(home.run(&["tools", "ls", "--json"]).code(0).json_lines().len(), mecapy::samples::samples().len());
}
