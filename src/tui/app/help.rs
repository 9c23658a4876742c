//! The help page: the keys of the pane in front, as its commands are declared.

use super::layers::LayerStep;
use crate::tui::{
    action::{Action, Context, DIALOG, GLOBAL, MOVE},
    keymap::{Key, Keymap},
    pane::Look,
    theme::Theme,
    widgets::{scroll::Scroll, text},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Block, BorderType, Clear},
};

/// The keys of some contexts, scrolled.
pub struct Help {
    /// Heading, or keys and what they do.
    rows: Vec<Row>,
    scroll: Scroll,
}

enum Row {
    Heading(&'static str),
    Command(String, &'static str),
    Blank,
}

impl Help {
    /// The keys of `contexts`, then the global ones and those of dialogs.
    pub fn new(contexts: &[Context], keymap: &Keymap) -> Self {
        let mut rows = Vec::new();
        for context in contexts.iter().copied().chain([GLOBAL, DIALOG]) {
            if !rows.is_empty() {
                rows.push(Row::Blank);
            }
            rows.push(Row::Heading(context.title));
            for bound in keymap.commands(context).iter().filter(|bound| !bound.keys.is_empty()) {
                let keys: Vec<String> = bound.keys.iter().map(Key::to_string).collect();
                rows.push(Row::Command(keys.join(" "), bound.command.doc));
            }
        }
        Self { rows, scroll: Scroll::default() }
    }

    fn inner(area: Rect) -> Rect {
        let width = area.width.min(84);
        let outer = Rect { x: area.x + (area.width - width) / 2, width, ..area };
        Rect {
            x: outer.x + 2.min(outer.width),
            y: outer.y + 1.min(outer.height),
            width: outer.width.saturating_sub(4),
            height: outer.height.saturating_sub(2),
        }
    }

    /// Scrolls, or closes it.
    pub fn key(&mut self, key: Key, keymap: &Keymap, area: Rect) -> LayerStep {
        let inner = Self::inner(area);
        match keymap.action_in(&[DIALOG, MOVE, GLOBAL], key) {
            Some(Action::Cancel | Action::Accept | Action::Back | Action::Help | Action::Quit) => LayerStep::Close,
            Some(action) => {
                let lines = self.lines(inner.width, &Theme::plain()).len();
                self.scroll.action(action, lines, usize::from(inner.height));
                LayerStep::Stay
            }
            None => LayerStep::Stay,
        }
    }

    /// Everything in at most so many columns.
    fn lines(&self, width: u16, theme: &Theme) -> Vec<Line<'_>> {
        let keys = self
            .rows
            .iter()
            .map(|row| match row {
                Row::Command(keys, _) => text::width(keys),
                _ => 0,
            })
            .max()
            .unwrap_or(0);
        // The last column is the scroll mark's.
        let room = usize::from(width).saturating_sub(keys + 5).max(8);
        let mut lines = Vec::new();
        for row in &self.rows {
            match row {
                Row::Blank => lines.push(Line::default()),
                Row::Heading(heading) => lines.push(Line::from(Span::styled(*heading, theme.title))),
                Row::Command(shown, doc) => {
                    let mut shown = shown.as_str();
                    for part in text::wrap(doc, room) {
                        lines.push(Line::from(vec![
                            Span::raw("  "),
                            Span::styled(shown, theme.accent),
                            Span::raw(" ".repeat(keys - text::width(shown) + 2)),
                            Span::styled(part, theme.text),
                        ]));
                        shown = "";
                    }
                }
            }
        }
        lines
    }

    /// Draws it over `area`.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        let inner = Self::inner(area);
        let outer = Rect {
            x: inner.x.saturating_sub(2),
            y: area.y,
            width: (inner.width + 4).min(area.width),
            height: area.height,
        };
        frame.render_widget(Clear, outer);
        frame.render_widget(
            Block::bordered()
                .border_type(BorderType::Rounded)
                .border_style(look.theme.accent)
                .title(Span::styled(" Keys (Esc closes) ", look.theme.title)),
            outer,
        );
        self.scroll.view(frame, inner, &self.lines(inner.width, look.theme), look.theme.dim);
    }
}
