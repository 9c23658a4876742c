//! The yardstick: the least a ratatui program can do, a virtual table of 1,000,000 rows made up on the spot.

use crossterm::event::{Event, KeyCode};
use ratatui::{
    layout::Constraint,
    style::{Modifier, Style},
    widgets::{Row, Table, TableState},
};

const ROWS: usize = 1_000_000;

/// Runs until `q`.
pub fn run() {
    let mut terminal = ratatui::init();
    let (mut top, mut selected) = (0_usize, 0_usize);
    loop {
        let mut height = 0;
        terminal
            .draw(|frame| {
                let area = frame.area();
                height = usize::from(area.height) - 1;
                let rows = (top..(top + height).min(ROWS)).map(|row| {
                    Row::new([
                        row.to_string(),
                        format!("calculation {row}"),
                        "completed".into(),
                        format!("{}.5 s", row % 60),
                    ])
                });
                let widths =
                    [Constraint::Length(9), Constraint::Fill(1), Constraint::Length(12), Constraint::Length(10)];
                let table = Table::new(rows, widths)
                    .header(Row::new(["id", "name", "status", "time"]))
                    .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
                let mut state = TableState::new().with_selected(selected - top);
                frame.render_stateful_widget(table, area, &mut state);
            })
            .unwrap();
        let Event::Key(key) = crossterm::event::read().unwrap() else { continue };
        match key.code {
            KeyCode::Down => selected = (selected + 1).min(ROWS - 1),
            KeyCode::Up => selected = selected.saturating_sub(1),
            KeyCode::PageUp => selected = selected.saturating_sub(height),
            KeyCode::PageDown => selected = (selected + height).min(ROWS - 1),
            KeyCode::Char('q') => break,
            _ => {}
        }
        top = top.clamp((selected + 1).saturating_sub(height), selected);
    }
    ratatui::restore();
}
