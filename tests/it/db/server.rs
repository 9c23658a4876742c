//! A PostgreSQL server as mecapy meets it: what it opens, what it leaves alone, and its words.

use crate::support::postgres::{self, PASSWORD, ROLE};
use mecapy::db::{Db, DbError, Options};
use std::time::Duration;

async fn refusal(url: &str) -> DbError {
    let error = Db::open(url).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
    error
}

#[tokio::test]
async fn a_shared_database_is_opened_by_every_spelling_of_its_address() {
    let Some(database) = postgres::database() else { return };
    let url = database.url();
    let rest = url.strip_prefix("postgresql").unwrap();
    for scheme in ["postgresql", "postgres", "postgresql+psycopg2"] {
        let db = Db::open(&format!("{scheme}{rest}")).await.unwrap();
        let port = database.server().port();
        assert_eq!(db.place(), format!("{ROLE}@127.0.0.1:{port}/{}", database.name()));
        assert!(!format!("{db:?}").contains(PASSWORD), "{db:?}");
        db.close().await.unwrap();
    }
    let socket = database.server().superuser_url(database.name());
    assert!(Db::open(&socket).await.unwrap().place().ends_with(database.name()));
}

#[tokio::test]
async fn what_is_not_mecapys_is_left_alone() {
    let Some(database) = postgres::empty_database() else { return };
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let error = refusal(&database.url()).await;
    assert!(matches!(&error, DbError::Behind { missing, .. } if missing.contains("no tables")), "{error}");
    assert!(error.to_string().contains("mecapy db upgrade"), "{error}");
    assert_eq!(database.superuser(tables), "0");

    database.superuser("CREATE TABLE invoices (id int)");
    let error = refusal(&database.url()).await;
    assert!(matches!(&error, DbError::Foreign { tables, .. } if tables == &["invoices"]), "{error}");
    assert_eq!(database.superuser(tables), "1");
}

#[tokio::test]
async fn an_older_and_a_newer_schema_are_said() {
    let Some(database) = postgres::database() else { return };
    database.superuser("DELETE FROM mecapy_migrations WHERE version > '005'");
    let error = refusal(&database.url()).await;
    assert!(matches!(&error, DbError::Behind { missing, .. } if missing.contains("005")), "{error}");
    database.superuser("INSERT INTO mecapy_migrations VALUES ('999_later', 1)");
    let error = refusal(&database.url()).await;
    assert!(matches!(&error, DbError::Newer { unknown, .. } if unknown == &["999_later"]), "{error}");
}

#[tokio::test]
async fn every_refusal_has_its_words() {
    let Some(database) = postgres::database() else { return };
    let (url, port) = (database.url(), database.server().port());
    let wrong = url.replace(PASSWORD, "wrong");
    assert!(refusal(&wrong).await.to_string().contains("password authentication failed"));
    let absent = url.replace(database.name(), "nowhere");
    assert!(refusal(&absent).await.to_string().contains("\"nowhere\" does not exist"));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = url.replace(&port.to_string(), &free.to_string());
    let error = refusal(&nobody).await;
    assert!(matches!(&error, DbError::Unreachable { problem, .. } if problem.contains("nothing listens")), "{error}");
    // Something that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = url.replace(&port.to_string(), &silent.local_addr().unwrap().port().to_string());
    let options = Options { connect_timeout: Duration::from_millis(200), ..Options::default() };
    let error = Db::open_with(&silent, &options).await.unwrap_err();
    assert!(matches!(&error, DbError::Unreachable { problem, .. } if problem.contains("does not answer")), "{error}");
}
