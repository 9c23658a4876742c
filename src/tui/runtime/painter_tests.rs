//! The bytes against a terminal emulator: whatever is painted over whatever, the screen shows the last frame.

use super::*;
use proptest::{prelude::*, test_runner::FileFailurePersistence};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

/// A terminal of the buffer's size.
fn terminal(area: Rect) -> vt100::Parser {
    vt100::Parser::new(area.height.try_into().unwrap(), area.width.try_into().unwrap(), 0)
}

/// Checks that the terminal shows the buffer: symbols, and what of the style a terminal keeps.
fn check(terminal: &vt100::Parser, buffer: &Buffer) {
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let cell = &buffer[(x, y)];
            let shown = terminal.screen().cell(y, x).unwrap();
            let symbol = if shown.contents().is_empty() { " " } else { shown.contents() };
            assert_eq!(symbol, cell.symbol(), "at {x},{y}");
            assert_eq!(shown.inverse(), cell.modifier.contains(Modifier::REVERSED), "reversed at {x},{y}");
            let at = x;
            x += columns(cell).max(1) as u16;
            if symbol == " " {
                continue; // bold or coloured, it looks the same
            }
            assert_eq!(shown.bold(), cell.modifier.contains(Modifier::BOLD), "bold at {at},{y}");
            let colour = match cell.fg {
                Color::Red => vt100::Color::Idx(1),
                Color::Indexed(index) => vt100::Color::Idx(index),
                _ => vt100::Color::Default,
            };
            assert_eq!(shown.fgcolor(), colour, "colour at {at},{y}");
        }
    }
}

/// Columns that a cell's symbol takes.
fn columns(cell: &Cell) -> usize {
    cell.symbol().width()
}

/// Blanks every wide character whose second half something else was drawn over, or that stands in the last column.
fn split_halves(row: &mut [Cell]) {
    let mut x = 0;
    while x < row.len() {
        let size = columns(&row[x]).max(1);
        let whole = x + size <= row.len() && row[x + 1..x + size].iter().all(|half| half.symbol() == " ");
        if size > 1 && !whole {
            row[x].set_symbol(" ");
            x += 1;
        } else {
            x += size;
        }
    }
}

fn frame(width: u16, lines: &[&str], style: Style) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, lines.len() as u16));
    for (y, line) in lines.iter().enumerate() {
        buffer.set_string(0, y as u16, line, style);
    }
    buffer
}

#[test]
fn nothing_is_sent_where_nothing_changed() {
    let buffer = frame(20, &["one", "two"], Style::new());
    let mut painter = Painter::new(buffer.area, true);
    assert!(!painter.paint(&buffer, None).is_empty());
    assert_eq!(painter.paint(&buffer, None), b"");
    assert_eq!(painter.paint(&buffer, Some(Position { x: 1, y: 1 })), b"\x1b[2;2H\x1b[?25h");
    assert_eq!(painter.paint(&buffer, Some(Position { x: 1, y: 1 })), b"");
    assert_eq!(painter.paint(&buffer, None), b"\x1b[?25l");
}

#[test]
fn without_colour_the_selected_row_is_still_reversed() {
    // A style with a colour and REVERSED: the trap of the stock back end.
    let style = Style::new().fg(Color::Red).add_modifier(Modifier::REVERSED);
    let buffer = frame(10, &["selected", "x"], style);
    let mut painter = Painter::new(buffer.area, false);
    let bytes = painter.paint(&buffer, None).to_vec();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains("\x1b[7mselected"), "{text:?}");
    assert!(!text.contains("[;m") && !text.contains("31"), "{text:?}");
    let mut terminal = terminal(buffer.area);
    terminal.process(&bytes);
    assert!(terminal.screen().cell(0, 0).unwrap().inverse());
}

#[test]
fn a_moved_mark_and_a_scrolled_list_take_few_bytes() {
    let width = 200;
    let rows = |from: usize, selected: usize| -> Buffer {
        let lines: Vec<String> = (from..from + 48)
            .map(|n| {
                let mark = if n == selected { '▌' } else { ' ' };
                // Rows with little in common, as names have.
                format!("{mark} {:<120} {:>30}", format!("calculation {:x}", n * 2_654_435_761), n * 7_919)
            })
            .collect();
        let lines: Vec<&str> =
            std::iter::once("header").chain(lines.iter().map(String::as_str)).chain(["hints"]).collect();
        frame(width, &lines, Style::new())
    };
    let mut painter = Painter::new(Rect::new(0, 0, width, 50), true);
    painter.paint(&rows(0, 10), None);
    let moved = painter.paint(&rows(0, 11), None).len();
    assert!(moved <= 40, "{moved} bytes for a moved mark");
    painter.paint(&rows(0, 47), None);
    let scrolled = painter.paint(&rows(1, 48), None).to_vec();
    assert!(scrolled.len() <= 250, "{} bytes for a scrolled line", scrolled.len());
}

#[test]
fn what_changes_around_a_scrolled_list_stays_out_of_the_scroll() {
    let rows = |from: usize| {
        let list = (from..from + 20).map(|n| format!("calculation {:x} {}", n * 2_654_435_761, "│ the detail stays"));
        let lines: Vec<String> =
            [format!("loaded {from}")].into_iter().chain(list).chain([format!("hints {from}")]).collect();
        frame(60, &lines.iter().map(String::as_str).collect::<Vec<_>>(), Style::new())
    };
    let mut painter = Painter::new(Rect::new(0, 0, 60, 22), true);
    let mut terminal = terminal(painter.area);
    terminal.process(painter.paint(&rows(10), None));
    let bytes = painter.paint(&rows(11), None).to_vec();
    assert!(String::from_utf8_lossy(&bytes).contains("[2;21r\x1b[1S"), "{}", bytes.escape_ascii());
    assert!(bytes.len() < 100, "{} bytes", bytes.len());
    terminal.process(&bytes);
    check(&terminal, &rows(11));
}

#[test]
fn a_border_over_half_a_wide_character_is_whole() {
    let mut buffer = frame(6, &["日本語"], Style::new());
    buffer.set_string(1, 0, "│", Style::new());
    let mut terminal = terminal(buffer.area);
    terminal.process(Painter::new(buffer.area, true).paint(&buffer, None));
    assert_eq!(terminal.screen().contents(), " │本語");
}

fn cell() -> impl Strategy<Value = (&'static str, u8)> {
    (prop::sample::select(vec![" ", " ", " ", "a", "b", "é", "日", "▌", "e\u{301}\u{302}\u{303}\u{304}"]), 0_u8..6)
}

fn buffer(width: u16, height: u16) -> impl Strategy<Value = Buffer> {
    prop::collection::vec(cell(), usize::from(width) * usize::from(height)).prop_map(move |cells| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let mut cells = cells.into_iter();
        for y in 0..height {
            for x in 0..width {
                let (symbol, style) = cells.next().unwrap();
                let style = match style {
                    0 => Style::new().fg(Color::Red),
                    1 => Style::new().add_modifier(Modifier::REVERSED),
                    2 => Style::new().fg(Color::Indexed(9)).add_modifier(Modifier::BOLD),
                    _ => Style::new(),
                };
                // Over halves of wide characters too, as a dialog over a list.
                buffer.set_string(x, y, symbol, style);
            }
        }
        buffer
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/regressions/painter.txt"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_frame_over_any_other(frames in prop::collection::vec(buffer(9, 7), 1..5), shift in 1_usize..4) {
        let area = frames[0].area;
        let (mut painter, mut terminal) = (Painter::new(area, true), terminal(area));
        for mut next in frames {
            for _ in 0..2 {
                terminal.process(painter.paint(&next, None));
                let mut expected = next.clone();
                expected.content.chunks_mut(usize::from(area.width)).for_each(split_halves);
                check(&terminal, &expected);
                // The same rows, moved: what a scroll is made for.
                let width = usize::from(area.width);
                next.content[width..6 * width].rotate_left(shift * width);
            }
        }
    }
}
