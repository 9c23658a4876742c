//! Drawing a table: only the visible rows are looked at.

use super::PagedTable;
use crate::tui::{pane::Look, widgets::text};
use ratatui::{Frame, layout::Rect, style::Style};
use std::borrow::Cow;

/// What stands in a cell. The text must be safe to show.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    /// The text, cut to the column.
    pub text: Cow<'a, str>,
    /// Its style.
    pub style: Style,
}

impl<'a> Cell<'a> {
    /// A text in a style.
    pub fn new(text: impl Into<Cow<'a, str>>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// How wide a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// So many columns of the terminal.
    Fixed(u16),
    /// What is left; one column of a table has it.
    Rest,
}

/// A column as data.
#[derive(Debug)]
pub struct Column<T> {
    /// Its title.
    pub title: &'static str,
    /// How wide it is.
    pub width: Width,
    /// Numbers stand at the right.
    pub right: bool,
    /// Left out where the table is narrower than this.
    pub from: u16,
    /// What stands in a row.
    pub cell: for<'a> fn(&'a T, &Look<'_>) -> Cell<'a>,
}

/// Columns before the first one: the mark of the selection, the mark of the row.
const GUTTER: u16 = 2;

impl<T> PagedTable<T> {
    /// Rows that fit below the titles.
    pub fn height(area: Rect) -> usize {
        usize::from(area.height.saturating_sub(1))
    }

    /// Draws titles and the visible rows. `sorted` is the place of the sorted column and whether it ascends.
    ///
    /// The selected row has a bar before it and its first cell reversed: a whole reversed row would cost a slow
    /// line ten times the bytes for each step.
    pub fn view(
        &self,
        frame: &mut Frame<'_>,
        area: Rect,
        columns: &[Column<T>],
        sorted: Option<(usize, bool)>,
        focused: bool,
        look: &Look<'_>,
    ) {
        if area.height < 2 || area.width <= GUTTER {
            return;
        }
        let buffer = frame.buffer_mut();
        let places = places(area, columns);
        for (at, column, place) in &places {
            let mark = match sorted {
                Some((sorted, ascending)) if sorted == *at => {
                    if ascending {
                        " ↑"
                    } else {
                        " ↓"
                    }
                }
                _ => "",
            };
            let title = format!("{}{mark}", column.title);
            put(buffer, *place, 0, column.right, &title, look.theme.title);
        }
        let height = Self::height(area);
        let top = self.top.min(self.rows.len());
        for (y, (row, cursor)) in self.rows[top..].iter().zip(&self.cursors[top..]).take(height).enumerate() {
            let y = y as u16 + 1;
            let selected = top + usize::from(y) - 1 == self.selected;
            if selected {
                text::line(buffer, area, y, "▌", look.theme.accent);
            }
            if self.marked.contains(&cursor.id) {
                text::line(buffer, Rect { x: area.x + 1, width: 1, ..area }, y, "*", look.theme.accent);
            }
            let mut first = true;
            for (_, column, place) in &places {
                let cell = (column.cell)(row, look);
                let style = match (selected && first, focused) {
                    (true, true) => cell.style.patch(look.theme.selected),
                    (true, false) => cell.style.patch(look.theme.selected_dim),
                    _ => cell.style,
                };
                put(buffer, *place, y, column.right, &cell.text, style);
                first = false;
            }
        }
    }
}

fn put(buffer: &mut ratatui::buffer::Buffer, place: Rect, y: u16, right: bool, content: &str, style: Style) {
    let room = usize::from(place.width);
    let shift = if right { room.saturating_sub(text::width(content)) as u16 } else { 0 };
    text::line(buffer, Rect { x: place.x + shift, width: place.width - shift, ..place }, y, content, style);
}

/// The columns that are shown, and where.
fn places<T>(area: Rect, columns: &[Column<T>]) -> Vec<(usize, &Column<T>, Rect)> {
    let shown: Vec<_> = columns.iter().enumerate().filter(|(_, column)| area.width >= column.from).collect();
    let gaps = shown.len().saturating_sub(1) as u16;
    let fixed: u16 = shown
        .iter()
        .map(|(_, column)| match column.width {
            Width::Fixed(width) => width,
            Width::Rest => 0,
        })
        .sum();
    let rest = area.width.saturating_sub(GUTTER + gaps + fixed);
    let mut x = area.x + GUTTER;
    shown
        .into_iter()
        .map(|(at, column)| {
            let wanted = match column.width {
                Width::Fixed(width) => width,
                Width::Rest => rest,
            };
            let width = wanted.min(area.right().saturating_sub(x));
            let place = Rect { x: x.min(area.right()), width, ..area };
            x = x.saturating_add(width + 1);
            (at, column, place)
        })
        .collect()
}
