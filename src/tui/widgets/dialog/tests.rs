//! Every kind of dialog: keys in, answer out, and how it looks on small screens.

use super::*;
use crate::tui::{
    keymap::Keymap,
    pane::Look,
    testing::{now, text_of},
    theme::Theme,
};
use ratatui::{Terminal, backend::TestBackend};

/// Keys as the app gives them to the top dialog; the last step.
fn press(open: &mut Open, keys: &str) -> Step {
    let keymap = Keymap::new(&[]);
    let mut step = Step::Stay;
    for text in keys.split_whitespace() {
        assert_eq!(step, Step::Stay, "closed before {text}");
        let key: crate::tui::keymap::Key = text.parse().unwrap();
        let plain = open.typing() && key.character().is_some();
        let action = (!plain).then(|| keymap.action_in(open.contexts(), key)).flatten();
        step = match action {
            Some(action) => open.action(action),
            None => open.key(key),
        };
    }
    step
}

fn screen(open: &Open, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let theme = Theme::plain();
    let look = Look { theme: &theme, now: now(), spin: 0 };
    terminal.draw(|frame| open.view(frame, frame.area(), &look)).unwrap();
    text_of(terminal.backend().buffer())
}

fn confirm(danger: bool) -> Open {
    Open::new(Dialog::Confirm {
        title: "Delete \"Beam\u{202e}\"?".to_owned(),
        lines: vec!["Its result, log and 3 output files go with it. This cannot be undone.".to_owned()],
        verb: "delete it".to_owned(),
        danger,
    })
}

#[test]
fn what_destroys_needs_y_and_not_enter() {
    assert_eq!(press(&mut confirm(true), "enter"), Step::Stay);
    assert_eq!(press(&mut confirm(true), "enter y"), Step::Done(Answer::Yes));
    assert_eq!(press(&mut confirm(false), "enter"), Step::Done(Answer::Yes));
    assert_eq!(press(&mut confirm(true), "n"), Step::Close);
    assert_eq!(press(&mut confirm(true), "esc"), Step::Close);
    insta::assert_snapshot!(screen(&confirm(true), 60, 10));
}

#[test]
fn a_prompt_says_what_is_wrong_and_when_it_is_right_again() {
    let mut open = Open::new(Dialog::Prompt {
        title: "Go to line".to_owned(),
        label: "Line".to_owned(),
        text: String::new(),
        check: Check::Integer(1, 120),
    });
    assert_eq!(press(&mut open, "1 2 1 enter"), Step::Stay);
    assert!(screen(&open, 60, 10).contains("a whole number from 1 to 120"));
    press(&mut open, "backspace");
    assert!(!screen(&open, 60, 10).contains("a whole number"));
    assert_eq!(press(&mut open, "q enter"), Step::Stay, "q is text here");
    open.paste("\n7");
    assert_eq!(press(&mut open, "ctrl-u 7 enter"), Step::Done(Answer::Text("7".to_owned())));
}

#[test]
fn choices() {
    let item = |label: &str, chosen| Choice { label: label.to_owned(), note: String::new(), chosen };
    let choose = |many| {
        Open::new(Dialog::Choose {
            title: "States".to_owned(),
            items: vec![item("pending", true), item("failed", false), item("completed", false)],
            many,
            at: 0,
        })
    };
    assert_eq!(press(&mut choose(false), "down enter"), Step::Done(Answer::Chosen(1)));
    assert_eq!(press(&mut choose(true), "space G space enter"), Step::Done(Answer::ChosenMany(vec![2])));
    let mut low = choose(true);
    press(&mut low, "G");
    assert!(screen(&low, 30, 4).contains("completed"), "the selected item is seen on a low screen");
    insta::assert_snapshot!(screen(&choose(true), 60, 10));
}

#[test]
fn no_size_is_too_small() {
    for (width, height) in [(1, 1), (2, 2), (5, 3), (20, 5), (200, 60)] {
        screen(&confirm(true), width, height);
    }
    assert_eq!(press(&mut confirm(true), "q"), Step::Close);
}

#[test]
fn the_keys_that_answer_are_seen_on_a_low_screen() {
    let names: Vec<String> = (0..12).map(|n| format!("calculation {n}")).collect();
    let open = Open::new(Dialog::Confirm {
        title: "Delete 12 calculations?".to_owned(),
        lines: names,
        verb: "delete all 12".to_owned(),
        danger: true,
    });
    let mut terminal = Terminal::new(TestBackend::new(40, 10)).unwrap();
    let look = Look { theme: &Theme::plain(), now: now(), spin: 0 };
    terminal.draw(|frame| open.view(frame, frame.area(), &look)).unwrap();
    let screen = text_of(terminal.backend().buffer());
    assert!(screen.contains("calculation 0") && screen.contains("y delete all 12"), "{screen}");
}
