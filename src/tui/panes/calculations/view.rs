//! Drawing the list and the detail.

use super::Calculations;
use crate::{
    domain::{calculation::CalculationRow, format, page::CalculationSort, status::Status, text::SafeText},
    tui::{
        pane::{Look, Now},
        theme::{SPINNER, Theme},
        widgets::{
            split::WIDE,
            table::{Cell, Column, Width},
            text,
        },
    },
};
use ratatui::{
    Frame,
    layout::Rect,
    widgets::{Block, Borders},
};

/// The columns, and which of them the list can be sorted by.
const COLUMNS: [Column<CalculationRow>; 6] = [
    Column {
        title: "Name",
        width: Width::Rest,
        right: false,
        from: 0,
        cell: |row, look| Cell::new(SafeText::label(&row.name).into_string(), look.theme.text),
    },
    Column {
        title: "State",
        // The longest is "✗ out of memory".
        width: Width::Fixed(15),
        right: false,
        from: 0,
        cell: |row, look| {
            let style = if row.status == Status::Pending && !row.queued {
                look.theme.dim
            } else {
                look.theme.status(row.status)
            };
            Cell::new(format!("{} {}", row.status.glyph(), row.state()), style)
        },
    },
    Column {
        title: "Made",
        width: Width::Fixed(11),
        right: true,
        from: 60,
        cell: |row, look| Cell::new(look.now.short(row.created_at), look.theme.dim),
    },
    Column {
        title: "Started",
        width: Width::Fixed(11),
        right: true,
        from: 92,
        cell: |row, look| match row.started_at {
            Some(at) => Cell::new(look.now.short(at), look.theme.dim),
            None => Cell::new("–", look.theme.dim),
        },
    },
    Column {
        title: "Time",
        width: Width::Fixed(8),
        right: true,
        from: 44,
        cell: |row, look| match row.execution_time {
            Some(seconds) => Cell::new(format::duration(seconds), look.theme.text),
            None => Cell::new("–", look.theme.dim),
        },
    },
    Column {
        title: "Memory",
        width: Width::Fixed(9),
        right: true,
        from: 72,
        cell: |row, look| match row.memory_used {
            Some(mib) => Cell::new(format!("{mib} MiB"), look.theme.text),
            None => Cell::new("–", look.theme.dim),
        },
    },
];

const fn sorted(sort: CalculationSort) -> usize {
    match sort {
        CalculationSort::Name => 0,
        CalculationSort::Status => 1,
        CalculationSort::Created => 2,
        CalculationSort::Started => 3,
        CalculationSort::Duration => 4,
    }
}

/// Draws everything.
pub(super) fn draw(pane: &Calculations, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    let parts = pane.parts(area);
    if !pane.zoomed {
        let side = area.width >= WIDE;
        let style = if pane.in_detail { look.theme.accent } else { look.theme.border };
        let block = Block::new().borders(if side { Borders::LEFT } else { Borders::TOP }).border_style(style);
        frame.render_widget(block, parts.line);
        list(pane, frame, parts.list, look);
        let words = summary(pane);
        let below = Rect { y: parts.list.bottom(), height: 1, ..parts.list };
        if pane.filter.is_shown() {
            pane.filter.view(frame, below, look.theme);
        } else if side {
            text::line(frame.buffer_mut(), below, 0, &format!("  {words}"), look.theme.dim);
        }
        if !side && !words.is_empty() {
            let left = 2.min(parts.line.width);
            let at = Rect { x: parts.line.x + left, width: parts.line.width - left, ..parts.line };
            text::line(frame.buffer_mut(), at, 0, &format!(" {words} "), look.theme.dim);
        }
    }
    if let Some(words) = instead(pane, look) {
        for (y, line) in (0..parts.detail.height)
            .zip(words.split('\n').flat_map(|words| text::wrap(words, usize::from(parts.detail.width))))
        {
            text::line(frame.buffer_mut(), parts.detail, y, &line, look.theme.dim);
        }
        return;
    }
    if let Some(detail) = pane.detail.value() {
        let lines = detail.drawn(parts.detail.width, look.theme, look.now);
        pane.scroll.view(frame, parts.detail, &lines, look.theme.dim);
    }
    if let Some(failure) = pane.detail.failure() {
        bottom(frame, parts.detail, &failure.message, look);
    }
}

fn list(pane: &Calculations, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    let order = Some((sorted(pane.query.sort), pane.query.ascending));
    pane.table.view(frame, area, &COLUMNS, order, !pane.in_detail, look);
    if let Some(failure) = pane.table.failure() {
        bottom(frame, area, &failure.message, look);
    }
}

/// A failure in the last rows, over what is still there.
fn bottom(frame: &mut Frame<'_>, area: Rect, message: &str, look: &Look<'_>) {
    let lines = text::wrap(&SafeText::label(message), usize::from(area.width).saturating_sub(3));
    let top = area.height.saturating_sub(lines.len() as u16);
    for (y, line) in (top..area.height).zip(&lines) {
        let padded = format!("✗ {line:<width$}", width = usize::from(area.width).saturating_sub(2));
        text::line(frame.buffer_mut(), area, y, &padded, look.theme.bad);
    }
}

/// How many there are, and what narrows them.
fn summary(pane: &Calculations) -> String {
    let mut words = match pane.count.value() {
        Some(1) => "1 calculation".to_owned(),
        Some(count) => format!("{} calculations", format::count(*count)),
        None => return String::new(),
    };
    if !pane.query.statuses.is_empty() {
        let names: Vec<&str> = pane.query.statuses.iter().map(|status| status.name()).collect();
        words = format!("{words}, only {}", names.join(", "));
    }
    let marked = pane.table.marked().len();
    if marked > 0 {
        words = format!("{words}, {marked} marked");
    }
    words
}

/// What is said where there is nothing to show.
fn instead(pane: &Calculations, look: &Look<'_>) -> Option<String> {
    if !pane.opened {
        return Some("Opening…".to_owned());
    }
    if !pane.table.is_loaded() {
        return pane
            .table
            .is_loading()
            .then(|| format!("{} loading the calculations…", SPINNER[look.spin % SPINNER.len()]));
    }
    if !pane.table.is_empty() || pane.zoomed {
        return None;
    }
    Some(if pane.filter.is_shown() || !pane.query.statuses.is_empty() {
        "No calculation is like this. Esc shows all again.".to_owned()
    } else {
        "No calculations yet.\n\n  t  makes one from a tool: choose it, then F5 runs it\n  n  writes a new one\n  ?  shows the keys"
            .to_owned()
    })
}

/// How many lines the detail has.
pub(super) fn detail_height(pane: &Calculations, area: Rect, now: Now) -> usize {
    pane.detail.value().map_or(0, |detail| detail.lines(area.width, &Theme::plain(), now).len())
}
