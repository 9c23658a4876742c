//! Checks before the database is asked, so that a refusal names field, length and limit.

use crate::domain::{FieldError, check_text};

/// Checks a text that may be missing.
pub(super) fn optional(field: &'static str, value: Option<&str>, limit: usize) -> Result<(), FieldError> {
    value.map_or(Ok(()), |value| check_text(field, value, limit))
}

/// Python drops a byte-order mark, and it is not counted as code: the column holds what is counted.
pub(super) fn counted(code: &str) -> String {
    code.strip_prefix('\u{feff}').unwrap_or(code).to_owned()
}

/// A column of 32 bits.
pub(super) fn small(field: &'static str, value: u32) -> Result<i32, FieldError> {
    i32::try_from(value).map_err(|_| FieldError::new(field, format!("{value} is past the largest value, {}", i32::MAX)))
}

/// `text` without NUL: for words that a program wrote and must not be lost for it.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// `text` cut to `limit` characters with a mark, without NUL: for words that a program wrote and must not be lost
/// for their length.
pub(super) fn clipped(text: &str, limit: usize) -> String {
    let text = without_nul(text);
    if text.chars().count() <= limit {
        return text;
    }
    text.chars().take(limit - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_counts_characters_and_marks_the_cut() {
        assert_eq!(clipped("abc", 3), "abc");
        assert_eq!(clipped("éàü€", 3), "éà…");
        assert_eq!(clipped("a\0b", 3), "a\u{fffd}b");
    }
}
