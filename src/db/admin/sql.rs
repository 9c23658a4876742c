//! Names and texts as SQL spells them, alike on both engines.

/// A text in single quotes.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A name in double quotes.
pub(super) fn name(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}
