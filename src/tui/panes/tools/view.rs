//! Drawing the catalogue.

use super::Tools;
use crate::{
    domain::{format, text::SafeText, tool::Tool},
    tui::{
        pane::Look,
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
    text::{Line, Span},
    widgets::{Block, Borders},
};

const COLUMNS: [Column<Tool>; 3] = [
    Column {
        title: "Tool",
        width: Width::Rest,
        right: false,
        from: 0,
        cell: |tool, look| Cell::new(SafeText::label(&tool.display_name).into_string(), look.theme.text),
    },
    Column {
        title: "Version",
        width: Width::Fixed(9),
        right: false,
        from: 44,
        cell: |tool, look| Cell::new(SafeText::label(&tool.version).into_string(), look.theme.dim),
    },
    Column {
        title: "Timeout",
        width: Width::Fixed(8),
        right: true,
        from: 56,
        cell: |tool, look| Cell::new(format!("{} s", tool.limits.timeout), look.theme.dim),
    },
];

/// Draws everything.
pub fn draw(pane: &Tools, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    let parts = pane.parts(area);
    let theme = look.theme;
    if !pane.zoomed {
        let side = area.width >= WIDE;
        let block = Block::new().borders(if side { Borders::LEFT } else { Borders::TOP });
        frame.render_widget(block.border_style(if pane.in_detail { theme.accent } else { theme.border }), parts.line);
        if let Some(failure) = pane.table.failure() {
            let room = usize::from(parts.list.width).saturating_sub(2);
            let lines = text::wrap(&SafeText::label(&failure.message), room);
            let top = parts.list.height.saturating_sub(lines.len() as u16);
            pane.table.view(frame, Rect { height: top, ..parts.list }, &COLUMNS, None, !pane.in_detail, look);
            for (y, line) in (top..parts.list.height).zip(&lines) {
                text::line(frame.buffer_mut(), parts.list, y, &format!("✗ {line}"), theme.bad);
            }
        } else {
            pane.table.view(frame, parts.list, &COLUMNS, None, !pane.in_detail, look);
        }
        if pane.filter.is_shown() {
            let row = Rect { y: parts.list.bottom(), height: 1, ..parts.list };
            pane.filter.view(frame, row, theme);
        }
    }
    let words = if !pane.table.is_loaded() && pane.table.failure().is_none() {
        format!("{} loading the tools…", SPINNER[look.spin % SPINNER.len()])
    } else if pane.table.is_empty() && pane.filter.is_shown() {
        "No tool has this in its name. Esc shows all again.".to_owned()
    } else if pane.table.is_empty() {
        "There are no tools yet. Press 1 for the calculations and n there to write one.".to_owned()
    } else {
        let lines = pane.table.selected().map(|tool| detail(tool, parts.detail.width, theme)).unwrap_or_default();
        pane.scroll.view(frame, parts.detail, &lines, theme.dim);
        return;
    };
    for (y, line) in (0..parts.detail.height).zip(text::wrap(&words, usize::from(parts.detail.width))) {
        text::line(frame.buffer_mut(), parts.detail, y, &line, theme.dim);
    }
}

/// How many lines the detail has at this width.
pub fn detail_height(tool: Option<&Tool>, area: Rect) -> usize {
    tool.map_or(0, |tool| detail(tool, area.width, &Theme::plain()).len())
}

fn detail(tool: &Tool, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let room = usize::from(width.max(8));
    let mut lines = vec![
        Line::styled(SafeText::label(&tool.display_name).into_string(), theme.title),
        Line::from(vec![
            Span::styled(SafeText::label(&tool.name).into_string(), theme.dim),
            Span::styled(format!("  version {}", SafeText::label(&tool.version)), theme.dim),
            Span::styled(if tool.is_active { "" } else { "  no longer offered" }, theme.warning),
        ]),
        Line::styled(
            format!(
                "Limits: {}, {} MiB, {} cores",
                format::whole(f64::from(tool.limits.timeout)),
                tool.limits.memory_limit,
                tool.limits.cpu_limit
            ),
            theme.dim,
        ),
    ];
    let runs_in = SafeText::label(&format!("Runs in {}", tool.runs_in()));
    lines.extend(text::wrap(&runs_in, room).into_iter().map(|line| Line::styled(line, theme.dim)));
    lines.push(Line::default());
    for paragraph in SafeText::lines(&tool.description) {
        lines.extend(text::wrap(&paragraph, room).into_iter().map(|line| Line::styled(line, theme.text)));
    }
    lines.push(Line::default());
    for (number, code) in SafeText::lines(&tool.code_template).into_iter().enumerate() {
        let code = text::cut(&code, room.saturating_sub(5)).into_owned();
        lines.push(Line::from(vec![
            Span::styled(format!("{:>4} ", number + 1), theme.dim),
            Span::styled(code, theme.text),
        ]));
    }
    lines
}
