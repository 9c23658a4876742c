//! A list and its detail: side by side on a wide screen, stacked on a narrow one.

use ratatui::layout::{Position, Rect};

/// Side by side from so many columns.
pub const WIDE: u16 = 100;

/// Where the list, the line between and the detail are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The list; empty while the detail has everything.
    pub list: Rect,
    /// The line between them.
    pub line: Rect,
    /// The detail.
    pub detail: Rect,
}

/// What a pointer is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointedAt {
    /// A row of the list, from 0 at the top of what is seen of it.
    Row(usize),
    /// The detail.
    Detail,
    /// Neither: the titles of the list, the line between.
    Elsewhere,
}

impl Split {
    /// What a pointer at this place means.
    pub fn pointed_at(&self, column: u16, row: u16) -> PointedAt {
        let at = Position { x: column, y: row };
        if self.detail.contains(at) {
            PointedAt::Detail
        } else if self.list.contains(at) && row > self.list.y {
            PointedAt::Row(usize::from(row - self.list.y - 1))
        } else {
            PointedAt::Elsewhere
        }
    }
}

/// Splits `area`; `zoomed` gives everything to the detail, `percent` of a wide screen's columns go to the list.
pub fn split(area: Rect, zoomed: bool, percent: u16) -> Split {
    let none = Rect { width: 0, height: 0, ..area };
    if zoomed {
        return Split { list: none, line: none, detail: area };
    }
    if area.width >= WIDE {
        let list = (u32::from(area.width) * u32::from(percent) / 100) as u16;
        Split {
            list: Rect { width: list, ..area },
            line: Rect { x: area.x + list, width: 1, ..area },
            detail: Rect { x: area.x + list + 2, width: area.width - list - 2, ..area },
        }
    } else {
        // The list keeps at least a title and three rows; the detail gets a little more than half.
        let list = (area.height * 2 / 5).max(4).min(area.height);
        let line = area.height.saturating_sub(list).min(1);
        Split {
            list: Rect { height: list, ..area },
            line: Rect { y: area.y + list, height: line, ..area },
            detail: Rect { y: area.y + list + line, height: area.height - list - line, ..area },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_rows_below_the_titles() {
        let parts = split(Rect::new(0, 2, 80, 20), false, 50);
        let found = [(0, 2), (0, 3), (79, 9), (0, 10), (0, 11), (79, 21), (0, 22)].map(|(x, y)| parts.pointed_at(x, y));
        let (title, line, below) = (PointedAt::Elsewhere, PointedAt::Elsewhere, PointedAt::Elsewhere);
        assert_eq!(
            found,
            [title, PointedAt::Row(0), PointedAt::Row(6), line, PointedAt::Detail, PointedAt::Detail, below]
        );
        assert_eq!(split(Rect::new(0, 2, 80, 20), true, 50).pointed_at(0, 3), PointedAt::Detail);
    }

    #[test]
    fn nothing_overlaps_or_leaves_the_area() {
        for (width, height) in [(1, 1), (40, 7), (80, 21), (99, 5), (100, 21), (200, 57)] {
            let area = Rect::new(3, 2, width, height);
            for zoomed in [false, true] {
                let Split { list, line, detail } = split(area, zoomed, 55);
                for part in [list, line, detail].into_iter().filter(|part| !part.is_empty()) {
                    assert_eq!(part.intersection(area), part, "{width}x{height}");
                }
                assert!(!list.intersects(detail) && !list.intersects(line) && !line.intersects(detail));
            }
        }
    }
}
