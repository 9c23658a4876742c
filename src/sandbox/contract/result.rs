//! The rules of `out/data.json`.

use super::{
    open::{self, Unreadable},
    scan::{self, Fault},
};
use crate::domain::{format, parameters};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::os::fd::AsFd;

/// The longest text of the `result_data` column, characters.
pub const MAX_RESULT: usize = 50_000;
/// The deepest nesting of a result.
const MAX_DEPTH: usize = 64;
/// The name in the contract.
pub const RESULT: &str = "data.json";

/// A result that keeps the rules.
#[derive(Debug, PartialEq, Eq)]
pub struct Good {
    /// As the code wrote it, byte for byte.
    pub text: String,
    /// Characters.
    pub characters: usize,
}

/// Reads and checks the result below `out`: `Ok(None)` where there is none, an error in plain words where it is refused.
pub fn read(out: impl AsFd, most_bytes: u64) -> Result<Option<Good>, String> {
    let bytes = match open::read(out, RESULT, most_bytes) {
        Err(Unreadable::Missing) => return Ok(None),
        Err(problem) => return Err(format!("the result (out/data.json) {problem}")),
        Ok(None) => return Err(format!("the result is too large: more than {}", format::bytes(most_bytes))),
        Ok(Some(bytes)) => bytes,
    };
    let text = String::from_utf8(bytes)
        .map_err(|error| format!("the result is not valid UTF-8 at byte {}", error.utf8_error().valid_up_to() + 1))?;
    check(&text)?;
    let characters = text.chars().count();
    Ok(Some(Good { text, characters }))
}

fn check(text: &str) -> Result<(), String> {
    match scan::fault(text, MAX_DEPTH) {
        Some(Fault::NotFinite { token, path }) => {
            return Err(format!("the result is not valid JSON: {} is {token}", place(&path)));
        }
        Some(Fault::OutOfRange { path }) => {
            return Err(format!("the result has a number out of range: {}", place(&path)));
        }
        Some(Fault::TooDeep) => return Err(format!("the result is nested deeper than {MAX_DEPTH} levels")),
        None => {}
    }
    // Checks the grammar and keeps every digit: numbers are not read.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| format!("the result is not valid JSON: {error}"))?;
    if text.trim_start().starts_with('{') {
        return Ok(());
    }
    let kind = match text.trim_start().as_bytes().first() {
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => parameters::kind(&Value::Null),
        _ => "a number",
    };
    Err(format!("the result must be a JSON object, got {kind}"))
}

fn place(path: &str) -> String {
    if path.is_empty() { "it".to_owned() } else { format!("{path:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_in_plain_words() {
        for (text, words) in [
            ("{\"x\": NaN}", "\"x\" is NaN"),
            ("[1, 2]", "must be a JSON object, got an array"),
            ("null", "got null"),
            ("3.5", "got a number"),
            ("\"a\"", "got a string"),
            ("true", "got a boolean"),
            ("{\"a\": [1, 2", "line 1 column"),
            ("", "not valid JSON"),
            ("{\"a\": 1} x", "not valid JSON"),
        ] {
            let refused = check(text).unwrap_err();
            assert!(refused.contains(words), "{text}: {refused}");
        }
        assert_eq!(check("\n {\"big\": 123456789012345678901234567890123456789}"), Ok(()));
    }
}
