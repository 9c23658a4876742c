//! A filter in place: a text that is typed below a list and narrows it at every key.

use super::{input::Input, text};
use crate::{
    domain::text::SafeText,
    tui::{keymap::Key, theme::Theme},
};
use ratatui::{Frame, layout::Rect};

/// The text in force, and whether it is being typed.
#[derive(Debug, Default)]
pub struct Filter {
    input: Input,
    typing: bool,
}

impl Filter {
    /// The text in force; empty for everything.
    pub fn text(&self) -> &str {
        self.input.text().trim()
    }

    /// Whether keys are text.
    pub const fn typing(&self) -> bool {
        self.typing
    }

    /// Starts typing.
    pub fn open(&mut self) {
        self.typing = true;
    }

    /// Stops typing; the text stays in force.
    pub fn accept(&mut self) {
        self.typing = false;
    }

    /// Stops typing and shows everything again; whether there was a text.
    pub fn clear(&mut self) -> bool {
        let had = !self.text().is_empty();
        *self = Self::default();
        had
    }

    /// Takes a key; whether the text in force changed.
    pub fn key(&mut self, key: Key) -> bool {
        let before = self.text().to_owned();
        self.input.key(key);
        before != self.text()
    }

    /// Takes pasted text; whether the text in force changed.
    pub fn paste(&mut self, pasted: &str) -> bool {
        let before = self.text().to_owned();
        self.input.paste(pasted);
        before != self.text()
    }

    /// Whether it takes a line of the screen.
    pub fn is_shown(&self) -> bool {
        self.typing || !self.text().is_empty()
    }

    /// Draws it into the first row of `area`.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
        let label = if self.typing { "/" } else { "filter: " };
        let used = text::line(frame.buffer_mut(), area, 0, label, theme.accent);
        let field = Rect { x: area.x + used, width: area.width - used, ..area };
        if self.typing {
            self.input.view(frame, field, theme.text, true);
        } else {
            let shown = format!("{}   (Esc clears it)", SafeText::label(self.text()));
            text::line(frame.buffer_mut(), field, 0, &shown, theme.text);
        }
    }
}
