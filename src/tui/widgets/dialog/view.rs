//! Drawing a dialog over the screen.

use super::{
    Dialog, Open,
    open::{MAX_WIDTH, inner_width},
};
use crate::{
    domain::text::SafeText,
    tui::{pane::Look, widgets::text},
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::{Block, BorderType, Clear},
};

impl Open {
    /// Draws it in the middle of `area`.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        let width = area.width.min(MAX_WIDTH);
        let inner_width = inner_width(area);
        let (title, lines) = self.lines(inner_width, look);
        let height = area.height.min(lines.len() as u16 + 2);
        let outer =
            Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
        frame.render_widget(Clear, outer);
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(look.theme.accent)
            .title(Span::styled(format!(" {} ", text::cut(&title, inner_width)), look.theme.title));
        let inner = block.inner(outer);
        frame.render_widget(block, outer);
        let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
        // What has the input must be seen, however low the screen, and the keys that answer, which stand last.
        let focus = lines.iter().position(|line| line.focused).unwrap_or(0);
        let (body, keys) = lines.split_at(lines.len().saturating_sub(1));
        let room = usize::from(inner.height).saturating_sub(keys.len());
        let top = (focus + 1).saturating_sub(room);
        for (y, line) in (0..inner.height).zip(body.iter().skip(top).take(room).chain(keys)) {
            let row = Rect { y: inner.y + y, height: 1, ..inner };
            frame.render_widget(&line.line, row);
            if let (Some(x), Some(input)) = (line.input, &self.input) {
                let x = x.min(row.width);
                let field = Rect { x: row.x + x, width: row.width - x, ..row };
                input.view(frame, field, look.theme.text, line.focused);
            }
        }
    }

    fn lines(&self, width: usize, look: &Look<'_>) -> (String, Lines) {
        let theme = look.theme;
        let mut lines = Lines::default();
        match &self.dialog {
            Dialog::Confirm { title, lines: body, verb, danger } => {
                for paragraph in body {
                    lines.wrapped(paragraph, width, theme.text);
                }
                lines.text("", theme.text);
                let keys = if *danger { "y" } else { "Enter" };
                lines.spans(vec![
                    Span::styled(keys, theme.accent),
                    Span::styled(
                        format!(" {}   ", SafeText::label(verb)),
                        if *danger { theme.bad } else { theme.text },
                    ),
                    Span::styled("Esc", theme.accent),
                    Span::styled(" cancel", theme.text),
                ]);
                (SafeText::label(title).into_string(), lines)
            }
            Dialog::Prompt { title, label, .. } => {
                lines.field(label, theme.dim);
                if let Some(problem) = &self.problem {
                    lines.wrapped(&format!("✗ {problem}"), width, theme.bad);
                }
                lines.keys(theme, "take it");
                (SafeText::label(title).into_string(), lines)
            }
            Dialog::Choose { title, items, many, .. } => {
                if items.is_empty() {
                    lines.text("Nothing to choose from.", theme.dim);
                }
                for (at, item) in items.iter().enumerate() {
                    let focused = at == self.at;
                    let mark = match (*many, self.chosen[at]) {
                        (true, true) => "[x] ",
                        (true, false) => "[ ] ",
                        _ => "",
                    };
                    lines.spans(vec![
                        Span::styled(if focused { "▌ " } else { "  " }, theme.accent),
                        Span::raw(mark),
                        Span::styled(
                            SafeText::label(&item.label).into_string(),
                            if focused { theme.selected } else { theme.text },
                        ),
                        Span::styled(format!("  {}", SafeText::label(&item.note)), theme.dim),
                    ]);
                    if let (Some(line), true) = (lines.0.last_mut(), focused) {
                        line.focused = true;
                    }
                }
                lines.keys(theme, if *many { "take them   Space choose" } else { "take it" });
                (SafeText::label(title).into_string(), lines)
            }
        }
    }
}

/// A line of a dialog.
#[derive(Default)]
struct DialogLine {
    line: Line<'static>,
    /// The column where the text field on it starts.
    input: Option<u16>,
    focused: bool,
}

#[derive(Default)]
struct Lines(Vec<DialogLine>);

impl std::ops::Deref for Lines {
    type Target = [DialogLine];
    fn deref(&self) -> &[DialogLine] {
        &self.0
    }
}

impl Lines {
    fn spans(&mut self, spans: Vec<Span<'static>>) {
        self.0.push(DialogLine { line: Line::from(spans), ..DialogLine::default() });
    }

    fn text(&mut self, content: &str, style: Style) {
        self.spans(vec![Span::styled(content.to_owned(), style)]);
    }

    fn wrapped(&mut self, content: &str, width: usize, style: Style) {
        for line in SafeText::lines(content) {
            for part in text::wrap(&line, width) {
                self.text(&part, style);
            }
        }
        if content.is_empty() {
            self.text("", style);
        }
    }

    fn field(&mut self, label: &str, style: Style) {
        self.0.push(DialogLine {
            line: Line::from(Span::styled(label.to_owned(), style)),
            input: Some(text::width(label) as u16 + 2),
            focused: true,
        });
    }

    fn keys(&mut self, theme: &crate::tui::theme::Theme, verb: &str) {
        self.text("", theme.text);
        self.spans(vec![
            Span::styled("Enter", theme.accent),
            Span::styled(format!(" {verb}   "), theme.text),
            Span::styled("Esc", theme.accent),
            Span::styled(" cancel", theme.text),
        ]);
    }
}
