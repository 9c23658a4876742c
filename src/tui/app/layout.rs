//! Where everything is: pure functions that update and view share.

use ratatui::layout::{Rect, Size};

/// The smallest screen that shows more than one sentence.
pub const SMALLEST: Size = Size { width: 40, height: 10 };

/// The parts of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Profile, person, database, sandbox, age.
    pub header: Rect,
    /// The panes' names.
    pub tabs: Rect,
    /// The pane in front.
    pub body: Rect,
    /// The hint bar.
    pub hints: Rect,
}

impl Layout {
    /// The parts of a screen of this size; all empty where it is too small.
    pub const fn of(size: Size) -> Self {
        let (width, height) = if is_too_small(size) { (0, 0) } else { (size.width, size.height) };
        Self {
            header: row_at(0, width, height),
            tabs: row_at(1, width, height),
            body: Rect { x: 0, y: 2, width, height: height.saturating_sub(3) },
            hints: row_at(height.saturating_sub(1), width, height),
        }
    }
}

/// Whether a screen has only room for one sentence.
pub const fn is_too_small(size: Size) -> bool {
    size.width < SMALLEST.width || size.height < SMALLEST.height
}

const fn row_at(y: u16, width: u16, height: u16) -> Rect {
    Rect { x: 0, y, width, height: if height == 0 { 0 } else { 1 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_cover_the_screen_and_nothing_else() {
        for (width, height) in [(40, 10), (80, 24), (200, 60)] {
            let layout = Layout::of(Size { width, height });
            let area: u32 =
                [layout.header, layout.tabs, layout.body, layout.hints].iter().map(|part| part.area()).sum();
            assert_eq!(area, u32::from(width) * u32::from(height));
            assert_eq!(layout.hints.bottom(), height);
        }
        assert!(Layout::of(Size { width: 20, height: 5 }).body.is_empty());
    }
}
