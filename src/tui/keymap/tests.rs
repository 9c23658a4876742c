//! Keys as texts and events, rebinding, and what is refused.

use super::*;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn refusal(text: &str) -> String {
    Keymap::parse(Path::new("keymap.toml"), text).unwrap_err().to_string()
}

#[test]
fn keys_are_rebound_in_their_context_alone() {
    let map = Keymap::parse(
        Path::new("keymap.toml"),
        "[calculations]\nrun = \"ctrl-r\" # comment\nreload = []\n[tools]\nuse = [\"enter\", \"u\"]\n",
    )
    .unwrap();
    let key = |text: &str| text.parse().unwrap();
    assert_eq!(map.action(&[Context::Calculations], key("ctrl-r")), Some(Action::Run));
    assert_eq!(map.action(&[Context::Calculations], key("r")), None);
    assert_eq!(map.action(&[Context::Tools], key("u")), Some(Action::Open));
    assert_eq!(map.keys(Context::Calculations, Action::Reload), []);
    assert_eq!(map.action(&[Context::Calculations], key("n")), Some(Action::New), "others keep theirs");
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
    assert!(Keymap::parse(Path::new("keymap.toml"), text).is_ok());
    assert!(Keymap::load(Path::new("/nonexistent/keymap.toml")).is_ok());
    assert!(Keymap::load(Path::new("/")).unwrap_err().to_string().starts_with("/: "));
}

#[test]
fn every_default_key_can_be_read_and_none_clashes() {
    let mut seen = HashMap::new();
    for command in COMMANDS {
        for text in command.keys {
            let key: Key = text.parse().unwrap();
            let before = seen.insert((command.context, key), command.name);
            assert_eq!(before, None, "{text} is {} too", command.name);
        }
    }
}

#[test]
fn no_default_key_is_a_prefix_of_tmux_or_screen() {
    for command in COMMANDS {
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
    let map = Keymap::default();
    let tab = "tab".parse().unwrap();
    assert_eq!(map.action(&[Context::Editor], tab), Some(Action::Indent));
    assert_eq!(map.action(&[Context::Tools, Context::Move], tab), Some(Action::NextPane));
}
