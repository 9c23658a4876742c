//! The one door for text that others wrote: logs, file names, results, descriptions, server messages.
//!
//! What comes out holds no character that a terminal obeys and none that hides or reorders its neighbours: each
//! such character becomes a visible mark (`^[`, `<U+202E>`). Lines are cut at [`MAX_COLUMNS`].
//!
//! Three ways in: [`SafeText::label`] for one line (a name), [`SafeText::lines`] for a text (a description, a
//! traceback), [`LogDecoder`] for the bytes of a log, which keeps colours and lets a carriage return fold its line.

mod decode;
mod line;
mod mark;
#[cfg(test)]
mod tests;

pub use decode::{LogDecoder, log_line};
pub use line::{Colour, SafeLine, SafeSpan, TextStyle};
pub use mark::{is_hidden, mark};

use std::fmt;

/// The longest line, columns; what stands beyond is replaced by a mark.
pub const MAX_COLUMNS: usize = 4_096;
/// Columns between tab stops.
pub const TAB: usize = 8;
/// Combining marks kept on one character; a stack of thousands would paint over the lines above.
const MAX_COMBINING: usize = 4;

/// Text that is safe to send to a terminal as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SafeText(String);

impl SafeText {
    /// One line: line ends, tabs and backspaces are marks too.
    pub fn label(text: &str) -> Self {
        if text.len() <= MAX_COLUMNS && text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Self(text.to_owned());
        }
        let mut line = line::FoldedLine::default();
        for c in text.chars() {
            line.put_literal(c);
        }
        Self(line.finish().text())
    }

    /// The lines of a text: split at line ends (`\n`, `\r\n`), tabs expanded, everything else a mark.
    pub fn lines(text: &str) -> Vec<Self> {
        text.lines()
            .map(|source| {
                let mut line = line::FoldedLine::default();
                for c in source.chars() {
                    if c == '\t' { line.tab() } else { line.put_literal(c) }
                }
                Self(line.finish().text())
            })
            .collect()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::ops::Deref for SafeText {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SafeText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<SafeText> for String {
    fn from(text: SafeText) -> Self {
        text.0
    }
}
