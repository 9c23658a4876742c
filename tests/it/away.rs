//! The screen while the database is away: it keeps what it has, says so, and recovers by itself.

use crate::support::{
    home::Home,
    postgres::{self, PASSWORD, Server},
    proxy::Proxy,
    pty::Pty,
    skipped,
};
use std::net::TcpListener;

#[test]
fn rows_stay_while_the_server_is_away_and_it_recovers_by_itself() {
    let Some(server) = Server::start(&[]) else { return skipped("PostgreSQL is not installed") };
    server.create_migrated("away");
    let home = Home::new().with("DATABASE_URL", &server.url("away"));
    home.file("a.py", "print(1)");
    home.run(&["calc", "new", "a.py", "--name", "Plate"]).code(0);
    let mut pty = Pty::start(&home, 140, 24, &["--yes"]);
    pty.shows("Plate");
    for crash in [false, true] {
        if crash {
            server.crash();
        } else {
            server.stop();
        }
        pty.send("\x12"); // Ctrl-R
        pty.shows("no connection since");
        pty.wait("the rows go", |screen| screen.contents().contains("Plate") && screen.contents().contains("loaded "));
        server.run();
        pty.wait("it never recovers", |screen| !screen.contents().contains("no connection since"));
        pty.shows("Plate");
    }
    pty.send("q");
    assert_eq!(pty.code(), 0);
    assert!(!pty.output().contains(PASSWORD));
}

#[test]
fn a_server_that_comes_later_is_found() {
    let Some(server) = Server::start(&[]) else { return skipped("PostgreSQL is not installed") };
    server.create_migrated("later");
    server.stop();
    let home = Home::new().with("DATABASE_URL", &server.url("later"));
    let mut pty = Pty::start(&home, 140, 24, &["--yes"]);
    pty.shows("nothing listens there");
    pty.shows("It is tried again.");
    server.run();
    pty.shows("No calculations yet.");
    pty.send("q");
    assert_eq!(pty.code(), 0);
}

#[test]
fn a_server_that_never_answers_holds_nothing_up() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://ann:{PASSWORD}@{}/mecapy", silent.local_addr().unwrap());
    let home = Home::new().with("DATABASE_URL", &url).with("MECAPY_DATABASE_CONNECT_TIMEOUT", "1");
    let mut pty = Pty::start(&home, 140, 24, &["--yes"]);
    pty.shows("opening the database");
    pty.send("?");
    pty.shows("Keys (Esc closes)");
    pty.send("\x1b");
    pty.shows("it does not answer");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}

#[test]
fn a_server_that_went_without_a_word_is_said_and_its_return_is_seen() {
    let Some(database) = postgres::database() else { return };
    let direct = Home::new().with("DATABASE_URL", &database.url());
    direct.file("a.py", "print(1)");
    direct.run(&["calc", "new", "a.py", "--name", "Plate"]).code(0);
    let proxy = Proxy::to(database.server().port());
    let home = Home::new().with("DATABASE_URL", &database.url_by(proxy.port()));
    let home = home.with("MECAPY_DATABASE_CONNECT_TIMEOUT", "1");
    let mut pty = Pty::start(&home, 140, 24, &["--yes"]);
    pty.shows("Plate");
    proxy.freeze();
    pty.send("\x12"); // Ctrl-R
    pty.shows("no connection since");
    pty.shows("Plate");
    // The connections of before never work again.
    proxy.forget();
    pty.wait("it never recovers", |screen| !screen.contents().contains("no connection since"));
    direct.run(&["calc", "new", "a.py", "--name", "Bolt"]).code(0);
    pty.send("\x12");
    pty.shows("Bolt");
    pty.send("q");
    assert_eq!(pty.code(), 0);
}

#[test]
fn a_count_that_takes_long_holds_up_no_rows() {
    let Some(database) = postgres::database() else { return };
    let home = Home::new().with("DATABASE_URL", &database.url());
    home.run(&["calc", "ls"]).code(0);
    let rows = "INSERT INTO calculations (user_id, name, code) SELECT 1, 'Plate ' || n || '.', 'x' FROM generate_series(1, 900) n";
    database.superuser(rows);
    let proxy = Proxy::to(database.server().port());
    proxy.hold("COUNT(*)");
    let home = Home::new().with("DATABASE_URL", &database.url_by(proxy.port()));
    let mut pty = Pty::start(&home, 140, 24, &["--yes"]);
    pty.shows("Plate 900.");
    proxy.wait_until_held();
    // Rows come, wherever one goes, in whatever order.
    pty.send("\x1b[F"); // End
    pty.shows("Plate 1.");
    pty.send("\x1b[H"); // Home
    // Not the first: the detail may still have it from before.
    pty.shows("Plate 899.");
    pty.send("\x1b[6~\x1b[6~");
    pty.shows("Plate 864.");
    assert!(!pty.output().contains("900 calculations"), "it is counted already");
    proxy.release();
    pty.shows("900 calculations");
    pty.send("q");
    assert_eq!(pty.code(), 0);
}
