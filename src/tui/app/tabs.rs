//! The row of tabs: what each says and where it is, a pure function that update and view share.

use crate::tui::{pane::PaneSpec, widgets::text};
use ratatui::layout::Rect;

/// A tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// What it says.
    pub words: String,
    /// Its place in the row.
    pub area: Rect,
}

/// The tabs of the panes, in their order, the one at `front` being in front.
///
/// All say their titles where these have room, else all their short titles. Where even those have none, the one in front
/// has its title and the others their numbers.
pub fn tabs(row: Rect, panes: &[&PaneSpec], front: usize) -> Vec<Tab> {
    let fit = |words: Vec<String>| {
        let width: usize = words.iter().map(|words| text::width(words)).sum();
        (width <= usize::from(row.width)).then_some(words)
    };
    let all = |title: fn(&PaneSpec) -> &'static str| -> Vec<String> {
        panes.iter().enumerate().map(|(at, pane)| format!(" {} {} ", at + 1, title(pane))).collect()
    };
    let numbers = |title: fn(&PaneSpec) -> &'static str| -> Vec<String> {
        let of = |(at, pane): (usize, &&PaneSpec)| match at {
            at if at == front => format!(" {} {} ", at + 1, title(pane)),
            at => format!(" {} ", at + 1),
        };
        panes.iter().enumerate().map(of).collect()
    };
    let (whole, short) = (|pane: &PaneSpec| pane.title, |pane: &PaneSpec| pane.short_title);
    let words =
        fit(all(whole)).or_else(|| fit(all(short))).or_else(|| fit(numbers(whole))).unwrap_or_else(|| numbers(short));
    let mut x = row.x;
    let place = |words: String| {
        let width = text::width(&words) as u16;
        let area = Rect { x: x.min(row.right()), width: width.min(row.right().saturating_sub(x)), ..row };
        x = x.saturating_add(width);
        Tab { words, area }
    };
    words.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::declared;

    static SEVEN: [PaneSpec; 7] = [
        declared("calculations", "Calculations", "Calc"),
        declared("tools", "Tools", "Tools"),
        declared("editor", "Editor", "Editor"),
        declared("monitor", "Monitor", "Monitor"),
        declared("stats", "Stats", "Stats"),
        declared("files", "Files and folders", "Files"),
        declared("compare", "Comparison", "Compare"),
    ];

    /// The first of seven panes.
    fn panes(count: usize) -> Vec<&'static PaneSpec> {
        SEVEN.iter().take(count).collect()
    }

    /// The row as text, its tabs one behind the other.
    fn row(count: usize, width: u16, front: usize) -> String {
        let tabs = tabs(Rect::new(0, 1, width, 1), &panes(count), front);
        let mut x = 0;
        for tab in &tabs {
            assert_eq!((tab.area.x, usize::from(tab.area.width)), (x, text::width(&tab.words)), "{tab:?}");
            x = tab.area.right();
        }
        assert!(x <= width);
        tabs.into_iter().map(|tab| tab.words).collect()
    }

    #[test]
    fn five_panes_say_their_titles_or_numbers() {
        let whole = " 1 Calculations  2 Tools  3 Editor  4 Monitor  5 Stats ";
        for (width, front) in [(140, 0), (80, 0), (80, 3)] {
            assert_eq!(row(5, width, front), whole);
        }
        assert_eq!(row(5, 50, 4), " 1 Calc  2 Tools  3 Editor  4 Monitor  5 Stats ");
        assert_eq!(row(5, 40, 0), " 1 Calculations  2  3  4  5 ");
        assert_eq!(row(5, 40, 3), " 1  2  3  4 Monitor  5 ");
    }

    #[test]
    fn six_and_seven_panes_are_told_apart_on_80_columns() {
        for front in 0..6 {
            assert_eq!(
                row(6, 80, front),
                " 1 Calculations  2 Tools  3 Editor  4 Monitor  5 Stats  6 Files and folders "
            );
        }
        for front in 0..7 {
            assert_eq!(row(7, 80, front), " 1 Calc  2 Tools  3 Editor  4 Monitor  5 Stats  6 Files  7 Compare ");
        }
        assert!(row(7, 140, 0).ends_with(" 6 Files and folders  7 Comparison "));
    }

    #[test]
    fn the_one_in_front_is_told_on_40_columns() {
        assert_eq!(row(6, 40, 5), " 1  2  3  4  5  6 Files and folders ");
        assert_eq!(row(7, 40, 0), " 1 Calculations  2  3  4  5  6  7 ");
        assert_eq!(row(7, 40, 5), " 1  2  3  4  5  6 Files and folders  7 ");
        assert_eq!(row(7, 36, 5), " 1  2  3  4  5  6 Files  7 ");
        assert_eq!(row(7, 40, 6), " 1  2  3  4  5  6  7 Comparison ");
    }
}
