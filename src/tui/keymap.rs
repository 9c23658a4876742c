//! Keys: how they are written, and which command a key means in a context.

use super::action::{Action, COMMANDS, Command, Context};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::collections::HashMap;

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

impl Keymap {
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

#[cfg(test)]
mod tests {
    use super::*;

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
