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

/// Draws the first of `hints` that fit, and the `last` ones, at the right.
///
/// The very first hint says what to do next: where it would not fit, those between the first and the last of `last` make
/// room for it.
pub fn view(buffer: &mut Buffer, area: Rect, hints: &[Hint], last: &[Hint], key: Style, word: Style) {
    if area.is_empty() {
        return;
    }
    let size = |hint: &Hint| text::width(&hint.key) + 1 + text::width(hint.word) + 2;
    let room = usize::from(area.width);
    let columns = |hints: &[&Hint]| hints.iter().map(|hint| size(hint)).sum::<usize>();
    let all: Vec<&Hint> = last.iter().collect();
    let fewer: Vec<&Hint> = last.iter().take(1).chain(last.iter().skip(1).last()).collect();
    let fits = |last: &[&Hint]| hints.first().is_none_or(|first| size(first) + columns(last) <= room + 2);
    let last = if !fits(&all) && fits(&fewer) { fewer } else { all };
    let reserved = columns(&last);
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
    }

    #[test]
    fn what_to_do_next_is_said_before_the_palette() {
        let hint = |key: &str, word| Hint { key: key.to_owned(), word };
        let bar = |width| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
            let area = buffer.area;
            let hints = [hint("Enter", "make a calculation"), hint("/", "filter")];
            let last = [hint("?", "help"), hint(":", "commands"), hint("q", "quit")];
            view(&mut buffer, area, &hints, &last, Style::new(), Style::new());
            text_of(&buffer)
        };
        assert_eq!(bar(60), "Enter make a calculation  ? help  : commands  q quit\n");
        assert_eq!(bar(40), "Enter make a calculation  ? help  q quit\n");
        assert_eq!(bar(39), "? help  : commands  q quit\n");
        assert_eq!(bar(3), "\n");
    }
}
