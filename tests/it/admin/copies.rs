//! Copies: while others write, verified, whole or not at all; put back row by row the same.

use super::place::{Place, db, places, until};
use crate::{
    db::story,
    support::{home::Home, postgres},
};
use mecapy::db::{Db, calculations, files, tools, users};
use sqlx::{Connection as _, Executor as _};
use std::{
    fs,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

/// A database with something in every table, odd characters included.
async fn filled(place: &Place) {
    db(&place.home(), &["upgrade"]).code(0);
    let open = Db::open(&place.url()).await.unwrap();
    let ann = users::sign_in(&open, &story::identity("ann")).await.unwrap().id;
    let file = files::insert(&open, &story::file(ann, "l'été; --\n.csv")).await.unwrap();
    for name in ["a", "Poutre é'; DROP TABLE users; --", "\u{1f600} \"x\""] {
        let mut new = story::calculation(name);
        "print('a;b')\n\\.\n-- x\nCOMMIT;\n\\! true\n".clone_into(&mut new.code);
        let id = calculations::create(&open, ann, &new).await.unwrap();
        files::link(&open, id, file, &mecapy::domain::file::FileRole::Input, None).await.unwrap();
    }
    let gone = calculations::create(&open, ann, &story::calculation("gone")).await.unwrap();
    calculations::delete(&open, ann, gone, None).await.unwrap();
    tools::seed(&open, ann, mecapy::samples::samples).await.unwrap();
    open.close().await.unwrap();
    // A figure whose shortest spelling is long, and nothing at all.
    place.sql("UPDATE calculations SET execution_time = 0.1 + 0.2, description = '' WHERE name = 'a'").await;
}

fn one_of(is_server: bool) -> Option<Place> {
    places().into_iter().find(|place| place.is_server() == is_server)
}

fn name(place: &Place) -> &'static str {
    if place.is_server() { "copy.dump" } else { "copy.db" }
}

#[tokio::test]
async fn a_round_trip_keeps_every_row_and_the_whole_schema() {
    for is_server in [false, true] {
        let Some(place) = one_of(is_server) else { return };
        filled(&place).await;
        let home = place.home();
        let (rows, catalogue) = (place.rows().await, place.catalogue().await);
        let names = [name(&place), "copy.sql", "copy.sql.gz"];
        for name in names {
            let done = db(&home, &["backup", name]).code(0).says("object store").says("verified");
            assert_eq!(done.out, format!("{name}\n"));
            assert_eq!(home.path().join(name).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(place.rows().await, rows);
        for (number, name) in names.iter().enumerate() {
            // Into an empty one, and over what is there.
            let target = one_of(is_server).unwrap();
            let other = Home::new().with("DATABASE_URL", &target.url());
            let from = home.path().join(name);
            let from = from.to_str().unwrap();
            if number != 0 {
                db(&other, &["upgrade"]).code(0);
                target.sql("INSERT INTO users (keycloak_id, username, email) VALUES ('old', 'old', '')").await;
                target.sql("CREATE TABLE badges (id INTEGER PRIMARY KEY)").await;
                let held = target.rows().await;
                db(&other, &["restore", from]).code(6).says("Throw away everything").says("--yes");
                db(&other, &["restore", from, "--dry-run"]).code(0).says("would put");
                db(&other, &["restore", from, "--read-only", "--yes"]).code(6);
                assert_eq!(target.rows().await, held);
            }
            let done = db(&other, &["restore", from, "--yes"]).code(0).says("verified");
            assert_eq!(done.err.contains("as it was before"), number != 0 && !is_server, "{}", done.err);
            assert_eq!(target.rows().await, rows, "{name}");
            db(&other, &["check"]).code(0);
            if !is_server {
                assert_eq!(target.catalogue().await, catalogue, "{name}");
                let found = "SELECT name FROM calculation_names WHERE calculation_names MATCH 'Poutre'";
                assert_eq!(target.texts(found).await.len(), 1, "the search finds what was put back");
            }
            // An id whose row is gone is not given out again.
            let open = Db::open(&target.url()).await.unwrap();
            let next = calculations::create(&open, mecapy::domain::id::UserId(1), &story::calculation("n")).await;
            assert_eq!(next.unwrap().0, 5, "{name}");
            open.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_copy_is_made_while_others_write_and_is_of_one_moment() {
    for place in places() {
        filled(&place).await;
        let home = place.home();
        home.file("a.py", "pass");
        // Each of them makes a user and a file in one transaction.
        let stop = std::sync::atomic::AtomicBool::new(false);
        let written = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
                    let connection = place.connect().await;
                    let mut number = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        number += 1;
                        let pair = connection.begin().await.unwrap();
                        for sql in [
                            format!("INSERT INTO users (keycloak_id, username, email) VALUES ('w{number}', 'w', '')"),
                            format!(
                                "INSERT INTO user_files (user_id, filename, original_filename, file_size, content_type, s3_key, \
                                 s3_bucket, s3_url) SELECT id, 'w', 'w', 0, 'x', 'w{number}', 'local', 'w' FROM users \
                                 WHERE keycloak_id = 'w{number}'"
                            ),
                        ] {
                            pair.execute_unprepared(&sql).await.unwrap();
                        }
                        pair.commit().await.unwrap();
                        written.store(number, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            });
            until("nothing is written", || written.load(std::sync::atomic::Ordering::Relaxed) > 0);
            for name in [name(&place), "copy.sql.gz"] {
                db(&home, &["backup", name]).code(0);
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        for name in [name(&place), "copy.sql.gz"] {
            db(&home, &["restore", name, "--yes"]).code(0);
            let users = place.texts("SELECT CAST(COUNT(*) AS TEXT) FROM users WHERE username = 'w'").await;
            let files = place.texts("SELECT CAST(COUNT(*) AS TEXT) FROM user_files WHERE filename = 'w'").await;
            assert_eq!(users, files, "{name} is of one moment");
            assert_ne!(users, ["0"]);
        }
    }
}

#[tokio::test]
async fn names_are_the_descriptions_and_nothing_is_overwritten_unasked() {
    for place in places() {
        filled(&place).await;
        let home = place.home();
        let made = db(&home, &["backup", "--json"]).code(0).json();
        let file = made["file"].as_str().unwrap();
        let ending = if place.is_server() { ".dump" } else { ".db" };
        assert!(
            file.starts_with("mecapy_backup_20") && file.ends_with(ending) && file.len() == 29 + ending.len(),
            "{file}"
        );
        assert!(made["size"].as_u64().unwrap() > 1_000 && made["schema"].is_string(), "{made}");
        let plain = db(&home, &["backup", "--plain"]).code(0).out;
        assert!(plain.trim_end().ends_with(".sql.gz"), "{plain}");
        home.file("mine.sql", "my own words");
        db(&home, &["backup", "mine.sql"]).code(6).says("Replace mine.sql?");
        assert_eq!(fs::read(home.path().join("mine.sql")).unwrap(), b"my own words");
        db(&home, &["backup", "mine.sql", "--yes"]).code(0);
        assert!(fs::metadata(home.path().join("mine.sql")).unwrap().len() > 1_000);
        let wrong = if place.is_server() { "copy.db" } else { "copy.dump" };
        db(&home, &["backup", wrong]).code(1).says("cannot be made");
        db(&home, &["backup", "nowhere/copy.sql"]).code(1).says("No such file");
        db(&home, &["backup", "later.sql", "--dry-run"]).code(0);
        assert!(!home.path().join("later.sql").exists());
        db(&home, &["restore", "nowhere.sql"]).code(5);
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
    }
}

#[tokio::test]
async fn what_other_programs_wrote_is_put_back() {
    for place in places() {
        filled(&place).await;
        let home = place.home();
        let rows = place.rows().await;
        let dumped = match &place {
            Place::File(_) => {
                let Ok(output) = Command::new("sqlite3").arg(place.file().unwrap()).arg(".dump").output() else {
                    crate::support::skipped("the sqlite3 program is not installed");
                    continue;
                };
                output.stdout
            }
            Place::Server(database) => {
                let dump = postgres::program("pg_dump").unwrap();
                Command::new(dump).arg(database.url()).output().unwrap().stdout
            }
        };
        assert!(dumped.len() > 1_000);
        let path = home.file("backup.sql", &dumped);
        // Packed by the gzip program, as the description does.
        let packed = Command::new("gzip").arg("-c").arg(&path).output().unwrap().stdout;
        home.file("backup.sql.gz", packed);
        for name in ["backup.sql", "backup.sql.gz"] {
            place.sql("DELETE FROM calculation_files").await;
            db(&home, &["restore", name, "--yes"]).code(0);
            assert_eq!(place.rows().await, rows, "{name}");
            db(&home, &["check"]).code(0);
        }
    }
}

#[tokio::test]
async fn what_is_damaged_cut_or_of_others_changes_nothing() {
    for place in places() {
        filled(&place).await;
        let home = place.home();
        for name in [name(&place), "copy.sql", "copy.sql.gz"] {
            db(&home, &["backup", name]).code(0);
        }
        let (rows, catalogue) = (place.rows().await, place.catalogue().await);
        let read = |name: &str| fs::read(home.path().join(name)).unwrap();
        let sql = String::from_utf8(read("copy.sql")).unwrap();
        let broken_in_the_middle = {
            let at = sql.rfind("\nCREATE ").unwrap() + 1;
            format!("{}\nTHIS IS NO SQL;\n{}", &sql[..at], &sql[at..])
        };
        let own = read(name(&place));
        let packed = read("copy.sql.gz");
        for (file, content) in [
            ("cut.own", own[..own.len() / 2].to_vec()),
            ("cut.sql", sql.as_bytes()[..sql.len() / 2].to_vec()),
            ("cut.sql.gz", packed[..packed.len() / 2].to_vec()),
            ("wrong.sql", broken_in_the_middle.into_bytes()),
            ("words.sql", b"dear aunt,\n".to_vec()),
            ("empty.sql", Vec::new()),
        ] {
            home.file(file, content);
            let refused = db(&home, &["restore", file, "--yes"]).code(1);
            assert!(refused.err.contains(file) || refused.err.contains("psql"), "{file}: {}", refused.err);
            assert_eq!((place.rows().await, place.catalogue().await), (rows.clone(), catalogue.clone()), "{file}");
        }
        if place.is_server() {
            for (line, words) in [("COMMIT;", "one transaction"), ("\\! touch shouted", "a command of psql")] {
                home.file("own.sql", format!("SELECT 1;\n{line}\n"));
                db(&home, &["restore", "own.sql", "--yes"]).code(1).says(words).says("line 2");
                assert!(!home.path().join("shouted").exists());
            }
            let file = one_of(false).unwrap();
            filled(&file).await;
            let path = file.file().unwrap();
            db(&home, &["restore", path.to_str().unwrap(), "--yes"]).code(1).says("a SQLite file");
        } else {
            home.file("reach.sql", "ATTACH 'other.db' AS o;\n");
            db(&home, &["restore", "reach.sql", "--yes"]).code(1).says("reaches for other files");
            home.file("theirs.sql", "CREATE TABLE recipes (id INTEGER);\n");
            db(&home, &["restore", "theirs.sql", "--yes"])
                .code(1)
                .says("not a database of mecapy (it holds the tables recipes)");
            assert!(!home.path().join("other.db").exists());
            let left = fs::read_dir(place.file().unwrap().parent().unwrap()).unwrap().flatten();
            let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
            assert!(left.iter().all(|name| !name.to_string_lossy().contains("scratch")), "{left:?}");
        }
        assert_eq!((place.rows().await, place.catalogue().await), (rows, catalogue));
    }
}

/// Half a copy never has a copy's name, and never replaces a whole one.
#[tokio::test]
async fn killed_in_the_middle_or_on_a_full_disk_there_is_no_half_copy() {
    for place in places() {
        filled(&place).await;
        let home = place.home();
        db(&home, &["backup", "good.sql"]).code(0);
        let good = fs::read(home.path().join("good.sql")).unwrap();
        // Large enough that it is killed while it writes.
        let series = if place.is_server() {
            "INSERT INTO calculations (user_id, name, code) SELECT 1, md5(n::text), repeat(md5(n::text), 300) \
             FROM generate_series(1, 3000) n"
        } else {
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000) \
             INSERT INTO calculations (user_id, name, code) SELECT 1, hex(n), hex(randomblob(4500)) FROM n"
        };
        place.sql(series).await;
        let mut child = home
            .command(&["db", "backup", "good.sql", "--yes"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let part = home.path().join(format!("good.sql.{}.partial", child.id()));
        until("nothing is written", || part.metadata().is_ok_and(|part| part.len() > 100_000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(fs::read(home.path().join("good.sql")).unwrap(), good);
        // The bound on a file's size stands for a full disk.
        let program = home.command(&["db", "backup", "new.sql"]);
        for name in ["new.sql", if place.is_server() { "new.dump" } else { "new.db" }] {
            let limited = Command::new("sh")
                .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" db backup \"$1\""])
                .arg(program.get_program())
                .arg(name)
                .env_clear()
                .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
                .current_dir(home.path())
                .output()
                .unwrap();
            assert!(!limited.status.success(), "{name}: {limited:?}");
            let left: Vec<_> = fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
            assert!(left.iter().all(|left| !left.to_string_lossy().starts_with("new.")), "{name}: {left:?}");
        }
    }
}

/// Neither arguments nor surroundings of the programs that it starts hold the password.
#[tokio::test]
async fn the_password_is_seen_nowhere() {
    let Some(place) = one_of(true) else { return };
    filled(&place).await;
    let home =
        Home::new().with("DATABASE_URL", &place.url()).with("PGPASSWORD", "wr0ng").with("PGHOST", "nowhere.example");
    // Programs of our own in the place of PostgreSQL's write down what they got.
    for program in ["pg_dump", "pg_restore", "psql"] {
        let real = postgres::program(program).unwrap();
        let script = format!(
            "#!/bin/sh\n{{ echo \"$@\"; env; ls -l \"$PGSERVICEFILE\" \"$PGPASSFILE\"; }} >>\"{}/seen\"\nexec {} \"$@\"\n",
            home.path().display(),
            real.display()
        );
        let path = home.file(&format!("bin/{program}"), script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}/bin:{}", home.path().display(), std::env::var("PATH").unwrap());
    for arguments in [&["db", "backup", "copy.dump"][..], &["db", "restore", "copy.dump", "--yes"]] {
        let output = home.command(arguments).env("PATH", &path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut seen = String::new();
    fs::File::open(home.path().join("seen")).unwrap().read_to_string(&mut seen).unwrap();
    assert!(seen.matches("-rw------- ").count() >= 8, "{seen}");
    assert!(!seen.contains("wr0ng") && !seen.contains("nowhere.example"), "{seen}");
    assert!(!seen.contains(postgres::PASSWORD), "{seen}");
    let keys = seen.lines().find_map(|line| line.strip_prefix("PGSERVICEFILE=")).unwrap();
    assert!(!Path::new(keys).exists(), "nothing stays behind");
}

/// A copy is put back when nobody changes the schema, and nobody does meanwhile.
#[tokio::test]
async fn putting_back_waits_for_a_migration() {
    let Some(place) = one_of(true) else { return };
    let Place::Server(database) = &place else { unreachable!("asked for a server") };
    filled(&place).await;
    let home = place.home();
    db(&home, &["backup", "copy.sql"]).code(0);
    place.sql("DELETE FROM calculation_files").await;
    // The lock of the migrations, held by another program: "mecapy" in ASCII.
    let mut other = sqlx::PgConnection::connect(&place.url()).await.unwrap();
    other.execute("SELECT pg_advisory_lock(120282226454649)").await.unwrap();
    let mut restore = home.command(&["db", "restore", "copy.sql", "--yes"]).spawn().unwrap();
    let asks = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_try_advisory_lock%' \
                AND datname = current_database()";
    until("it never asks", || database.superuser(asks) == "1");
    assert_eq!(place.texts("SELECT count(*)::text FROM calculation_files").await, ["0"]);
    assert!(restore.try_wait().unwrap().is_none(), "it does not wait");
    other.close().await.unwrap();
    assert!(tokio::task::spawn_blocking(move || restore.wait()).await.unwrap().unwrap().success());
    assert_eq!(place.texts("SELECT count(*)::text FROM calculation_files").await, ["3"]);
}
