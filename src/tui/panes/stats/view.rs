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
        widgets::{sheet::Sheet, split::WIDE},
    },
};
use ratatui::{Frame, layout::Rect};

/// Rows of the longer lists that are shown.
const ROWS: usize = 12;
/// Columns between two columns.
const GAP: u16 = 2;

/// Draws everything.
pub(super) fn draw(pane: &Stats, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    for (sheet, part) in columns(pane, area, look) {
        sheet.view(frame, part, pane.scroll);
    }
}

/// How many lines there are to scroll over.
pub(super) fn height(pane: &Stats, area: Rect, now: Now) -> usize {
    let look = Look { theme: &Theme::plain(), now, spin: 0 };
    columns(pane, area, &look).iter().map(|(sheet, _)| sheet.height()).max().unwrap_or_default()
}

fn columns<'a>(pane: &Stats, area: Rect, look: &Look<'a>) -> Vec<(Sheet<'a>, Rect)> {
    // The last column is the scroll mark's.
    let sheet = |area: Rect| Sheet::new(look.theme, area.width.max(12) - 1).indented(2).labelled(14);
    if area.width < WIDE {
        let mut all = sheet(area);
        figures(&mut all, &pane.figures, look);
        health(&mut all, &pane.health, look);
        return vec![(all, area)];
    }
    let half = (area.width - GAP) / 2;
    let left = Rect { width: half, ..area };
    let right = Rect { x: area.x + half + GAP, width: area.width - GAP - half, ..area };
    let (mut own, mut database) = (sheet(left), sheet(right));
    figures(&mut own, &pane.figures, look);
    health(&mut database, &pane.health, look);
    vec![(own, left), (database, right)]
}

/// What is under way or went wrong with a part.
fn remote<T>(sheet: &mut Sheet<'_>, part: &Remote<T>, what: &str, look: &Look<'_>) {
    if let Some(failure) = part.failure() {
        sheet.text(&format!("✗ {}", failure.message), sheet.theme().bad);
        if part.value().is_some() {
            sheet.text("What follows is older.", sheet.theme().warning);
        }
    } else if part.value().is_none() {
        let words = format!("{} loading {what}…", SPINNER[look.spin % SPINNER.len()]);
        sheet.text(&words, sheet.theme().dim);
    }
}

fn gap(sheet: &mut Sheet<'_>, gap: &Gap) {
    sheet.text(&gap.to_string(), sheet.theme().dim);
}

fn figures(sheet: &mut Sheet<'_>, figures: &Remote<Figures>, look: &Look<'_>) {
    sheet.title("Own figures");
    remote(sheet, figures, "the figures", look);
    let Some(figures) = figures.value() else { return };
    if let Some(own) = &figures.own {
        let text = sheet.theme().text;
        let storage = format::bytes(u64::try_from(own.total_storage_bytes).unwrap_or_default());
        sheet.tall_fact("Files", &format!("{}, {storage}", count(own.total_files)), text);
        let words = format!("{}, {} completed", count(own.total_calculations), count(own.completed_calculations));
        sheet.tall_fact("Calculations", &words, text);
    }
    sheet.title("Newest calculations");
    if figures.recent.is_empty() {
        sheet.text("None yet. Press 2 to choose a tool, or 1 and n to write one.", sheet.theme().dim);
    }
    for row in &figures.recent {
        recent(sheet, row, look);
    }
}

fn recent(sheet: &mut Sheet<'_>, row: &RecentCalculation, look: &Look<'_>) {
    let status = Status::ALL.into_iter().find(|status| status.name() == row.status);
    let glyph = status.map_or('?', Status::glyph);
    let style = status.map_or(sheet.theme().text, |status| sheet.theme().status(status));
    let person = row.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&row.username);
    let mut rest = vec![(SafeText::label(&row.status).into_string(), 9)];
    if sheet.width() >= 55 {
        rest.push((SafeText::label(person).into_string(), 12));
    }
    if sheet.width() >= 43 {
        rest.push((row.execution_time.map_or_else(|| "–".to_owned(), format::duration), 8));
    }
    rest.push((look.now.short(row.created_at), 11));
    sheet.cells(&format!("{glyph} {}", row.name), &rest, style);
}

fn health(sheet: &mut Sheet<'_>, health: &Remote<Health>, look: &Look<'_>) {
    sheet.title("Database");
    remote(sheet, health, "the database's health", look);
    let Some(health) = health.value() else { return };
    let (text, warning) = (sheet.theme().text, sheet.theme().warning);
    sheet.tall_fact("Engine", &health.engine, text);
    sheet.tall_fact("Answers in", &format!("{:.1} ms", health.response_ms), text);
    known(sheet, "Size", &health.size_bytes, |bytes| size(*bytes));
    known(sheet, "Connections", &health.connections, |all| {
        let unknown = if all.unknown > 0 { format!(", {} not shown", all.unknown) } else { String::new() };
        format!("{} active, {} idle{unknown}, at most {}", all.active, all.idle, all.maximum)
    });
    if let Some(stuck) = health.connections.value().map(|all| all.idle_in_transaction).filter(|stuck| *stuck > 0) {
        sheet.tall_fact("", &format!("! {stuck} idle in a transaction"), warning);
    }
    known(sheet, "Deadlocks", &health.deadlocks, |deadlocks| count(*deadlocks));
    if let Some(file) = &health.file {
        let free = size(file.free_pages * file.page_size);
        sheet.tall_fact("Pages", &format!("{}, {free} of it free", count(file.page_count)), text);
        sheet.tall_fact("Journal", &format!("{}, log {}", file.journal_mode, size(file.wal_bytes)), text);
    }
    list(sheet, "Waiting for locks", &health.locks, lock);
    list(sheet, "Tables, with their indexes", &health.tables, |sheet, table| {
        let rest = [(size(table.total_bytes), 9), (size(table.index_bytes), 9)];
        sheet.cells(&table.table, &rest, sheet.theme().text);
    });
    list(sheet, "Slow queries", &health.slow_queries, |sheet, query| {
        let rest = [(format!("{:.1} ms", query.mean_ms), 11), (format!("{}×", count(query.calls)), 8)];
        sheet.cells(&one_line(&query.query), &rest, sheet.theme().text);
    });
    list(sheet, "Least used indexes", &health.indexes, |sheet, index| {
        sheet.cells(
            &index.index,
            &[(format!("{}×", count(index.scans)), 9), (size(index.bytes), 9)],
            sheet.theme().text,
        );
    });
    if !health.partial.is_empty() {
        sheet.title("In part");
        health.partial.iter().for_each(|each| gap(sheet, each));
    }
}

fn lock(sheet: &mut Sheet<'_>, lock: &Lock) {
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
    sheet.text(&waits, sheet.theme().warning);
    if let Some(query) = &lock.query {
        sheet.cells(&one_line(query), &[], sheet.theme().dim);
    }
}

fn known<T>(sheet: &mut Sheet<'_>, name: &str, figure: &Known<T>, words: impl Fn(&T) -> String) {
    match figure {
        Known::Is(value) => sheet.tall_fact(name, &words(value), sheet.theme().text),
        Known::Missing(gap) => sheet.tall_fact(name, &format!("– {gap}"), sheet.theme().dim),
    }
}

fn list<T>(sheet: &mut Sheet<'_>, title: &str, figure: &Known<Vec<T>>, row: impl Fn(&mut Sheet<'_>, &T)) {
    sheet.title(title);
    match figure {
        Known::Is(rows) if rows.is_empty() => sheet.text("none", sheet.theme().dim),
        Known::Is(rows) => rows.iter().take(ROWS).for_each(|each| row(sheet, each)),
        Known::Missing(missing) => gap(sheet, missing),
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
