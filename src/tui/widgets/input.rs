//! A one-line text field.

use super::text;
use crate::{domain::text::SafeText, tui::keymap::Key};
use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
};
use tui_input::{InputRequest, StateChanged};

/// The longest text a field takes, characters: a paste of a whole file into a filter helps nobody.
const MAX_TEXT: usize = 4_000;

/// A one-line text field: its text and its cursor.
#[derive(Clone, Debug, Default)]
pub struct Input {
    field: tui_input::Input,
    /// The whole text is selected: what is typed takes its place.
    selected: bool,
}

impl Input {
    /// A field that holds `text`, the cursor behind it.
    pub fn new(text: &str) -> Self {
        Self { field: tui_input::Input::new(text.to_owned()), selected: false }
    }

    /// A field that holds `text` as a proposal: typing replaces it, moving keeps it.
    pub fn selected(text: &str) -> Self {
        Self { selected: !text.is_empty(), ..Self::new(text) }
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.field.value()
    }

    /// Takes a key; whether the text changed.
    pub fn key(&mut self, key: Key) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let replaced = self.selected && matches!(key.code, KeyCode::Backspace | KeyCode::Delete);
        if replaced {
            return self.clear_selected();
        }
        let request = match key.code {
            KeyCode::Char('a') if ctrl => InputRequest::GoToStart,
            KeyCode::Char('e') if ctrl => InputRequest::GoToEnd,
            KeyCode::Char('u') if ctrl => InputRequest::DeleteLine,
            KeyCode::Char('k') if ctrl => InputRequest::DeleteTillEnd,
            KeyCode::Char('w') if ctrl => InputRequest::DeletePrevWord,
            KeyCode::Char(c) if !ctrl && !alt && !c.is_control() => {
                self.clear_selected();
                return self.insert(c);
            }
            KeyCode::Backspace if ctrl || alt => InputRequest::DeletePrevWord,
            KeyCode::Backspace => InputRequest::DeletePrevChar,
            KeyCode::Delete => InputRequest::DeleteNextChar,
            KeyCode::Left if ctrl => InputRequest::GoToPrevWord,
            KeyCode::Right if ctrl => InputRequest::GoToNextWord,
            KeyCode::Left => InputRequest::GoToPrevChar,
            KeyCode::Right => InputRequest::GoToNextChar,
            KeyCode::Home => InputRequest::GoToStart,
            KeyCode::End => InputRequest::GoToEnd,
            _ => return false,
        };
        self.selected = false;
        matches!(self.field.handle(request), Some(StateChanged { value: true, .. }))
    }

    /// Takes pasted text; line ends become blanks. Whether the text changed.
    pub fn paste(&mut self, text: &str) -> bool {
        let mut changed = !text.is_empty() && self.clear_selected();
        for c in text.trim_end_matches('\n').chars() {
            let c = if c == '\n' || c == '\t' { ' ' } else { c };
            if !c.is_control() {
                changed |= self.insert(c);
            }
        }
        changed
    }

    /// Takes the proposal away, where there is one; whether the text changed.
    fn clear_selected(&mut self) -> bool {
        let selected = std::mem::take(&mut self.selected);
        if selected {
            self.field.reset();
        }
        selected
    }

    fn insert(&mut self, c: char) -> bool {
        if self.text().chars().count() >= MAX_TEXT {
            return false;
        }
        self.field.handle(InputRequest::InsertChar(c)).is_some()
    }

    /// Draws the text into the first row of `area`, scrolled so that the cursor is seen; `focused` places the cursor.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, style: Style, focused: bool) {
        if area.is_empty() {
            return;
        }
        let room = usize::from(area.width);
        let style = if self.selected && focused { style.add_modifier(Modifier::REVERSED) } else { style };
        // Bidirectional marks in typed or pasted text must not reorder the screen.
        let before: String = self.text().chars().take(self.field.cursor()).collect();
        let after: String = self.text().chars().skip(self.field.cursor()).collect();
        let (before, after) = (SafeText::label(&before), SafeText::label(&after));
        let mut shown = before.as_str();
        while text::width(shown) >= room {
            let mut characters = shown.chars();
            if characters.next().is_none() {
                break;
            }
            shown = characters.as_str();
        }
        let at = text::line(frame.buffer_mut(), area, 0, shown, style);
        let rest = Rect { x: area.x + at, width: area.width - at, ..area };
        text::line(frame.buffer_mut(), rest, 0, &after, style);
        if focused {
            frame.set_cursor_position((area.x + at.min(area.width - 1), area.y));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::text_of;
    use ratatui::{Terminal, backend::TestBackend};

    fn screen(input: &Input, width: u16) -> (String, u16) {
        let mut terminal = Terminal::new(TestBackend::new(width, 1)).unwrap();
        terminal.draw(|frame| input.view(frame, frame.area(), Style::new(), true)).unwrap();
        let cursor = terminal.get_cursor_position().unwrap().x;
        (text_of(terminal.backend().buffer()), cursor)
    }

    #[test]
    fn types_moves_and_deletes() {
        let mut input = Input::new("beam");
        for key in ["home", "X", "ctrl-e", "space", "2", "backspace"] {
            input.key(key.parse().unwrap());
        }
        assert_eq!(input.text(), "Xbeam ");
        assert!(!input.key("left".parse().unwrap()), "a move changes no text");
        assert!(input.paste("a\nb\u{1b}\n"));
        assert_eq!(input.text(), "Xbeama b ");
    }

    #[test]
    fn a_proposal_is_replaced_by_typing_and_kept_by_moving() {
        let after = |keys: &str| {
            let mut input = Input::selected("beam");
            for key in keys.split(' ') {
                input.key(key.parse().unwrap());
            }
            input.text().to_owned()
        };
        assert_eq!(after("x y"), "xy");
        assert_eq!(after("backspace"), "");
        assert_eq!(after("end x"), "beamx");
        assert_eq!(after("left backspace"), "bem");
        assert_eq!(after("f1"), "beam");
        let mut input = Input::selected("beam");
        assert!(input.paste("joint"));
        assert_eq!(input.text(), "joint");
    }

    #[test]
    fn the_cursor_stays_in_sight() {
        assert_eq!(screen(&Input::new("0123456789"), 6), ("56789\n".to_owned(), 5));
        assert_eq!(screen(&Input::new("日本語"), 4).1, 2);
        assert_eq!(screen(&Input::new("ab"), 6), ("ab\n".to_owned(), 2));
        screen(&Input::new("abc"), 1);
    }

    #[test]
    fn marks_that_reorder_text_are_shown() {
        assert_eq!(screen(&Input::new("a\u{202e}b"), 20).0, "a<U+202E>b\n");
    }
}
