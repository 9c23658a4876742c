//! Text in columns: cutting and measuring by what a terminal shows.

use crate::domain::text::SafeText;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns of a quoted name.
const QUOTED: usize = 60;

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// `text`, or its beginning and `…` where it takes more than `columns`.
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut used = 0;
    let mut short = String::with_capacity(columns + 3);
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used > room {
            break;
        }
        short.push_str(grapheme);
    }
    short.push('…');
    Cow::Owned(short)
}

/// A name in quotes for a sentence or a title: hidden characters as marks, a long one cut.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", cut(&SafeText::label(name), QUOTED))
}

/// Writes one line into `area`'s row `y` (from 0), cut to its width; gives the columns used.
pub fn line(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) -> u16 {
    if y >= area.height || area.width == 0 {
        return 0;
    }
    let text = cut(text, usize::from(area.width));
    put(buffer, area.x, area.y + y, &text, style) - area.x
}

/// Writes `text` at a cell and gives the column behind it.
///
/// Most text of a screen is plain: a byte is a character is a cell then, and nothing has to be looked up for it.
fn put(buffer: &mut Buffer, x: u16, y: u16, text: &str, style: Style) -> u16 {
    let plain = text.bytes().position(|byte| !(b' '..=b'~').contains(&byte));
    // A combining mark belongs to the plain character before it.
    let (plain, rest) = text.split_at(plain.map_or(text.len(), |at| at.saturating_sub(1)));
    let room = usize::from(buffer.area.right().saturating_sub(x));
    let mut end = x;
    if !plain.is_empty() && room > 0 {
        let start = buffer.index_of(x, y);
        let plain = &plain[..plain.len().min(room)];
        for (at, cell) in buffer.content[start..start + plain.len()].iter_mut().enumerate() {
            cell.set_symbol(&plain[at..=at]).set_style(style);
        }
        end += plain.len() as u16;
    }
    if rest.is_empty() { end } else { buffer.set_stringn(end, y, rest, usize::from(u16::MAX), style).0 }
}

/// Breaks a text into lines of at most `columns`, at blanks where there are some.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let (mut line, mut used) = (String::new(), 0);
        for word in paragraph.split_inclusive(' ') {
            // A blank at the end of a line needs no room.
            let size = width(word);
            let needed = width(word.trim_end());
            if used + needed > columns && used > 0 {
                lines.push(line.trim_end().to_owned());
                (line, used) = (String::new(), 0);
                if word.trim().is_empty() {
                    continue;
                }
            }
            if needed <= columns {
                line.push_str(word);
                used += size;
                continue;
            }
            for grapheme in word.graphemes(true) {
                let size = grapheme.width();
                if used + size > columns {
                    lines.push(std::mem::take(&mut line));
                    used = 0;
                }
                line.push_str(grapheme);
                used += size;
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_by_columns() {
        assert_eq!(cut("beam", 4), "beam");
        assert_eq!(cut("beams", 4), "bea…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("x", 0), "");
        assert_eq!(cut("abc", 1), "…");
    }

    proptest::proptest! {
        #[test]
        fn is_written_as_the_library_writes_it(text in "[ -~é日\u{301}]{0,16}", x in 0_u16..12) {
            let area = Rect::new(0, 0, 10, 1);
            let (mut ours, mut theirs) = (Buffer::empty(area), Buffer::empty(area));
            let style = Style::new().bold();
            let end = put(&mut ours, x, 0, &text, style);
            proptest::prop_assert_eq!(end, theirs.set_stringn(x, 0, &text, usize::MAX, style).0);
            proptest::prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn a_name_in_quotes_has_marks_and_an_end() {
        assert_eq!(quoted("Träger \"A\""), "\"Träger \"A\"\"");
        assert_eq!(quoted("a\u{1b}[31m\u{202e}b"), "\"a^[[31m<U+202E>b\"");
        assert_eq!(width(&quoted(&"x".repeat(200))), QUOTED + 2);
    }

    #[test]
    fn wraps_at_blanks_and_breaks_what_has_none() {
        assert_eq!(wrap("the bolted joint", 10), ["the bolted", "joint"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("a\n\nb", 9), ["a", "", "b"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("ab", 0), ["a", "b"]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "\\PC{0,60}", columns in 2_usize..20) {
            proptest::prop_assert!(width(&cut(&text, columns)) <= columns);
        }
    }
}
