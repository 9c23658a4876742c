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
        if matches!(self.dialog, Dialog::Page { .. }) {
            let lines: Vec<Line<'_>> = lines.iter().map(|line| line.line.clone()).collect();
            self.scroll.view(frame, inner, &lines, look.theme.dim);
            return;
        }
        // What has the input must be seen, however low the screen, and the keys that answer, which stand last.
        let focus = lines.iter().position(|line| line.focused).unwrap_or(0);
        let (body, keys) = lines.split_at(lines.len().saturating_sub(1));
        let room = usize::from(inner.height).saturating_sub(keys.len());
        let top = (focus + 1).saturating_sub(room);
        for (y, line) in (0..inner.height).zip(body.iter().skip(top).take(room).chain(keys)) {
            let row = Rect { y: inner.y + y, height: 1, ..inner };
            frame.render_widget(&line.line, row);
            if let Some((input, x)) = line.input {
                let x = x.min(row.width);
                let field = Rect { x: row.x + x, width: row.width - x, ..row };
                self.inputs[input].view(frame, field, look.theme.text, line.focused);
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
                lines.field(0, label, text::width(label), true, theme.dim);
                lines.problem(self, 0, width, theme.bad);
                lines.keys(theme, "take it");
                (SafeText::label(title).into_string(), lines)
            }
            Dialog::Form { title, fields } => {
                let names = fields.iter().map(|field| text::width(&field.label)).max().unwrap_or(0);
                for (at, field) in fields.iter().enumerate() {
                    let focused = at == self.at;
                    lines.field(at, &field.label, names, focused, if focused { theme.accent } else { theme.dim });
                    if focused && !field.note.is_empty() {
                        lines.wrapped(&format!("{}  {}", " ".repeat(names), field.note), width, theme.dim);
                    }
                    lines.problem(self, at, width, theme.bad);
                }
                lines.keys(theme, "take them");
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
            Dialog::Page { title, lines: body } => {
                for paragraph in body {
                    lines.wrapped(paragraph, width, theme.text);
                }
                (SafeText::label(title).into_string(), lines)
            }
        }
    }
}

/// A line of a dialog.
#[derive(Default)]
struct DialogLine {
    line: Line<'static>,
    /// The text field on it and the column where it starts.
    input: Option<(usize, u16)>,
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

    fn field(&mut self, input: usize, label: &str, names: usize, focused: bool, style: Style) {
        let pad = " ".repeat(names.saturating_sub(text::width(label)));
        self.0.push(DialogLine {
            line: Line::from(Span::styled(format!("{label}{pad}"), style)),
            input: Some((input, names as u16 + 2)),
            focused,
        });
    }

    fn problem(&mut self, open: &Open, at: usize, width: usize, style: Style) {
        if let Some((place, problem)) = &open.problem
            && *place == at
        {
            self.wrapped(&format!("✗ {problem}"), width, style);
        }
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
