//! Draws the monitor.

use super::{MonitorPane, Prompt, layout::Parts, words};
use crate::{
    domain::{calculation::CalculationRow, format, status::Status, text::SafeText},
    tui::{
        pane::Look,
        theme::{SPINNER, Theme},
        widgets::{log_view::LogStyles, text},
    },
};
use ratatui::{Frame, buffer::Buffer, layout::Rect};

pub(super) fn view(pane: &MonitorPane, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    let theme = look.theme;
    let parts = pane.parts(area);
    if pane.chosen.is_none() {
        return empty(pane, frame, area, look);
    }
    list(pane, frame.buffer_mut(), &parts, look);
    let lines = words::lines(pane, parts.detail.width, look.now, theme);
    for (line, y) in lines.iter().zip(parts.detail.rows()) {
        frame.render_widget(line, y);
    }
    if lines.is_empty() {
        let (words, style) = match pane.live.failure() {
            Some(failure) => (format!("✗ {}", SafeText::label(&failure.message)), theme.bad),
            None => (format!("{} looking", SPINNER[look.spin % SPINNER.len()]), theme.dim),
        };
        text::line(frame.buffer_mut(), parts.detail, 0, &words, style);
    }
    log_title(pane, frame, parts.log_title, theme);
    if pane.lines_view().length() == 0 && !parts.log.is_empty() {
        let words = match pane.live.value().map(|live| live.status) {
            _ if pane.filter.as_ref().is_some_and(|filter| !filter.is_complete()) => "",
            _ if pane.filter.is_some() => "No line has it. Esc shows the whole log again.",
            Some(Status::Pending) => "The log begins when it starts.",
            Some(Status::Running) => "Nothing was printed yet.",
            Some(_) => "Nothing was printed.",
            None => "",
        };
        text::line(frame.buffer_mut(), parts.log, 0, words, theme.dim);
    }
    let styles = LogStyles {
        text: theme.text,
        error: theme.bad,
        time: theme.dim,
        mark: theme.warning,
        found: theme.matched,
        pointed: theme.accent,
        colour: theme.colour,
    };
    pane.lines_view().render(parts.log, frame.buffer_mut(), &styles);
}

/// The first run that the list shows, so that the chosen one is among them.
pub(super) fn first_row(pane: &MonitorPane, list: Rect) -> usize {
    let at = pane.rows().iter().position(|row| Some(row.id) == pane.chosen).unwrap_or(0);
    (at + 1).saturating_sub(usize::from(list.height.saturating_sub(1)))
}

fn empty(pane: &MonitorPane, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    let theme = look.theme;
    let buffer = frame.buffer_mut();
    if let Some(failure) = pane.runs.failure() {
        text::line(buffer, area, 0, &format!("✗ {}", SafeText::label(&failure.message)), theme.bad);
    } else if pane.runs.value().is_none() {
        text::line(buffer, area, 0, &format!("{} looking for runs", SPINNER[look.spin % SPINNER.len()]), theme.dim);
    } else {
        text::line(buffer, area, 1, "  Nothing is running or waiting.", theme.text);
        text::line(
            buffer,
            area,
            3,
            "  1   go to the calculations: r runs one, w shows the log of an ended one",
            theme.dim,
        );
        text::line(buffer, area, 4, "  2   go to the tools, to make a calculation from one", theme.dim);
    }
}

fn list(pane: &MonitorPane, buffer: &mut Buffer, parts: &Parts, look: &Look<'_>) {
    let theme = look.theme;
    for row in parts.line.rows() {
        buffer.set_string(row.x, row.y, "│", theme.border);
    }
    let area = parts.list;
    if area.is_empty() {
        return;
    }
    let listed: Vec<CalculationRow> = pane.rows().iter().map(|row| newest(pane, row)).collect();
    let count = |status: Status| listed.iter().filter(|row| row.status == status).count();
    let title = format!("{} running, {} waiting", count(Status::Running), count(Status::Pending));
    text::line(buffer, area, 0, &title, if pane.in_log { theme.title } else { theme.accent });
    let rows = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let first = first_row(pane, area);
    let mut shown = rows.rows();
    for row in listed.iter().skip(first) {
        let Some(place) = shown.next() else { return };
        run_row(row, Some(row.id) == pane.chosen, !pane.in_log, place, buffer, look);
    }
    // One that has ended stays in sight while it is looked at.
    if let (false, Some(live), Some(place)) = (pane.is_listed(), pane.live.value(), shown.next()) {
        let ended = CalculationRow {
            status: live.status,
            queued: true,
            started_at: live.started_at,
            completed_at: live.completed_at,
            execution_time: live.usage.map(|usage| usage.execution_time),
            ..CalculationRow::draft(live.calculation, live.name.clone(), look.now.utc)
        };
        run_row(&ended, true, !pane.in_log, place, buffer, look);
    }
}

/// A row with what is known of it by now: the database is told of an end a little later than the screen.
fn newest(pane: &MonitorPane, row: &CalculationRow) -> CalculationRow {
    match pane.live.value().filter(|live| live.calculation == row.id && live.status != row.status) {
        Some(live) => CalculationRow {
            status: live.status,
            started_at: live.started_at,
            execution_time: live.usage.map(|usage| usage.execution_time),
            ..row.clone()
        },
        None => row.clone(),
    }
}

fn run_row(row: &CalculationRow, chosen: bool, focused: bool, area: Rect, buffer: &mut Buffer, look: &Look<'_>) {
    let theme = look.theme;
    let time = match (row.status, row.started_at) {
        (Status::Running, Some(started)) => format::whole(words::seconds(look.now.utc - started)),
        (Status::Pending, _) => "waits".to_owned(),
        _ => row.execution_time.map(format::duration).unwrap_or_default(),
    };
    let state = format!("{} {:<9} {time:>7} ", row.status.glyph(), row.status.name());
    let style = match (chosen, focused) {
        (true, true) => theme.selected,
        (true, false) => theme.selected_dim,
        _ => theme.text,
    };
    if chosen {
        buffer.set_style(area, style);
    }
    let state_style = if chosen { style } else { theme.status(row.status) };
    let used = text::line(buffer, area, 0, &state, state_style);
    let rest = Rect { x: area.x + used, width: area.width - used, ..area };
    text::line(buffer, rest, 0, &format!(" {}", SafeText::label(&row.name)), style);
}

/// The row above the log: the prompt, or how the log is shown and what is looked for.
fn log_title(pane: &MonitorPane, frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    if let Some((wanted, prompt)) = &pane.prompt {
        let sign = if *wanted == Prompt::Find { "/" } else { "&" };
        let used = text::line(frame.buffer_mut(), area, 0, sign, theme.accent);
        prompt.view(frame, Rect { x: area.x + used, width: area.width - used, ..area }, theme.text, true);
        return;
    }
    let buffer = frame.buffer_mut();
    let line = if pane.in_log { theme.accent } else { theme.border };
    buffer.set_string(area.x, area.y, "─".repeat(area.width.into()), line);
    let log = pane.lines_view();
    let mut words = vec![match (&pane.filter, pane.log.length()) {
        (Some(filter), all) => {
            let text = SafeText::label(&filter.text);
            let so_far = if filter.is_complete() { "" } else { ", still looking" };
            let (some, all) = (format::count(log.length()), format::count(all));
            format!(" {some} of {all} lines with {:?}{so_far}", text.as_str())
        }
        (None, 0) => " Log".to_owned(),
        (None, 1) => " Log, 1 line".to_owned(),
        (None, lines) => format!(" Log, {} lines", format::count(lines)),
    }];
    let searched = log.search_text();
    // Filter and search together leave no room for more.
    if pane.filter.is_some() && !searched.is_empty() {
    } else if log.follows() {
        words.push("follows the end".to_owned());
    } else if log.length() > 0 {
        let seen = log.seen();
        words.push(format!("lines {} to {}", format::count(seen.start + 1), format::count(seen.end)));
    }
    if !searched.is_empty() {
        let lines = if pane.filter.is_some() { "" } else { " lines" };
        let found = match log.matches() {
            _ if pane.is_searching() => "searching".to_owned(),
            (_, 0) => "not found".to_owned(),
            (Some(at), total) => format!("{} of {}{lines}", format::count(at as u64), format::count(total)),
            (None, total) => format!("{}{lines}", format::count(total)),
        };
        words.push(format!("{found} with {:?}", SafeText::label(searched).as_str()));
    }
    let shown = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    text::line(buffer, shown, 0, &format!("{} ", words.join(" · ")), line);
}
