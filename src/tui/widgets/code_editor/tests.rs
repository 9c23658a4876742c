use super::*;
use crate::tui::testing::text_of;
use ratatui::{
    buffer::{Buffer, Cell},
    layout::{Position, Rect},
    style::{Modifier, Style},
};

fn editor(text: &str) -> CodeEditor {
    let mut editor = CodeEditor::new(Language::Python, text);
    editor.set_size(Size::new(40, 10));
    editor
}

fn typed(editor: &mut CodeEditor, text: &str) {
    for c in text.chars() {
        editor.apply(if c == '\n' { Edit::Newline } else { Edit::Type(c) });
    }
}

fn styles() -> CodeStyles {
    let with = |modifier| Style::new().add_modifier(modifier);
    CodeStyles {
        keyword: with(Modifier::BOLD),
        string: with(Modifier::ITALIC),
        problem: with(Modifier::UNDERLINED),
        bracket: with(Modifier::SLOW_BLINK),
        selection: with(Modifier::REVERSED),
        found: with(Modifier::CROSSED_OUT),
        ..CodeStyles::default()
    }
}

fn drawn(editor: &CodeEditor, width: u16, height: u16) -> (Buffer, Option<Position>) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let cursor = editor.render(buffer.area, &mut buffer, &styles());
    (buffer, cursor)
}

/// The text of the cells that have the modifier.
fn cells_with(buffer: &Buffer, modifier: Modifier) -> String {
    buffer.content.iter().filter(|cell| cell.modifier.contains(modifier)).map(Cell::symbol).collect()
}

#[test]
fn typing_indents_as_python_wants_it() {
    let mut editor = editor("");
    typed(&mut editor, "def f(x):\nif x:\nreturn 1");
    assert_eq!(editor.text(), "def f(x):\n    if x:\n        return 1");
    editor.apply(Edit::Newline);
    assert!(editor.text().ends_with("        return 1\n    "), "a return ends its block");
    typed(&mut editor, "returned = [\n1");
    assert!(editor.text().ends_with("    returned = [\n        1"), "but not a name that begins like it");
    editor.apply(Edit::Newline);
    editor.apply(Edit::DeleteBefore);
    typed(&mut editor, "]");
    assert!(editor.text().ends_with("        1\n    ]"));
}

#[test]
fn a_paste_keeps_its_text_exactly() {
    let mut editor = editor("");
    let text = "def f():\n\tif 1:\n\t    x = '\u{202e}'\n\n\n  # odd\n";
    editor.apply(Edit::Paste(text.replace('\n', "\r")));
    assert_eq!(editor.text(), text);
    editor.apply(Edit::Undo);
    assert_eq!(editor.text(), "", "a paste is one step");
    editor.apply(Edit::Redo);
    assert_eq!(editor.text(), text);
}

#[test]
fn undo_goes_back_word_by_word() {
    let mut editor = editor("");
    typed(&mut editor, "one two three");
    editor.apply(Edit::Undo);
    assert_eq!(editor.text(), "one two ");
    editor.apply(Edit::Undo);
    assert_eq!(editor.text(), "one ");
    editor.apply(Edit::Redo);
    assert_eq!(editor.text(), "one two ");
    typed(&mut editor, "x");
    assert!(!editor.apply(Edit::Redo), "what was undone is gone after a change");
    for _ in 0..5 {
        editor.apply(Edit::Undo);
    }
    assert_eq!(editor.text(), "");
}

#[test]
fn whole_lines_are_indented_commented_and_deleted_as_one_step() {
    let mut editor = editor("a\n  b\n\nc");
    editor.apply(Edit::Select(Motion::Down));
    editor.apply(Edit::Select(Motion::Down));
    editor.apply(Edit::Indent);
    assert_eq!(editor.text(), "    a\n      b\n\nc");
    editor.apply(Edit::Dedent);
    assert_eq!(editor.text(), "a\n  b\n\nc");
    editor.apply(Edit::Undo);
    editor.apply(Edit::Undo);
    assert_eq!(editor.text(), "a\n  b\n\nc");
    editor.apply(Edit::SelectAll);
    editor.apply(Edit::ToggleComment);
    assert_eq!(editor.text(), "# a\n#   b\n\n# c");
    editor.apply(Edit::SelectAll);
    editor.apply(Edit::ToggleComment);
    assert_eq!(editor.text(), "a\n  b\n\nc");
    editor.go_to_line(2);
    editor.apply(Edit::DeleteLine);
    assert_eq!(editor.text(), "a\n\nc");
    editor.go_to_line(3);
    editor.apply(Edit::DeleteLine);
    assert_eq!(editor.text(), "a\n");
    editor.apply(Edit::Undo);
    editor.apply(Edit::Undo);
    assert_eq!(editor.text(), "a\n  b\n\nc");
}

#[test]
fn tab_goes_to_the_next_level_and_backspace_one_back() {
    let mut editor = editor("");
    typed(&mut editor, "ab");
    editor.apply(Edit::Indent);
    assert_eq!(editor.text(), "ab  ");
    let mut editor = self::editor("      x");
    editor.apply(Edit::Move(Motion::LineStart));
    editor.apply(Edit::DeleteBefore);
    assert_eq!(editor.text(), "    x");
}

#[test]
fn up_and_down_keep_the_screen_column_over_wide_characters_and_tabs() {
    let mut editor = editor("漢漢漢x\nabcdefgh\n\tx");
    (0..3).for_each(|_| _ = editor.apply(Edit::Move(Motion::Right)));
    editor.apply(Edit::Move(Motion::Down));
    assert_eq!(editor.cursor(), (1, 6));
    editor.apply(Edit::Move(Motion::Down));
    assert_eq!(editor.cursor(), (2, 2), "short lines end earlier");
    editor.apply(Edit::Move(Motion::Up));
    assert_eq!(editor.cursor(), (1, 6), "but the aim is kept");
}

#[test]
fn selection_copies_and_cuts() {
    let mut editor = editor("one two\nthree");
    editor.apply(Edit::Select(Motion::WordRight));
    assert_eq!(editor.selected_text(), Some("one"));
    editor.apply(Edit::Select(Motion::Down));
    assert_eq!(editor.cut().as_deref(), Some("one two\nthr"));
    assert_eq!(editor.text(), "ee");
    editor.apply(Edit::Undo);
    assert_eq!(editor.text(), "one two\nthree");
    assert_eq!(editor.cut(), None);
    editor.apply(Edit::SelectAll);
    typed(&mut editor, "x");
    assert_eq!(editor.text(), "x");
    editor.apply(Edit::Undo);
    assert_eq!(editor.text(), "one two\nthree");
}

#[test]
fn colours_come_from_the_grammar() {
    let (buffer, _) = drawn(&editor("def f():\n    \"\"\"def\n    if\"\"\"\n    return not 'é'"), 40, 6);
    assert_eq!(cells_with(&buffer, Modifier::BOLD), "defreturnnot");
    assert_eq!(cells_with(&buffer, Modifier::ITALIC), "\"\"\"def    if\"\"\"'é'");
}

#[test]
fn colours_follow_edits_anywhere() {
    let mut editor = editor("x = 1\nif x:\n    pass\n");
    for command in [
        Edit::Type('é'),
        Edit::Type('"'),
        Edit::Move(Motion::End),
        Edit::Paste("def g(a, b='ß'):\n    return [a, (b)]\n".to_owned()),
        Edit::Move(Motion::Up),
        Edit::DeleteLine,
        Edit::Undo,
        Edit::SelectAll,
        Edit::Type('y'),
        Edit::Undo,
    ] {
        editor.apply(command);
        let fresh = CodeEditor::new(Language::Python, editor.text());
        assert_eq!(editor.tokens(0..editor.line_count()), fresh.tokens(0..fresh.line_count()), "{:?}", editor.text());
        assert_eq!(editor.problems(), fresh.problems(), "{:?}", editor.text());
    }
}

#[test]
fn problems_say_what_is_wrong_and_where() {
    for (code, row, message) in [
        ("x = (1,\ny = 2\n", 0, "`(` is never closed"),
        ("x = 1)\n", 0, "`)` closes nothing here"),
        ("f(]\n", 0, "`]` does not match `(`"),
        ("a = 1\nprint 'x'\n", 1, "Python 3 wants print(…)"),
        ("a = 1\nb = 'abc\n", 1, "this string is never closed"),
    ] {
        let editor = editor(code);
        let problem = editor.problem_to_show().unwrap_or_else(|| panic!("no problem in {code:?}"));
        assert_eq!((problem.row, problem.message.as_str()), (row, message), "{code:?}");
    }
    for code in ["def f(:\n    pass\n", "for x in\n    y\n", "x = = 1\n", "class\n"] {
        assert!(!editor(code).problems().is_empty(), "{code:?}");
    }
}

#[test]
fn good_python_has_no_problems() {
    for code in [
        "",
        "match x:\n    case {'a': [1, *_]} if y: ...\n    case _: pass\n",
        "async def f(*, a: int = 1) -> list[int]:\n    return [x async for x in y if (z := x)]\n",
        "try:\n    pass\nexcept* (A, B) as e:\n    raise X from e\n",
        "s = f\"{x!r:>{w}} {'('}\" + '(' # (\n",
        "type T[K] = dict[K, int]\nwith (open('a') as f, open('b') as g): pass\n",
        "print(1, end='')\nprint\n",
    ] {
        assert_eq!(editor(code).problems(), [], "{code:?}");
    }
}

#[test]
fn brackets_find_their_partner_outside_strings() {
    let mut editor = editor("f('(', [1])");
    let (buffer, _) = drawn(&editor, 40, 2);
    assert_eq!(cells_with(&buffer, Modifier::SLOW_BLINK), "");
    editor.apply(Edit::Move(Motion::Right));
    let (buffer, _) = drawn(&editor, 40, 2);
    assert_eq!(cells_with(&buffer, Modifier::SLOW_BLINK), "()");
    assert!(buffer[(4 + 10, 0)].modifier.contains(Modifier::SLOW_BLINK), "the last one, not the one in the string");
}

#[test]
fn finds_and_counts() {
    let mut editor = editor("Alpha beta\nalpha ALPHA\n");
    editor.look_for("alpha");
    assert_eq!((editor.find().count(), editor.cursor()), ((Some(1), 3), (0, 0)));
    editor.find_next(false);
    assert_eq!((editor.find().count(), editor.cursor()), ((Some(2), 3), (1, 0)));
    editor.find_next(true);
    editor.find_next(true);
    assert_eq!((editor.find().count(), editor.cursor()), ((Some(3), 3), (1, 6)));
    editor.look_for("ALPHA");
    assert_eq!(editor.find().count().1, 1, "capitals count once some are typed");
    let (buffer, _) = drawn(&editor, 40, 3);
    assert_eq!(cells_with(&buffer, Modifier::CROSSED_OUT), "ALPHA");
    editor.look_for("gamma");
    assert_eq!(editor.find().count(), (None, 0));
    editor.find_next(false);
}

#[test]
fn hidden_characters_are_visible_and_stay() {
    let text = "a\u{202e}b\u{200b}\tc\u{1b}d\u{a0}e";
    let editor = editor(text);
    let (buffer, _) = drawn(&editor, 50, 1);
    assert_eq!(text_of(&buffer).trim(), "! 1 a<U+202E>b<U+200B>→ c^[d<U+00A0>e");
    assert_eq!(editor.text(), text);
    assert_eq!(editor.hidden_character(), Some((0, '\u{202e}')));
}

#[test]
fn the_window_follows_the_cursor_both_ways() {
    let text = format!("0 {}\n", "漢".repeat(40)).repeat(200);
    let mut editor = editor(&text);
    editor.set_size(Size::new(20, 5));
    editor.apply(Edit::Move(Motion::PageDown));
    editor.apply(Edit::Move(Motion::PageDown));
    editor.apply(Edit::Move(Motion::LineEnd));
    let (buffer, cursor) = drawn(&editor, 20, 5);
    assert_eq!(editor.cursor().0, 8);
    assert_eq!(cursor, Some(Position::new(19, 4)));
    assert_eq!(buffer.area.height, 5);
    editor.go_to_line(100);
    assert!(text_of(&drawn(&editor, 20, 5).0).contains("100"));
    editor.go_to_line(9_999);
    assert_eq!(editor.cursor().0, 200);
    for (width, height) in [(0, 0), (1, 1), (3, 2), (5, 1)] {
        drawn(&editor, width, height);
    }
}

#[test]
fn a_failed_line_is_pointed_at() {
    let mut editor = editor("a = 1\n\n    b = a / 0\n");
    editor.show_failure(3);
    assert_eq!(editor.cursor(), (2, 4));
    assert!(text_of(&drawn(&editor, 30, 4).0).contains("► 3"));
    typed(&mut editor, "x");
    assert!(!text_of(&drawn(&editor, 30, 4).0).contains('►'), "gone with the first change");
}

#[test]
fn a_line_can_be_gone_to_before_the_window_is_known() {
    let mut editor = CodeEditor::new(Language::Python, "a\nb\nc\nd\n        deep\n");
    editor.show_failure(5);
    editor.set_size(Size::new(40, 10));
    assert_eq!(text_of(&drawn(&editor, 40, 10).0), "  1 a\n  2 b\n  3 c\n  4 d\n► 5         deep\n  6\n\n\n\n\n");
}

#[test]
fn the_mouse_puts_the_cursor() {
    let mut editor = editor("ab\n漢字x");
    editor.click(Rect::new(0, 0, 40, 10), Position::new(4 + 2, 1));
    assert_eq!(editor.cursor(), (1, 1));
    editor.click(Rect::new(0, 0, 40, 10), Position::new(30, 9));
    assert_eq!(editor.cursor(), (1, 3));
}

#[test]
fn replacing_everything_is_one_step() {
    let mut editor = editor("a\nb");
    editor.replace_all("x\r\ny\n");
    assert_eq!(editor.text(), "x\ny\n");
    editor.apply(Edit::Undo);
    assert_eq!(editor.text(), "a\nb");
    let revision = editor.revision();
    editor.replace_all("a\nb");
    assert_eq!(editor.revision(), revision);
}

#[test]
fn json_has_its_colours() {
    let mut editor = CodeEditor::new(Language::Json, "{\"d\": [12e3, true], \"s\": \"a:\\\"b\"}");
    editor.set_size(Size::new(60, 3));
    let kinds: Vec<_> = editor.tokens(0..1).into_iter().map(|(range, token)| (&editor.text()[range], token)).collect();
    assert_eq!(
        kinds,
        [
            ("\"d\"", Token::Key),
            ("12e3", Token::Number),
            ("true", Token::Constant),
            ("\"s\"", Token::Key),
            ("\"a:\\\"b\"", Token::String)
        ]
    );
    for odd in ["\"\\", "\"é", "{\"", "-", "tr\u{e9}"] {
        let _ = json_tokens(odd);
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn command() -> impl Strategy<Value = Edit> {
        let motion = || {
            proptest::sample::select(vec![
                Motion::Left,
                Motion::Right,
                Motion::Up,
                Motion::Down,
                Motion::WordLeft,
                Motion::WordRight,
                Motion::LineStart,
                Motion::LineEnd,
                Motion::PageUp,
                Motion::PageDown,
                Motion::Start,
                Motion::End,
            ])
        };
        prop_oneof![
            any::<char>().prop_map(Edit::Type),
            "[ -~\n\té漢]{0,30}".prop_map(Edit::Paste),
            motion().prop_map(Edit::Move),
            motion().prop_map(Edit::Select),
            proptest::sample::select(vec![
                Edit::Newline,
                Edit::Indent,
                Edit::Dedent,
                Edit::DeleteBefore,
                Edit::DeleteAfter,
                Edit::DeleteWord,
                Edit::DeleteLine,
                Edit::ToggleComment,
                Edit::SelectAll,
                Edit::Undo,
                Edit::Redo,
            ]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// Whatever is done, undoing all of it gives the first text back, and doing it again the last one.
        #[test]
        fn everything_can_be_undone(start in "[ -~\n\té漢(){}]{0,60}", commands in proptest::collection::vec(command(), 0..40)) {
            let mut editor = editor(&start);
            for command in commands {
                editor.apply(command);
                drawn(&editor, 30, 6);
            }
            while editor.apply(Edit::Redo) {}
            let end = editor.text().to_owned();
            while editor.apply(Edit::Undo) {}
            prop_assert_eq!(editor.text(), start.as_str());
            while editor.apply(Edit::Redo) {}
            prop_assert_eq!(editor.text(), end.as_str());
        }
    }
}
