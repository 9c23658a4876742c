//! Which command a key means in a context, and the file that changes it.

mod key;

#[cfg(test)]
mod tests;

pub use key::{Key, UnknownKey};

use super::action::{self, Action, COMMANDS, Command, Context};
use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
};

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
