//! A list and its detail: side by side on a wide screen, stacked on a narrow one.

use ratatui::layout::Rect;

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
