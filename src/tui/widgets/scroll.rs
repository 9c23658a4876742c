//! Lines that are read by scrolling.

use super::text;
use crate::tui::action::Action;
use ratatui::{Frame, layout::Rect, style::Style, text::Line};

/// Where lines are scrolled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Scroll {
    /// The first visible line.
    pub top: usize,
}

impl Scroll {
    /// Moves by a command of [`crate::tui::action::MOVE`]; `lines` in all, `height` visible. Whether the command is a move.
    pub fn action(&mut self, action: Action, lines: usize, height: usize) -> bool {
        let last = lines.saturating_sub(height);
        let page = height.saturating_sub(1).max(1);
        self.top = match action {
            Action::Up => self.top.saturating_sub(1),
            Action::Down => self.top + 1,
            Action::PageUp => self.top.saturating_sub(page),
            Action::PageDown => self.top + page,
            Action::HalfUp => self.top.saturating_sub(page / 2),
            Action::HalfDown => self.top + page / 2,
            Action::Top => 0,
            Action::Bottom => last,
            _ => return false,
        }
        .min(last);
        true
    }

    /// Draws the visible ones of `lines`; a mark at the right edge says that more follow.
    pub fn view(self, frame: &mut Frame<'_>, area: Rect, lines: &[Line<'_>], mark: Style) {
        let height = usize::from(area.height);
        let top = self.top.min(lines.len().saturating_sub(height));
        for (y, line) in (0..area.height).zip(&lines[top..]) {
            frame.render_widget(line, Rect { y: area.y + y, height: 1, ..area });
        }
        let right = Rect { x: area.right().saturating_sub(1), width: area.width.min(1), ..area };
        if top > 0 {
            text::line(frame.buffer_mut(), right, 0, "↑", mark);
        }
        if top + height < lines.len() {
            text::line(frame.buffer_mut(), right, area.height.saturating_sub(1), "↓", mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_inside() {
        let mut scroll = Scroll::default();
        for (action, top) in [
            (Action::Up, 0),
            (Action::PageDown, 9),
            (Action::Bottom, 20),
            (Action::Down, 20),
            (Action::HalfUp, 16),
            (Action::Top, 0),
        ] {
            assert!(scroll.action(action, 30, 10));
            assert_eq!(scroll.top, top, "{action:?}");
        }
        assert!(!scroll.action(Action::Delete, 30, 10));
        assert!(scroll.action(Action::Down, 3, 10));
        assert_eq!(scroll.top, 0, "everything is visible");
    }
}
