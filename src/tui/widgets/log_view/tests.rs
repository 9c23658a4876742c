use super::*;
use crate::{domain::text::log_line, tui::testing::text_of};
use ratatui::{
    backend::CrosstermBackend,
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    {Terminal, TerminalOptions, Viewport},
};

/// What a world with this log would reply.
fn serve(view: &mut LogView, line: &impl Fn(u64) -> String) {
    for _ in 0..4 {
        let Some(range) = view.wanted() else { return };
        view.asked();
        let rows = range.map(|number| LogRow {
            number,
            source: number,
            error: number % 5 == 4,
            stamp: format!("14:00:{:02}.000", number % 60),
            line: log_line(line(number).as_bytes()),
        });
        view.fill(rows.collect());
    }
    panic!("asks for ever");
}

fn short(number: u64) -> String {
    format!("line {number}")
}

fn view(length: u64, width: u16, height: u16, line: &impl Fn(u64) -> String) -> LogView {
    let mut view = LogView::new();
    view.set_size(Size::new(width, height));
    view.set_length(length);
    serve(&mut view, line);
    view
}

fn screen(view: &LogView) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, view.size.width, view.size.height));
    view.render(buffer.area, &mut buffer, &LogStyles::default());
    text_of(&buffer)
}

#[test]
fn follows_the_end_until_it_is_scrolled() {
    let mut view = view(100, 20, 3, &short);
    assert_eq!(screen(&view), "  line 97\n  line 98\n! line 99\n");
    view.set_length(101);
    serve(&mut view, &short);
    assert!(screen(&view).ends_with("line 100\n"));
    view.up(1);
    assert!(!view.follows());
    view.set_length(200);
    serve(&mut view, &short);
    assert_eq!(screen(&view), "  line 97\n  line 98\n! line 99\n", "new lines do not move what is read");
    view.to_end();
    serve(&mut view, &short);
    assert!(view.follows() && screen(&view).ends_with("line 199\n"));
    view.up(5);
    view.down(50);
    assert!(view.follows(), "at the end it is followed again");
}

#[test]
fn the_lines_at_hand_stay_until_newer_ones_come() {
    let mut view = view(100, 20, 3, &short);
    view.set_length(50_000);
    assert_eq!(screen(&view), "  line 97\n  line 98\n! line 99\n");
    assert!(view.wanted().is_some_and(|range| range.end == 50_000));
    serve(&mut view, &short);
    assert_eq!(screen(&view), "  line 49997\n  line 49998\n! line 49999\n");
}

#[test]
fn a_million_lines_take_the_memory_of_three_windows() {
    let mut view = view(1_000_000, 80, 40, &short);
    for _ in 0..2_000 {
        view.up(39);
        serve(&mut view, &short);
        assert!(view.rows.len() <= 120, "{}", view.rows.len());
    }
    assert_eq!(view.seen(), 999_960 - 78_000..1_000_000 - 78_000);
    view.to_start();
    serve(&mut view, &short);
    assert!(screen(&view).starts_with("  line 0\n"));
}

#[test]
fn the_last_line_is_asked_for_again_when_it_may_have_grown() {
    let mut view = view(3, 20, 5, &short);
    assert_eq!(view.wanted(), None);
    view.set_length(3);
    assert_eq!(view.wanted(), Some(0..3));
    serve(&mut view, &|number| format!("{number} grown"));
    assert_eq!(screen(&view), "  0 grown\n  1 grown\n  2 grown\n\n\n");
}

#[test]
fn news_during_a_request_are_asked_for_after_it() {
    let mut view = view(3, 20, 5, &short);
    view.set_length(3);
    let range = view.wanted().unwrap();
    view.asked();
    view.set_length(3);
    let old = range.map(|number| LogRow {
        number,
        source: number,
        error: false,
        stamp: String::new(),
        line: log_line(b"half a li"),
    });
    view.fill(old.collect());
    assert_eq!(view.wanted(), Some(0..3), "the reply may be older than the news");
}

#[test]
fn wrapped_lines_can_be_read_to_their_end() {
    let line = |number: u64| format!("{number}{}", "abcdefghij".repeat(3));
    let mut view = view(4, 12, 4, &line);
    assert_eq!(screen(&view).lines().next(), Some("  0abcdefgh›"));
    view.toggle_wrap();
    serve(&mut view, &line);
    assert_eq!(screen(&view), "  3abcdefghi\n  jabcdefghi\n  jabcdefghi\n  j\n");
    view.up(1);
    assert_eq!(screen(&view), "  j\n  3abcdefghi\n  jabcdefghi\n  jabcdefghi\n");
    view.up(100);
    assert_eq!(screen(&view).lines().next(), Some("  0abcdefghi"));
    for _ in 0..12 {
        view.down(1);
        serve(&mut view, &line);
    }
    assert!(view.follows());
    assert!(screen(&view).ends_with("  j\n"));
    let huge = self::view(1, 12, 4, &|_| "x".repeat(10_000));
    assert_eq!(screen(&huge).lines().count(), 4);
}

#[test]
fn goes_to_the_side_as_far_as_there_is_text() {
    let mut view =
        view(2, 12, 2, &|number| if number == 0 { "0123456789abcdefghij".to_owned() } else { "é漢".repeat(20) });
    assert_eq!(screen(&view).lines().next(), Some("  012345678›"));
    view.go_right();
    assert_eq!(screen(&view).lines().next(), Some(" ‹89abcdefg›"));
    for _ in 0..20 {
        view.go_right();
    }
    assert!(view.left < 60);
    while view.go_left() {}
    assert!(!view.go_left());
}

#[test]
fn finds_with_a_count_and_comes_round() {
    let mut view = view(1_000, 20, 5, &short);
    view.look_for("LINE 5");
    view.found(vec![5, 50, 500], 3);
    assert_eq!((view.matches(), view.follows()), ((Some(1), 3), false), "the end is left");
    assert!(view.seen().contains(&5));
    view.find_next(true);
    assert_eq!(view.matches().0, Some(3));
    assert!(view.seen().contains(&500));
    view.find_next(false);
    assert_eq!(view.matches().0, Some(1));
    assert!(!view.search_is_old());
    view.set_length(2_000);
    assert!(view.search_is_old());
    view.found(vec![5, 50, 500, 1_500], 4);
    assert_eq!(view.matches(), (Some(1), 4), "a new search stays where it was");
    view.look_for("nothing");
    view.found(Vec::new(), 0);
    view.find_next(false);
    assert_eq!(view.matches(), (None, 0));
}

#[test]
fn marks_what_is_looked_for_in_any_case() {
    let mut view = view(1, 30, 1, &|_| "Error: ÉRROR error".to_owned());
    let marked = |view: &LogView| -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 1));
        let found = Style::new().add_modifier(Modifier::REVERSED);
        view.render(buffer.area, &mut buffer, &LogStyles { found, ..LogStyles::default() });
        buffer
            .content
            .iter()
            .filter(|cell| cell.modifier == Modifier::REVERSED)
            .map(ratatui::buffer::Cell::symbol)
            .collect()
    };
    view.look_for("error");
    assert_eq!(marked(&view), "Errorerror");
    view.look_for("Error");
    assert_eq!(marked(&view), "Error");
}

#[test]
fn times_stand_before_the_lines() {
    let mut view = view(2, 30, 2, &short);
    view.toggle_times();
    assert_eq!(screen(&view), "14:00:00.000   line 0\n14:00:01.000   line 1\n");
}

#[test]
fn any_size_can_be_drawn() {
    for width in 0..8 {
        for height in 0..3 {
            for wrap in [false, true] {
                let mut view = view(10, width, height, &|_| "漢字 \u{1b}[31mtext\u{202e}".to_owned());
                if wrap {
                    view.toggle_wrap();
                }
                screen(&view);
            }
        }
    }
}

/// What reaches the terminal for a log that tries everything: no control that the log wrote, whatever the colours.
#[test]
fn only_our_own_sequences_reach_the_terminal() {
    let hostile = [
        "\u{1b}]0;PWNED\u{7} \u{1b}]52;c;cm0gLXJmIH4K\u{7}",
        "\u{1b}Ptmux;\u{1b}\u{1b}]52;c;?\u{7}\u{1b}\\ \u{1b}[201~x\u{1b}[?2004l",
        "\u{1b}[c\u{1b}[6n\u{5}\u{9b}2J \u{1b}[31mred\u{1b}[0m \u{202e}gnp\u{2069}\u{200b}\u{e0041}",
    ];
    for colour in [false, true] {
        let view = view(3, 78, 3, &|number| hostile[number as usize].to_owned());
        let mut bytes = Vec::new();
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 78, 3)) };
        let mut terminal = Terminal::with_options(CrosstermBackend::new(&mut bytes), options).unwrap();
        let styles = LogStyles { colour, ..LogStyles::default() };
        terminal.draw(|frame| view.render(frame.area(), frame.buffer_mut(), &styles)).unwrap();
        drop(terminal);
        let text = String::from_utf8(bytes).unwrap();
        // Our own: cursor positions, attributes, cursor on and off.
        let mut rest = text.as_str();
        let mut shown = String::new();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            shown.push_str(before);
            let body = after.strip_prefix('[').expect("only CSI is ours");
            let end = body.find(|c: char| c.is_ascii_alphabetic()).unwrap();
            assert!(matches!(&body[end..=end], "H" | "m" | "h" | "l"), "{body:?}");
            assert!(!body[..end].contains("2004"), "{body:?}");
            rest = &body[end + 1..];
        }
        shown.push_str(rest);
        assert!(!shown.chars().any(crate::domain::text::is_hidden), "{shown:?}");
        assert!(shown.contains("^[]0;PWNED^G") && shown.contains("<U+202E>gnp"), "{shown:?}");
        let mut buffer = Buffer::empty(Rect::new(0, 0, 78, 3));
        view.render(buffer.area, &mut buffer, &styles);
        let red = buffer.content.iter().any(|cell| cell.fg == ratatui::style::Color::Indexed(1));
        assert_eq!(red, colour, "the log's own colour");
    }
}

#[test]
fn in_some_lines_of_a_log_one_is_pointed_at() {
    // Every third line of the log.
    let serve_some = |view: &mut LogView| {
        while let Some(range) = view.wanted() {
            view.asked();
            let row = |number| LogRow {
                number,
                source: number * 3,
                error: false,
                stamp: String::new(),
                line: log_line(format!("line {}", number * 3).as_bytes()),
            };
            view.fill(range.map(row).collect());
        }
    };
    let mut some = LogView::of_lines_with("line", &view(300, 20, 3, &short));
    some.set_length(100);
    serve_some(&mut some);
    assert_eq!(screen(&some), "  line 291\n  line 294\n ▸line 297\n");
    assert_eq!(some.pointed(), Some((297, 2)));
    some.up(1);
    assert!(!some.follows());
    assert_eq!((some.pointed(), screen(&some).as_str()), (Some((294, 1)), "  line 291\n ▸line 294\n  line 297\n"));
    some.up(5);
    serve_some(&mut some);
    assert_eq!(screen(&some), " ▸line 279\n  line 282\n  line 285\n", "the window goes along");
    some.down(4);
    serve_some(&mut some);
    assert_eq!(screen(&some), "  line 285\n  line 288\n ▸line 291\n");
    some.to_start();
    serve_some(&mut some);
    assert_eq!(some.pointed(), Some((0, 0)));
    some.look_for("line 9");
    some.found(vec![3, 30, 31, 32, 33], 5);
    serve_some(&mut some);
    some.find_next(false);
    serve_some(&mut some);
    assert_eq!(some.pointed().map(|(line, _)| line), Some(90), "what is found is pointed at");
    some.down(1_000);
    assert!(some.follows(), "at the end it is followed");

    let mut whole = view(300, 20, 3, &short);
    whole.show(90, 1);
    serve(&mut whole, &short);
    assert_eq!(screen(&whole), "! line 89\n ▸line 90\n  line 91\n", "with what stands around it");
    whole.down(1);
    assert_eq!(screen(&whole), " ▸line 90\n  line 91\n  line 92\n", "the window moves, not the mark");
}
