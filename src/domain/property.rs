//! What is shown of a thing in words.

/// A line of a detail, the same on the screen and on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// What is told, in a word or two.
    pub label: &'static str,
    /// Its value in words; untrusted.
    pub text: String,
    /// Whether it is something to be careful about.
    pub is_warning: bool,
}

impl Property {
    /// A plain one.
    pub fn new(label: &'static str, text: impl Into<String>) -> Self {
        Self { label, text: text.into(), is_warning: false }
    }

    /// Something to be careful about.
    pub fn warning(label: &'static str, text: impl Into<String>) -> Self {
        Self { label, text: text.into(), is_warning: true }
    }
}
