//! A sheet: titles, facts and text as lines of one width, read by scrolling. What it is given is untrusted text.

use super::{scroll::Scroll, text};
use crate::{
    domain::{property::Property, text::SafeText},
    tui::theme::Theme,
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

/// Rows that a fact may take.
pub const MOST_ROWS: usize = 4;

/// Lines of one width, written from the first to the last.
#[derive(Clone, Debug)]
pub struct Sheet<'t> {
    theme: &'t Theme,
    width: usize,
    indent: usize,
    label: usize,
    lines: Vec<Line<'static>>,
}

impl<'t> Sheet<'t> {
    /// An empty one of so many columns.
    pub fn new(theme: &'t Theme, width: u16) -> Self {
        Self { theme, width: usize::from(width), indent: 0, label: 0, lines: Vec::new() }
    }

    /// Everything but the titles begins so many columns to the right.
    #[must_use]
    pub fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    /// Labels of facts take so many columns, the blank behind them included.
    #[must_use]
    pub fn labelled(self, label: usize) -> Self {
        Self { label, ..self }
    }

    /// Its colours.
    pub const fn theme(&self) -> &'t Theme {
        self.theme
    }

    /// Its columns.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Its lines so far.
    pub const fn height(&self) -> usize {
        self.lines.len()
    }

    /// Its lines.
    pub fn into_lines(self) -> Vec<Line<'static>> {
        self.lines
    }

    /// Draws what is seen of it.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, scroll: Scroll) {
        scroll.view(frame, area, &self.lines, self.theme.dim);
    }

    /// A title, below an empty line where it is not the first line.
    pub fn title(&mut self, words: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line::styled(words.to_owned(), self.theme.title));
    }

    /// Text, wrapped.
    pub fn text(&mut self, words: &str, style: Style) {
        for line in SafeText::lines(words) {
            for part in text::wrap(&line, self.width.saturating_sub(self.indent)) {
                self.lines.push(Line::styled(format!("{}{part}", self.margin()), style));
            }
        }
    }

    /// Lines that are made already, as they are.
    pub fn lines(&mut self, lines: impl IntoIterator<Item = Line<'static>>) {
        self.lines.extend(lines);
    }

    /// A label and its words, on at most [`MOST_ROWS`] rows.
    pub fn fact(&mut self, label: &str, words: &str, style: Style) {
        let rows = text::wrap(&SafeText::label(words), self.room(0)).into_iter().take(MOST_ROWS);
        self.rows(label, rows, style);
    }

    /// A label and its words, which are cut to one row.
    pub fn short_fact(&mut self, label: &str, words: &str, style: Style) {
        let room = self.width.saturating_sub(self.indent + self.label);
        let words = text::cut(&SafeText::label(words), room).into_owned();
        self.fact_of(label, vec![Span::styled(words, style)]);
    }

    /// A label and its words; below the label where one row is too narrow for both.
    pub fn tall_fact(&mut self, label: &str, words: &str, style: Style) {
        let words = SafeText::label(words);
        if self.indent + self.label.max(text::width(label)) + text::width(&words) <= self.width {
            self.fact_of(label, vec![Span::styled(words.into_string(), style)]);
        } else {
            self.lines.push(Line::styled(format!("{}{label}", self.margin()), self.theme.dim));
            self.text(&words, style);
        }
    }

    /// A title and properties, each on lines of its own behind its label; nothing where there are none.
    pub fn properties(&mut self, title: &str, properties: &[Property]) {
        let Some(column) = properties.iter().map(|property| text::width(property.label) + 2).max() else { return };
        self.title(title);
        // Where there is no room beside the labels, the text goes on below them.
        let indent = if self.width >= 3 * column { column } else { 0 };
        for property in properties {
            let style = if property.is_warning { self.theme.warning } else { self.theme.text };
            let label = format!("{:<column$}", property.label);
            let content = if indent == 0 { format!("{label}{}", property.text) } else { property.text.clone() };
            let lines = SafeText::lines(&content);
            for (n, part) in lines.iter().flat_map(|line| text::wrap(line, self.width - indent)).enumerate() {
                let before = if n == 0 { &label[..indent] } else { &format!("{:indent$}", "") };
                self.lines.push(Line::styled(format!("{before}{part}"), style));
            }
        }
    }

    /// A label and items, none of them broken, on at most [`MOST_ROWS`] rows; a mark says that there are more.
    pub fn items(&mut self, label: &str, items: &[String], style: Style) {
        const GAP: usize = 2;
        // Room is left for the mark.
        let room = self.room(GAP);
        let mut rows: Vec<String> = Vec::new();
        for item in items {
            let item = SafeText::label(item);
            let item = text::cut(&item, room);
            match rows.last_mut() {
                Some(row) if text::width(row) + GAP + text::width(&item) <= room => {
                    row.push_str("  ");
                    row.push_str(&item);
                }
                _ => rows.push(item.into_owned()),
            }
        }
        let more = rows.len() > MOST_ROWS;
        rows.truncate(MOST_ROWS);
        if let (true, Some(last)) = (more, rows.last_mut()) {
            last.push_str(" …");
        }
        self.rows(label, rows, style);
    }

    /// A label and what is drawn behind it.
    pub fn fact_of(&mut self, label: &str, mut spans: Vec<Span<'static>>) {
        let label = format!("{}{label:<width$}", self.margin(), width = self.label);
        spans.insert(0, Span::styled(label, self.theme.dim));
        self.lines.push(Line::from(spans));
    }

    /// A row of cells: one that takes what is left, then those of a fixed width at the right.
    pub fn cells(&mut self, first: &str, rest: &[(String, usize)], style: Style) {
        let fixed: usize = rest.iter().map(|(_, width)| width + 1).sum();
        let room = self.width.saturating_sub(self.indent + fixed);
        let first = SafeText::label(first);
        let first = text::cut(&first, room);
        let mut line = format!("{}{first}{}", self.margin(), " ".repeat(room.saturating_sub(text::width(&first))));
        for (cell, width) in rest {
            let cell = text::cut(cell, *width);
            line.push_str(&" ".repeat(1 + width.saturating_sub(text::width(&cell))));
            line.push_str(&cell);
        }
        self.lines.push(Line::styled(line, style));
    }

    fn margin(&self) -> String {
        " ".repeat(self.indent)
    }

    /// Columns behind the labels, less some; so many that a word has room in any case.
    fn room(&self, less: usize) -> usize {
        self.width.saturating_sub(self.indent + self.label + less).max(8)
    }

    fn rows(&mut self, label: &str, rows: impl IntoIterator<Item = String>, style: Style) {
        let mut label = label;
        for row in rows {
            self.fact_of(label, vec![Span::styled(row, style)]);
            label = "";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written into a sheet of 24 columns with labels of 9.
    fn written(write: impl Fn(&mut Sheet<'_>, Style)) -> Vec<String> {
        let theme = Theme::plain();
        let mut sheet = Sheet::new(&theme, 24).labelled(9);
        write(&mut sheet, theme.text);
        assert!(sheet.lines.iter().all(|line| line.width() <= 24), "{:?}", sheet.lines);
        sheet.into_lines().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn titles_stand_apart_and_text_is_wrapped_and_safe() {
        let lines = written(|sheet, style| {
            sheet.title("Run");
            sheet.text("asked for on a host\nwith a name \u{1b}[31m", style);
            sheet.title("Use");
        });
        assert_eq!(lines, ["Run", "asked for on a host", "with a name ^[[31m", "", "Use"]);
    }

    #[test]
    fn facts_hang_behind_their_labels() {
        let lines = written(|sheet, style| {
            sheet.fact("waits", "for the image to arrive", style);
            sheet.short_fact("image", "python:3.12-slim-bookworm", style);
            sheet.fact("note", &"word ".repeat(40), style);
        });
        assert_eq!(
            lines[..3],
            ["waits    for the image", "         to arrive", "image    python:3.12-sl…"].map(str::to_owned)
        );
        assert_eq!(lines.len(), 3 + MOST_ROWS);
    }

    #[test]
    fn a_tall_fact_goes_below_its_label_where_it_has_no_room() {
        let theme = Theme::plain();
        let mut sheet = Sheet::new(&theme, 24).indented(2).labelled(9);
        sheet.tall_fact("Engine", "SQLite 3.50.2", theme.text);
        sheet.tall_fact("Engine", "PostgreSQL 18.1 on a host", theme.text);
        let lines: Vec<String> = sheet.into_lines().iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["  Engine   SQLite 3.50.2", "  Engine", "  PostgreSQL 18.1 on a", "  host"]);
    }

    #[test]
    fn cells_stand_below_each_other() {
        let lines = written(|sheet, style| {
            sheet.cells("calculations_by_state", &[("12 kB".to_owned(), 7)], style);
            sheet.cells("files", &[("1 024 kB".to_owned(), 7)], style);
        });
        assert_eq!(lines, ["calculations_by…   12 kB", "files            1 024 …"]);
    }

    #[test]
    fn items_stay_whole_and_it_is_told_that_there_are_more() {
        let theme = Theme::plain();
        let shown = |count: usize| {
            let mut sheet = Sheet::new(&theme, 40).labelled(9);
            let items: Vec<String> = (0..count).map(|n| format!("stress_{n} = {n}.5")).collect();
            sheet.items("result", &items, theme.text);
            sheet.into_lines().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(shown(3), ["result   stress_0 = 0.5", "         stress_1 = 1.5", "         stress_2 = 2.5"]);
        assert_eq!(shown(4).len(), 4);
        assert_eq!(shown(5)[3], "         stress_3 = 3.5 …");
        assert!(shown(5).iter().all(|line| text::width(line) <= 40));
    }

    #[test]
    fn it_is_drawn_from_where_it_is_scrolled_to() {
        use crate::tui::testing::text_of;
        use ratatui::{Terminal, backend::TestBackend};
        let theme = Theme::plain();
        let mut sheet = Sheet::new(&theme, 11);
        sheet.text("one\ntwo\nthree\nfour", theme.text);
        let mut terminal = Terminal::new(TestBackend::new(12, 2)).unwrap();
        terminal.draw(|frame| sheet.view(frame, frame.area(), Scroll { top: 1 })).unwrap();
        assert_eq!(text_of(terminal.backend().buffer()), "two        ↑\nthree      ↓\n");
    }
}
