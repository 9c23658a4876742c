//! A sentence at the edge of the screen that goes away by itself.

/// How a sentence is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something was done.
    Good,
    /// Something to know.
    Info,
    /// Something failed; stays until a key is pressed.
    Bad,
}

/// A sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// How it is meant.
    pub kind: Kind,
    /// What it says; may hold untrusted text, which is cleaned when drawn.
    pub text: String,
}

impl Toast {
    /// Something was done.
    pub fn good(text: impl Into<String>) -> Self {
        Self { kind: Kind::Good, text: text.into() }
    }

    /// Something to know.
    pub fn info(text: impl Into<String>) -> Self {
        Self { kind: Kind::Info, text: text.into() }
    }

    /// Something failed.
    pub fn bad(text: impl Into<String>) -> Self {
        Self { kind: Kind::Bad, text: text.into() }
    }
}
