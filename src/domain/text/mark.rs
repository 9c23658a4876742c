//! Which characters are never shown as they are, and the marks that stand for them.

use unicode_width::UnicodeWidthChar;

/// Whether `c` commands the terminal, reorders its neighbours or takes no room while meaning something.
///
/// Combining accents are not hidden: they show on their letter.
pub fn is_hidden(c: char) -> bool {
    if (' '..='~').contains(&c) {
        return false;
    }
    c.is_control()
        || matches!(c,
            '\u{00ad}'                     // soft hyphen
            | '\u{034f}'                   // combining grapheme joiner
            | '\u{061c}'                   // Arabic letter mark (bidi)
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
            | '\u{17b4}' | '\u{17b5}'      // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}'      // Mongolian selectors
            | '\u{200b}'..='\u{200f}'      // zero width, joiners, bidi marks
            | '\u{2028}'..='\u{202e}'      // line and paragraph separators, bidi embeddings and overrides
            | '\u{2060}'..='\u{206f}'      // word joiner, invisible operators, bidi isolates
            | '\u{fe00}'..='\u{fe0f}'      // variation selectors: terminals disagree on the width they give
            | '\u{feff}'                   // byte-order mark
            | '\u{fff0}'..='\u{fffb}'      // interlinear annotation
            | '\u{13430}'..='\u{1345f}'    // Egyptian format controls
            | '\u{1bca0}'..='\u{1bca3}'    // shorthand format controls
            | '\u{1d173}'..='\u{1d17a}'    // musical format controls
            | '\u{e0000}'..='\u{e0fff}'    // tags and selectors
        )
}

/// The visible mark of a hidden character: caret notation for ASCII controls, the code point for the others.
pub fn mark(c: char) -> String {
    match c {
        '\0'..='\x1f' => format!("^{}", char::from(c as u8 + 0x40)),
        '\x7f' => "^?".to_owned(),
        _ => format!("<U+{:04X}>", c as u32),
    }
}

/// Columns that `c` takes: 0 for a combining mark, 1 or 2.
pub(super) fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}
