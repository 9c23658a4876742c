//! Drawing the figures: two columns where there is room, one below the other where not. Every name, query and
//! message is untrusted text.

use super::Stats;
use crate::{
    domain::{
        format,
        statistics::{Figures, Gap, Health, Known, Lock, RecentCalculation},
        status::Status,
        text::SafeText,
    },
    tui::{
        pane::{Look, Now},
        remote::Remote,
        theme::{SPINNER, Theme},
        widgets::{split::WIDE, text},
    },
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr as _;

/// Rows of the longer lists that are shown.
const ROWS: usize = 12;
/// Columns between two columns.
const GAP: u16 = 2;

/// Draws everything.
pub(super) fn draw(pane: &Stats, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    for (lines, part) in columns(pane, area, look) {
        pane.scroll.view(frame, part, &lines, look.theme.dim);
    }
}

/// How many lines there are to scroll over.
pub(super) fn height(pane: &Stats, area: Rect, now: Now) -> usize {
    let look = Look { theme: &Theme::plain(), now, spin: 0 };
    columns(pane, area, &look).iter().map(|(lines, _)| lines.len()).max().unwrap_or_default()
}

fn columns(pane: &Stats, area: Rect, look: &Look<'_>) -> Vec<(Vec<Line<'static>>, Rect)> {
    if area.width < WIDE {
        let mut all = Page::new(area.width, look);
        all.figures(&pane.figures);
        all.health(&pane.health);
        return vec![(all.lines, area)];
    }
    let half = (area.width - GAP) / 2;
    let (mut left, mut right) = (Page::new(half, look), Page::new(area.width - GAP - half, look));
    left.figures(&pane.figures);
    right.health(&pane.health);
    let right_area = Rect { x: area.x + half + GAP, width: right.width, ..area };
    vec![(left.lines, Rect { width: half, ..area }), (right.lines, right_area)]
}

/// Lines of one width.
struct Page<'a> {
    look: &'a Look<'a>,
    width: u16,
    lines: Vec<Line<'static>>,
}

impl<'a> Page<'a> {
    fn new(width: u16, look: &'a Look<'a>) -> Self {
        // The last column is the scroll mark's.
        Self { look, width: width.max(12), lines: Vec::new() }
    }

    fn theme(&self) -> &'a Theme {
        self.look.theme
    }

    fn room(&self) -> usize {
        usize::from(self.width) - 3
    }

    fn title(&mut self, words: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line::styled(words.to_owned(), self.theme().title));
    }

    /// A sentence, wrapped.
    fn say(&mut self, words: &str, style: Style) {
        for line in SafeText::lines(words) {
            for part in text::wrap(&line, self.room()) {
                self.lines.push(Line::styled(format!("  {part}"), style));
            }
        }
    }

    /// A name and its figure; the figure goes below where the line is too narrow.
    fn pair(&mut self, name: &str, figure: &str, style: Style) {
        let figure = SafeText::label(figure);
        let line = format!("  {name:<13} {}", figure.as_str());
        if line.width() <= self.room() + 2 {
            let spans = vec![
                Span::styled(format!("  {name:<13} "), self.theme().dim),
                Span::styled(figure.into_string(), style),
            ];
            self.lines.push(Line::from(spans));
        } else {
            self.lines.push(Line::styled(format!("  {name}"), self.theme().dim));
            self.say(figure.as_str(), style);
        }
    }

    /// A row of a list: a cell that takes what is left, then cells of fixed width at the right.
    fn row(&mut self, first: &str, rest: &[(String, usize)], style: Style) {
        let fixed: usize = rest.iter().map(|(_, width)| width + 1).sum();
        let room = self.room().saturating_sub(fixed);
        let first = SafeText::label(first);
        let first = text::cut(first.as_str(), room).into_owned();
        let mut line = format!("  {first}{}", " ".repeat(room.saturating_sub(first.width())));
        for (cell, width) in rest {
            let cell = text::cut(cell, *width);
            line.push_str(&" ".repeat(1 + width.saturating_sub(cell.width())));
            line.push_str(&cell);
        }
        self.lines.push(Line::styled(line, style));
    }

    /// What is under way or went wrong with a part.
    fn remote<T>(&mut self, part: &Remote<T>, what: &str) {
        if let Some(failure) = part.failure() {
            self.say(&format!("✗ {}", failure.message), self.theme().bad);
            if part.value().is_some() {
                self.say("What follows is older.", self.theme().warning);
            }
        } else if part.value().is_none() {
            let words = format!("{} loading {what}…", SPINNER[self.look.spin % SPINNER.len()]);
            self.say(&words, self.theme().dim);
        }
    }

    fn gap(&mut self, gap: &Gap) {
        self.say(&gap.to_string(), self.theme().dim);
    }

    fn figures(&mut self, figures: &Remote<Figures>) {
        self.title("Own figures");
        self.remote(figures, "the figures");
        let Some(figures) = figures.value() else { return };
        if let Some(own) = &figures.own {
            let text = self.theme().text;
            let storage = format::bytes(u64::try_from(own.total_storage_bytes).unwrap_or_default());
            self.pair("Files", &format!("{}, {storage}", count(own.total_files)), text);
            let words = format!("{}, {} completed", count(own.total_calculations), count(own.completed_calculations));
            self.pair("Calculations", &words, text);
        }
        self.title("Newest calculations");
        if figures.recent.is_empty() {
            self.say("None yet. Press 2 to choose a tool, or 1 and n to write one.", self.theme().dim);
        }
        for row in &figures.recent {
            self.recent(row);
        }
    }

    fn recent(&mut self, row: &RecentCalculation) {
        let status = Status::ALL.into_iter().find(|status| status.name() == row.status);
        let glyph = status.map_or('?', Status::glyph);
        let style = status.map_or(self.theme().text, |status| self.theme().status(status));
        let person = row.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&row.username);
        let mut rest = vec![(SafeText::label(&row.status).into_string(), 9)];
        if self.width >= 56 {
            rest.push((SafeText::label(person).into_string(), 12));
        }
        if self.width >= 44 {
            rest.push((row.execution_time.map_or_else(|| "–".to_owned(), format::duration), 8));
        }
        rest.push((self.look.now.short(row.created_at), 11));
        self.row(&format!("{glyph} {}", row.name), &rest, style);
    }

    fn health(&mut self, health: &Remote<Health>) {
        self.title("Database");
        self.remote(health, "the database's health");
        let Some(health) = health.value() else { return };
        let (text, warning) = (self.theme().text, self.theme().warning);
        self.pair("Engine", &health.engine, text);
        self.pair("Answers in", &format!("{:.1} ms", health.response_ms), text);
        self.known("Size", &health.size_bytes, |bytes| size(*bytes));
        self.known("Connections", &health.connections, |all| {
            let unknown = if all.unknown > 0 { format!(", {} not shown", all.unknown) } else { String::new() };
            format!("{} active, {} idle{unknown}, at most {}", all.active, all.idle, all.maximum)
        });
        if let Some(stuck) = health.connections.value().map(|all| all.idle_in_transaction).filter(|stuck| *stuck > 0) {
            self.pair("", &format!("! {stuck} idle in a transaction"), warning);
        }
        self.known("Deadlocks", &health.deadlocks, |deadlocks| count(*deadlocks));
        if let Some(file) = &health.file {
            let free = size(file.free_pages * file.page_size);
            self.pair("Pages", &format!("{}, {free} of it free", count(file.page_count)), text);
            self.pair("Journal", &format!("{}, log {}", file.journal_mode, size(file.wal_bytes)), text);
        }
        self.list("Waiting for locks", &health.locks, Self::lock);
        self.list("Tables, with their indexes", &health.tables, |page, table| {
            let rest = [(size(table.total_bytes), 9), (size(table.index_bytes), 9)];
            page.row(&table.table, &rest, page.theme().text);
        });
        self.list("Slow queries", &health.slow_queries, |page, query| {
            let rest = [(format!("{:.1} ms", query.mean_ms), 11), (format!("{}×", count(query.calls)), 8)];
            page.row(&one_line(&query.query), &rest, page.theme().text);
        });
        self.list("Least used indexes", &health.indexes, |page, index| {
            page.row(
                &index.index,
                &[(format!("{}×", count(index.scans)), 9), (size(index.bytes), 9)],
                page.theme().text,
            );
        });
        if !health.partial.is_empty() {
            self.title("In part");
            health.partial.iter().for_each(|gap| self.gap(gap));
        }
    }

    fn lock(&mut self, lock: &Lock) {
        let who = |pid: i32, user: Option<&String>| match user {
            Some(user) => format!("{pid} ({})", SafeText::label(user)),
            None => pid.to_string(),
        };
        let holders: Vec<_> = lock
            .blocked_by
            .iter()
            .map(|by| {
                let state = by.state.as_ref().map(|state| format!(", {}", SafeText::label(state))).unwrap_or_default();
                format!("{}{state}", who(by.pid, by.user.as_ref()))
            })
            .collect();
        let since = lock.waiting_s.map(|seconds| format!(" for {}", format::duration(seconds))).unwrap_or_default();
        let table = lock.table.as_ref().map(|table| format!(" on {}", SafeText::label(table))).unwrap_or_default();
        let waits = format!("! {} waits{since}{table} for {}", who(lock.pid, lock.user.as_ref()), holders.join("; "));
        self.say(&waits, self.theme().warning);
        if let Some(query) = &lock.query {
            self.row(&one_line(query), &[], self.theme().dim);
        }
    }

    fn known<T>(&mut self, name: &str, figure: &Known<T>, words: impl Fn(&T) -> String) {
        match figure {
            Known::Is(value) => self.pair(name, &words(value), self.theme().text),
            Known::Missing(gap) => self.pair(name, &format!("– {gap}"), self.theme().dim),
        }
    }

    fn list<T>(&mut self, title: &str, figure: &Known<Vec<T>>, row: impl Fn(&mut Self, &T)) {
        self.title(title);
        match figure {
            Known::Is(rows) if rows.is_empty() => self.say("none", self.theme().dim),
            Known::Is(rows) => rows.iter().take(ROWS).for_each(|each| row(self, each)),
            Known::Missing(gap) => self.gap(gap),
        }
    }
}

/// A statement without its line ends.
fn one_line(query: &str) -> String {
    query.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn count(number: i64) -> String {
    format::count(u64::try_from(number).unwrap_or_default())
}

fn size(bytes: i64) -> String {
    format::bytes(u64::try_from(bytes).unwrap_or_default())
}
