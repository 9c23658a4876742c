//! The screen while the database is away: it keeps what it has, says so, and recovers by itself.

use crate::support::{
    home::Home,
    postgres::{PASSWORD, Server},
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
    let mut pty = Pty::start(&home, 140, 24, &[]);
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
    let mut pty = Pty::start(&home, 140, 24, &[]);
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
    let mut pty = Pty::start(&home, 140, 24, &[]);
    pty.shows("opening the database");
    pty.send("?");
    pty.shows("Keys (Esc closes)");
    pty.send("\x1b");
    pty.shows("it does not answer");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}
