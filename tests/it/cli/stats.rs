//! `mecapy stats`: figures and health as words and as JSON, and a file that is damaged.

use crate::support::{home::Home, postgres};

fn home() -> Home {
    let home = Home::new();
    home.file("code.py", "def calculate():\n    return {}\n");
    home.run(&["calc", "new", "code.py", "--name", "Bolt \u{1b}[31m\u{202e}"]).code(0);
    home
}

#[test]
fn figures_as_words_and_as_json() {
    let home = home();
    let text = home.run(&["stats"]).code(0).out;
    assert!(text.contains("Own figures") && text.contains("Newest calculations") && text.contains("pending"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    assert!(!text.contains("SQLite"), "only on request");
    let own = home.run(&["stats", "--json"]).code(0).json();
    assert_eq!(own["user_stats"]["total_calculations"], 1);
    assert!(own["user_stats"]["username"].as_str().is_some_and(|name| !name.is_empty()));
    assert_eq!(own["recent_calculations"][0]["status"], "pending");
    assert!(own.get("database").is_none());
}

#[test]
fn the_health_of_an_embedded_file() {
    let home = home();
    let text = home.run(&["stats", "--database"]).code(0).out;
    for words in ["SQLite 3.", "calculations", "journal      wal", "Slow queries: not known: SQLite keeps no times"] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    let health = home.run(&["stats", "--database", "--check", "--json"]).code(0).json()["database"].clone();
    assert_eq!(health["file"]["quick_check"], serde_json::json!(["ok"]));
    assert!(health["tables"][0]["total_bytes"].as_i64().unwrap() > 0);
    assert!(health["locks"]["missing"].as_str().unwrap().contains("one writer"));
    home.run(&["stats", "--check"]).code(2).says("--database");
}

#[test]
fn the_health_of_a_shared_server_and_of_one_that_is_gone() {
    let Some(database) = postgres::database() else { return };
    let home = Home::new().with("DATABASE_URL", &database.url());
    let shown = home.run(&["stats", "--database"]).code(0);
    for words in ["PostgreSQL 1", "connections", "at most 200", "Waiting for locks: none", "CREATE EXTENSION"] {
        assert!(shown.out.contains(words), "{words:?} is not in {}", shown.out);
    }
    assert!(!shown.out.contains(postgres::PASSWORD) && !shown.err.contains(postgres::PASSWORD));
    let health = home.run(&["stats", "--database", "--json"]).code(0).json()["database"].clone();
    assert_eq!(health["connections"]["maximum"], 200);
    assert!(health["slow_queries"]["enable"].as_str().unwrap().contains("shared_preload_libraries"));
    let nobody = Home::new().with("DATABASE_URL", "postgresql://ann:x@127.0.0.1:1/mecapy");
    nobody.run(&["stats"]).code(7).says("nothing listens there");
}
