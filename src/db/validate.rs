//! Checks before the database is asked, so that a refusal names field, length and limit.

use crate::domain::{FieldError, check_length};

/// Checks that `text` fits its column: at most `limit` characters, and no NUL, which PostgreSQL cannot keep and at
/// which SQLite stops counting.
pub(super) fn text(field: &'static str, text: &str, limit: usize) -> Result<(), FieldError> {
    check_length(field, text, limit)?;
    if text.contains('\0') {
        return Err(FieldError::new(field, "holds a NUL character, which the database cannot keep; remove it"));
    }
    Ok(())
}

/// The same for a text that may be missing.
pub(super) fn optional(field: &'static str, value: Option<&str>, limit: usize) -> Result<(), FieldError> {
    value.map_or(Ok(()), |value| text(field, value, limit))
}

/// Python drops a byte-order mark, and it is not counted as code: the column holds what is counted.
pub(super) fn counted(code: &str) -> String {
    code.strip_prefix('\u{feff}').unwrap_or(code).to_owned()
}

/// A column of 32 bits.
pub(super) fn small(field: &'static str, value: u32) -> Result<i32, FieldError> {
    i32::try_from(value).map_err(|_| FieldError::new(field, format!("{value} is past the largest value, {}", i32::MAX)))
}

/// `text` cut to `limit` characters with a mark, without NUL: for words that a program wrote and must not be lost
/// for their length.
pub(super) fn clipped(text: &str, limit: usize) -> String {
    let text = text.replace('\0', "\u{fffd}");
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

    #[test]
    fn a_nul_is_refused_by_name() {
        assert_eq!(text("name", "a\0", 10).unwrap_err().field, "name");
    }
}
