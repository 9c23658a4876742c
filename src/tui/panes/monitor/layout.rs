//! Where the parts of the monitor are: a pure function that update and view share.

use crate::tui::widgets::split::WIDE;
use ratatui::layout::Rect;

/// Columns of the list then.
const LIST: u16 = 38;
/// Rows of runs shown above a run.
const STACKED_ROWS: u16 = 4;

/// The parts of the monitor; empty where one has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Parts {
    /// The runs, their heading included.
    pub list: Rect,
    /// The line between list and run, where they stand side by side.
    pub line: Rect,
    /// State, time, resources.
    pub detail: Rect,
    /// The row above the log.
    pub log_title: Rect,
    /// The log.
    pub log: Rect,
}

impl Parts {
    /// The places in `area` for so many runs and so many rows of detail.
    pub fn of(area: Rect, runs: usize, detail_rows: usize, zoomed: bool) -> Self {
        let mut parts = Self::default();
        let mut rest = area;
        if !zoomed {
            if area.width >= WIDE {
                parts.list = Rect { width: LIST, ..area };
                parts.line = Rect { x: area.x + LIST, width: 1, ..area };
                rest = Rect { x: area.x + LIST + 2, width: area.width - LIST - 2, ..area };
            } else if runs > 1 {
                let most = if area.height < 16 { 2 } else { STACKED_ROWS };
                let rows = (runs as u16).min(most) + 1;
                (parts.list, rest) = head(area, rows);
            }
        }
        let detail = if zoomed { 1 } else { detail_rows as u16 };
        // The log keeps at least four rows, the detail its first two.
        let detail = detail.min(rest.height.saturating_sub(5).max(2));
        (parts.detail, rest) = head(rest, detail);
        (parts.log_title, parts.log) = head(rest, 1);
        parts
    }
}

/// The first `rows` rows, and the rest.
fn head(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    (Rect { height: rows, ..area }, Rect { y: area.y + rows, height: area.height - rows, ..area })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_stay_inside_and_the_log_has_room() {
        for (width, height) in [(0, 0), (40, 7), (40, 9), (80, 21), (100, 21), (140, 37), (200, 57)] {
            let area = Rect::new(0, 2, width, height);
            for (runs, zoomed) in [(0, false), (1, false), (30, false), (30, true)] {
                let parts = Parts::of(area, runs, 8, zoomed);
                for part in [parts.list, parts.detail, parts.log_title, parts.log] {
                    assert!(part.is_empty() || area.union(part) == area, "{area} {part}");
                }
                assert!(height < 16 || parts.log.height >= 4, "{parts:?}");
            }
        }
    }
}
