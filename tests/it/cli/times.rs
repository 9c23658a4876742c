//! Times for other programs: every one of `--json` carries its zone.

use crate::support::{home::Home, postgres};
use serde_json::Value;

/// How a time begins that some program might write: `2024-01-15`, then a letter or a space, then `10:20:30`.
fn is_time(text: &str) -> bool {
    let shape: String = text.chars().take(19).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape.strip_prefix("0000-00-00").and_then(|rest| rest.get(1..)) == Some("00:00:00")
}

/// Every time in a value, with the key it stands under.
fn times(key: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if is_time(text) => found.push((key.to_owned(), text.clone())),
        Value::Array(all) => all.iter().for_each(|value| times(key, value, found)),
        Value::Object(all) => all.iter().for_each(|(key, value)| times(key, value, found)),
        _ => {}
    }
}

/// The keys under which a command prints times, all of which must be spelled alike.
#[track_caller]
fn keys(home: &Home, arguments: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for value in home.run(&[arguments, &["--json"]].concat()).code(0).json_lines() {
        times("", &value, &mut found);
    }
    for (key, text) in &found {
        let spelled = text.len() == 27 && text.ends_with('Z') && &text[10..11] == "T" && &text[19..20] == ".";
        assert!(spelled, "{key} of {arguments:?} is {text}");
        chrono::DateTime::parse_from_rfc3339(text).unwrap();
    }
    let mut keys: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    keys
}

#[test]
fn every_time_in_json_is_utc_and_says_so() {
    let home = Home::new();
    home.file("a.py", "print('line')");
    home.file("grid.csv", "1\n");
    let of_row = ["completed_at", "created_at", "started_at"];
    let of_run = ["completed_at", "created_at", "started_at", "submitted_at", "updated_at", "uploaded_at"];
    assert_eq!(keys(&home, &["calc", "run", "a.py", "--input", "mesh=grid.csv", "--wait"]), of_run);
    assert_eq!(keys(&home, &["calc", "show", "1"]), of_run);
    assert_eq!(keys(&home, &["calc", "ls"]), of_row);
    assert_eq!(keys(&home, &["calc", "logs", "1"]), ["time"]);
    assert_eq!(keys(&home, &["tools", "ls"]), ["created_at", "updated_at"]);
    assert_eq!(keys(&home, &["tools", "show", "beam_deflection"]), ["created_at", "updated_at"]);
    assert_eq!(keys(&home, &["stats", "--database"]), ["created_at"]);
    assert_eq!(keys(&home, &["db", "history"]), ["applied_at"]);
}

#[test]
fn the_times_of_months_are_utc_and_say_so() {
    let Some(database) = postgres::database() else { return };
    let home = Home::new().with("DATABASE_URL", &database.url());
    home.run(&["db", "partition", "--yes"]).code(0);
    assert_eq!(keys(&home, &["db", "partition", "--list"]), ["from", "to"]);
}
