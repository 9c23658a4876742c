//! Keys: how they are written, and which command a key means in a context.

use super::action::{self, Action, COMMANDS, Command, Context};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
};

/// A key as the keymap knows it: Shift is part of the character where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Ctrl, Alt, and Shift for keys that are no characters.
    pub modifiers: KeyModifiers,
}

impl Key {
    /// A plain key.
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, modifiers: KeyModifiers::NONE }
    }

    /// The key of a terminal event; `None` for releases.
    pub fn from_event(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let known = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        let mut modifiers = event.modifiers & known;
        let code = match event.code {
            KeyCode::Char(c) => {
                let shifted = modifiers.contains(KeyModifiers::SHIFT);
                modifiers.remove(KeyModifiers::SHIFT);
                // Terminals disagree on the case of a letter with Ctrl; without Shift it is the small one.
                if modifiers.contains(KeyModifiers::CONTROL) && !shifted {
                    KeyCode::Char(c.to_ascii_lowercase())
                } else {
                    KeyCode::Char(c)
                }
            }
            KeyCode::BackTab => {
                modifiers.insert(KeyModifiers::SHIFT);
                KeyCode::Tab
            }
            code => code,
        };
        Some(Self { code, modifiers })
    }

    /// The same key as the terminal reported it, for widgets that read terminal events.
    pub fn to_event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }

    /// The character it types, if it types one.
    pub fn character(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }
}

/// A key that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no key: write one like a, G, /, space, enter, esc, tab, up, pageup, f5, ctrl-s, alt-x, shift-tab")]
pub struct UnknownKey(pub String);

const NAMED: [(&str, KeyCode); 17] = [
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("minus", KeyCode::Char('-')),
    ("plus", KeyCode::Char('+')),
];

impl std::str::FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownKey(text.to_owned());
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        loop {
            let (flag, after) = if let Some(after) = rest.strip_prefix("ctrl-") {
                (KeyModifiers::CONTROL, after)
            } else if let Some(after) = rest.strip_prefix("alt-") {
                (KeyModifiers::ALT, after)
            } else if let Some(after) = rest.strip_prefix("shift-") {
                (KeyModifiers::SHIFT, after)
            } else {
                break;
            };
            if after.is_empty() || modifiers.contains(flag) {
                return Err(unknown());
            }
            modifiers |= flag;
            rest = after;
        }
        let named = NAMED.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code);
        let function =
            rest.strip_prefix('f').and_then(|n| n.parse().ok()).filter(|n| (1..=12).contains(n)).map(KeyCode::F);
        let mut characters = rest.chars();
        let single = match (characters.next(), characters.next()) {
            (Some(c), None) if !c.is_control() => Some(KeyCode::Char(c)),
            _ => None,
        };
        let code = named.or(function).or(single).ok_or_else(unknown)?;
        if matches!(code, KeyCode::Char(_)) && modifiers.contains(KeyModifiers::SHIFT) {
            return Err(unknown()); // `G`, not `shift-g`
        }
        Ok(Self { code, modifiers })
    }
}

impl std::fmt::Display for Key {
    /// As people read it: `Ctrl-S`, `Shift-Tab`, `F5`, `PgUp`, `↑`, `G`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (flag, name) in
            [(KeyModifiers::CONTROL, "Ctrl-"), (KeyModifiers::ALT, "Alt-"), (KeyModifiers::SHIFT, "Shift-")]
        {
            if self.modifiers.contains(flag) {
                f.write_str(name)?;
            }
        }
        let named = match self.code {
            KeyCode::Char(' ') => "Space",
            KeyCode::Enter => "Enter",
            KeyCode::Esc => "Esc",
            KeyCode::Tab => "Tab",
            KeyCode::Backspace => "Backspace",
            KeyCode::Delete => "Del",
            KeyCode::Insert => "Ins",
            KeyCode::Up => "↑",
            KeyCode::Down => "↓",
            KeyCode::Left => "←",
            KeyCode::Right => "→",
            KeyCode::Home => "Home",
            KeyCode::End => "End",
            KeyCode::PageUp => "PgUp",
            KeyCode::PageDown => "PgDn",
            KeyCode::F(n) => return write!(f, "F{n}"),
            KeyCode::Char(c) if self.modifiers.is_empty() => return write!(f, "{c}"),
            KeyCode::Char(c) => return write!(f, "{}", c.to_ascii_uppercase()),
            _ => "?",
        };
        f.write_str(named)
    }
}

/// Which key means which command, in each context.
#[derive(Clone, Debug)]
pub struct Keymap {
    bindings: HashMap<(Context, Key), Action>,
    shown: HashMap<(Context, Action), Vec<Key>>,
}

impl Default for Keymap {
    /// The keys of [`COMMANDS`].
    fn default() -> Self {
        let mut map = Self { bindings: HashMap::new(), shown: HashMap::new() };
        for command in COMMANDS {
            // The table's own keys are tested to be readable.
            let keys = command.keys.iter().filter_map(|key| key.parse().ok()).collect();
            map.set(command, keys);
        }
        map
    }
}

/// Why the user's keys are refused; the file is left alone and no key is half changed.
#[derive(Debug, thiserror::Error)]
pub enum KeymapError {
    /// It is there and cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{path}, line {line}: {problem}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl Keymap {
    /// The default keys, changed as the file says where there is one.
    ///
    /// ```toml
    /// [calculations]
    /// run = "ctrl-r"        # one key, or several: ["ctrl-r", "f5"], or none: []
    /// ```
    pub fn load(path: &Path) -> Result<Self, KeymapError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(KeymapError::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads a `keymap.toml`.
    fn parse(path: &Path, text: &str) -> Result<Self, KeymapError> {
        let wrong = |span: Option<Range<usize>>, problem: String| {
            let line = span.map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            KeymapError::Wrong { path: path.to_owned(), line, problem }
        };
        let document =
            toml_edit::Document::parse(text).map_err(|error| wrong(error.span(), error.message().to_owned()))?;
        let mut map = Self::default();
        let mut bound: HashMap<(Context, Key), &'static str> = HashMap::new();
        for (table, item) in document.as_table() {
            let span = document.as_table().key(table).and_then(toml_edit::Key::span);
            let context = Context::ALL.into_iter().find(|context| context.name() == table).ok_or_else(|| {
                wrong(
                    span.clone(),
                    format!(
                        "there is no part {table:?} of the screen{}",
                        nearest(table, Context::ALL.iter().map(|context| context.name()))
                    ),
                )
            })?;
            let entries =
                item.as_table_like().ok_or_else(|| wrong(span, format!("{table} must be a table of commands")))?;
            for (name, value) in entries.iter() {
                let span = entries.key(name).and_then(toml_edit::Key::span);
                let command = action::of(context).find(|command| command.name == name).ok_or_else(|| {
                    let names = action::of(context).map(|command| command.name);
                    wrong(span.clone(), format!("{table} has no command {name:?}{}", nearest(name, names)))
                })?;
                let texts: Vec<(&str, Option<Range<usize>>)> = match value.as_value() {
                    Some(toml_edit::Value::String(key)) => vec![(key.value(), value.span())],
                    Some(toml_edit::Value::Array(keys)) => keys
                        .iter()
                        .map(|key| key.as_str().map(|text| (text, key.span())))
                        .collect::<Option<_>>()
                        .ok_or_else(|| wrong(value.span(), format!("{name}: keys are texts")))?,
                    _ => return Err(wrong(span, format!("{name} must be a key, or a list of keys"))),
                };
                let mut keys = Vec::new();
                for (text, span) in texts {
                    let key: Key = text.parse().map_err(|error: UnknownKey| wrong(span.clone(), error.to_string()))?;
                    if let Some(other) = bound.insert((context, key), command.name).filter(|other| *other != name) {
                        return Err(wrong(span, format!("{key} is {other} already in {table}")));
                    }
                    keys.push(key);
                }
                map.set(command, keys);
            }
        }
        // A new key may be another command's default.
        for command in COMMANDS {
            for key in map.keys(command.context, command.action) {
                if let Some(taken) = bound.get(&(command.context, *key)).filter(|taken| **taken != command.name) {
                    let table = command.context.name();
                    let line = line_of(text, table, taken);
                    let problem = format!("{key} is {} already in {table}; give that another key, too", command.name);
                    return Err(KeymapError::Wrong { path: path.to_owned(), line, problem });
                }
            }
        }
        Ok(map)
    }

    fn set(&mut self, command: &Command, keys: Vec<Key>) {
        self.bindings.retain(|(context, _), action| (*context, *action) != (command.context, command.action));
        for key in &keys {
            self.bindings.insert((command.context, *key), command.action);
        }
        self.shown.insert((command.context, command.action), keys);
    }

    /// The command of `key` in the nearest of `contexts`; the global ones are asked last.
    pub fn action(&self, contexts: &[Context], key: Key) -> Option<Action> {
        self.action_in(contexts, key).or_else(|| self.action_in(&[Context::Global], key))
    }

    /// The command of `key` in the nearest of `contexts` alone.
    pub fn action_in(&self, contexts: &[Context], key: Key) -> Option<Action> {
        contexts.iter().find_map(|context| self.bindings.get(&(*context, key)).copied())
    }

    /// The keys of a command, the one to show first.
    pub fn keys(&self, context: Context, action: Action) -> &[Key] {
        self.shown.get(&(context, action)).map_or(&[], Vec::as_slice)
    }
}

/// The line on which `name` is set in `[table]`; it is there.
fn line_of(text: &str, table: &str, name: &str) -> usize {
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line.trim_matches(['[', ']', ' ']) == table;
        } else if inside && line.split('=').next().is_some_and(|key| key.trim().trim_matches('"') == name) {
            return at + 1;
        }
    }
    1
}

/// `; did you mean …?` where a name is near.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .map(|(_, name)| format!("; did you mean {name:?}?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
