//! The hint bar: keys and words, as many as fit.

use super::text;
use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// A key and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key as people read it.
    pub key: String,
    /// One or two words.
    pub word: &'static str,
}

/// Draws the first of `hints` that fit, the `last` ones always, at the right.
pub fn view(buffer: &mut Buffer, area: Rect, hints: &[Hint], last: &[Hint], key: Style, word: Style) {
    if area.is_empty() {
        return;
    }
    let size = |hint: &Hint| text::width(&hint.key) + 1 + text::width(hint.word) + 2;
    let reserved: usize = last.iter().map(size).sum();
    let room = usize::from(area.width);
    let mut x = 0;
    let mut put = |x: &mut usize, hint: &Hint| {
        let (at, _) = buffer.set_stringn(area.x + *x as u16, area.y, &hint.key, room - *x, key);
        buffer.set_stringn(at + 1, area.y, hint.word, room.saturating_sub((at - area.x) as usize + 1), word);
        *x += size(hint);
    };
    for hint in hints {
        if x + size(hint) + reserved > room + 2 {
            break;
        }
        put(&mut x, hint);
    }
    for hint in last {
        if x + size(hint) > room + 2 {
            break;
        }
        put(&mut x, hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::text_of;

    #[test]
    fn the_last_ones_keep_their_place() {
        let hint = |key: &str, word| Hint { key: key.to_owned(), word };
        let bar = |width| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
            let area = buffer.area;
            let hints = [hint("Enter", "open"), hint("r", "run"), hint("n", "new")];
            view(&mut buffer, area, &hints, &[hint("?", "help")], Style::new(), Style::new());
            text_of(&buffer)
        };
        assert_eq!(bar(40), "Enter open  r run  n new  ? help\n");
        assert_eq!(bar(25), "Enter open  r run  ? help\n");
        assert_eq!(bar(8), "? help\n");
        assert_eq!(bar(3), "\n");
    }
}
