//! The parameters of a calculation: one JSON object, at most 5,000 characters.

use super::{FieldError, check_length};
use serde_json::{Map, Value};

/// The longest text of the `parameters` column, characters.
pub const MAX_PARAMETERS: usize = 5_000;

/// Reads parameters as typed or read from a file. Blank text is the empty object.
///
/// The message of a refusal names line and column, so that an editor can put the cursor there.
pub fn parse(text: &str) -> Result<Map<String, Value>, FieldError> {
    check_length("parameters", text, MAX_PARAMETERS)?;
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(FieldError::new(
            "parameters",
            format!("must be a JSON object like {{\"d\": 12}}, got {}", kind(&other)),
        )),
        Err(error) => Err(FieldError::new("parameters", format!("not valid JSON: {error}"))),
    }
}

/// The JSON kind of a value, with its article, for messages.
pub const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_is_empty() {
        assert_eq!(parse(" \n").unwrap().len(), 0);
        assert!(parse(&" ".repeat(MAX_PARAMETERS + 1)).unwrap_err().problem.contains("limit is 5000"));
    }

    #[test]
    fn refusals_say_what_and_where() {
        assert!(parse("{\"a\": }").unwrap_err().problem.contains("line 1 column 7"));
        assert!(parse("[1]").unwrap_err().problem.contains("got an array"));
        assert!(parse("{\"a\": NaN}").is_err());
        let long = format!("{{\"a\": \"{}\"}}", "x".repeat(MAX_PARAMETERS));
        assert!(parse(&long).unwrap_err().problem.contains("limit is 5000"));
    }

    #[test]
    fn order_is_kept() {
        let keys: Vec<_> = parse("{\"z\":1,\"a\":2}").unwrap().keys().cloned().collect();
        assert_eq!(keys, ["z", "a"]);
    }
}
