//! One way to say that a value a person gave cannot be taken.

/// A value that was refused: which field, and why, in words a person can act on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// The field's name, as the database's column and the JSON key call it.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl FieldError {
    /// A refusal of `field`.
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}

/// Checks that `text` has at most `limit` characters (Unicode scalar values, as PostgreSQL and Python count).
pub fn check_length(field: &'static str, text: &str, limit: usize) -> Result<(), FieldError> {
    // A text has at most as many characters as bytes: the count is needed only past that.
    if text.len() <= limit {
        return Ok(());
    }
    let length = text.chars().count();
    if length <= limit {
        return Ok(());
    }
    Err(FieldError::new(field, format!("{length} characters, the limit is {limit}; shorten it by {}", length - limit)))
}

/// The same, and that `text` holds no NUL, which PostgreSQL cannot keep and at which SQLite stops counting.
pub fn check_text(field: &'static str, text: &str, limit: usize) -> Result<(), FieldError> {
    check_length(field, text, limit)?;
    if text.contains('\0') {
        return Err(FieldError::new(field, "holds a NUL character, which the database cannot keep; remove it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(check_length("name", &"é".repeat(200), 200).is_ok());
        let error = check_length("name", &"é".repeat(201), 200).unwrap_err();
        assert_eq!(error.to_string(), "name: 201 characters, the limit is 200; shorten it by 1");
    }

    #[test]
    fn a_nul_is_refused_by_name() {
        assert_eq!(check_text("name", "a\0", 10).unwrap_err().field, "name");
    }
}
