//! Keys as texts and events, rebinding, and what is refused.

use super::*;
use crate::tui::{
    action::MOVE,
    panes::{PANES, calculations, editor, tools},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::HashSet;

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn parse(text: &str) -> Result<Keymap, KeymapError> {
    Keymap::new(PANES).changed(Path::new("keymap.toml"), text)
}

/// Every command and the name of its context.
fn commands() -> impl Iterator<Item = (&'static str, Command)> {
    let sections = Keymap::new(PANES).sections;
    sections.into_iter().flat_map(|Section { context, commands, .. }| {
        commands.into_iter().map(move |bound| (context.name, bound.command))
    })
}

#[test]
fn keys_are_rebound_in_their_context_alone() {
    let map =
        parse("[calculations]\nrun = \"ctrl-r\" # comment\nreload = []\n[tools]\nuse = [\"enter\", \"u\"]\n").unwrap();
    let (calculations, tools) = (calculations::PANE.contexts[0], tools::PANE.contexts[0]);
    let key = |text: &str| text.parse().unwrap();
    assert_eq!(map.action(&[calculations], key("ctrl-r")), Some(Action::Own("run")));
    assert_eq!(map.action(&[calculations], key("r")), None);
    assert_eq!(map.action(&[tools], key("u")), Some(Action::Open));
    assert_eq!(map.command(calculations, Action::Reload).unwrap().keys, []);
    assert_eq!(map.action(&[calculations], key("n")), Some(Action::New), "others keep theirs");
}

#[test]
fn what_is_wrong_is_refused_with_file_and_line() {
    for (text, words) in [
        (
            "[calculations]\nrun = \"n\"",
            "keymap.toml, line 2: n is new already in calculations; give that another key, too",
        ),
        ("[calculations]\nrun = \"F\"\n\nnew = \"F\"", "keymap.toml, line 4: F is run already in calculations"),
        (
            "[calculation]\nrun = \"a\"",
            "keymap.toml, line 1: there is no part \"calculation\" of the screen; did you mean \"calculations\"?",
        ),
        ("[tools]\n\nuze = \"a\"", "keymap.toml, line 3: tools has no command \"uze\"; did you mean \"use\"?"),
        ("[tools]\nuse = \"entre\"", "keymap.toml, line 2: \"entre\" is no key"),
        ("[tools]\nuse = 5", "keymap.toml, line 2: use must be a key, or a list of keys"),
        ("tools = 1", "keymap.toml, line 1: tools must be a table of commands"),
        ("[tools\n", "keymap.toml, line 1:"),
    ] {
        let said = refusal(text);
        assert!(said.starts_with(words), "{said:?}\nis not\n{words:?}");
    }
}

#[test]
fn a_swap_is_no_clash_and_no_file_is_the_default() {
    let text = "[calculations]\nrun = \"n\"\nnew = \"r\"";
    assert!(parse(text).is_ok());
    assert!(Keymap::load(Path::new("/nonexistent/keymap.toml"), PANES).is_ok());
    assert!(Keymap::load(Path::new("/"), PANES).unwrap_err().to_string().starts_with("/: "));
}

#[test]
fn every_default_key_can_be_read_and_none_clashes() {
    let mut seen = HashMap::new();
    for (context, command) in commands() {
        for text in command.keys {
            let key: Key = text.parse().unwrap();
            let before = seen.insert((context, key), command.name);
            assert_eq!(before, None, "{text} is {} too", command.name);
        }
    }
}

#[test]
fn no_default_key_is_a_prefix_of_tmux_or_screen() {
    for (_, command) in commands() {
        assert!(!command.keys.iter().any(|key| ["ctrl-b", "ctrl-a"].contains(key)), "{}", command.name);
    }
}

#[test]
fn events_and_texts_agree() {
    for (text, event) in [
        ("G", KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)),
        ("ctrl-s", KeyEvent::new(KeyCode::Char('S'), KeyModifiers::CONTROL)),
        ("shift-tab", KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)),
        ("f5", KeyEvent::new(KeyCode::F(5), KeyModifiers::NONE)),
        ("f", KeyEvent::new(KeyCode::Char('f'), KeyModifiers::NONE)),
        ("minus", KeyEvent::new(KeyCode::Char('-'), KeyModifiers::NONE)),
    ] {
        assert_eq!(text.parse(), Ok(Key::from_event(event).unwrap()), "{text}");
    }
    for bad in ["", "ctrl-", "shift-g", "f13", "hyper-x", "ctrl-ctrl-x", "entre"] {
        assert_eq!(bad.parse::<Key>(), Err(UnknownKey(bad.to_owned())));
    }
}

#[test]
fn the_nearest_context_wins() {
    let map = Keymap::new(PANES);
    let tab = "tab".parse().unwrap();
    assert_eq!(map.action(&[editor::PANE.contexts[0]], tab), Some(Action::Own("indent")));
    assert_eq!(map.action(&[tools::PANE.contexts[0], MOVE], tab), Some(Action::NextPane));
}

#[test]
fn names_and_actions_are_unique_in_their_context() {
    let (mut names, mut actions) = (HashSet::new(), HashSet::new());
    for (context, command) in commands() {
        assert!(names.insert((context, command.name)), "two commands {}", command.name);
        assert!(actions.insert((context, command.action)), "two entries for {:?}", command.action);
        assert!(!command.doc.is_empty() && !command.doc.ends_with('.'), "{}", command.name);
    }
}
