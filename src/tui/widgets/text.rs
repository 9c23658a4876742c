//! Text in columns: cutting and measuring by what a terminal shows.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

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

/// Writes one line into `area`'s row `y` (from 0), cut to its width; gives the columns used.
pub fn line(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) -> u16 {
    if y >= area.height || area.width == 0 {
        return 0;
    }
    let text = cut(text, usize::from(area.width));
    let (end, _) = buffer.set_stringn(area.x, area.y + y, &text, usize::from(area.width), style);
    end - area.x
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
