//! Which command a key means in a context, and the file that changes it.

mod key;

#[cfg(test)]
mod tests;

pub use key::{Key, UnknownKey};

use super::{
    action::{Action, Command, Context, GLOBAL, SHARED},
    pane::{PaneId, PaneSpec},
};
use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
};

/// Which key means which command, in each context.
#[derive(Clone, Debug)]
pub struct Keymap {
    sections: Vec<Section>,
}

/// A context with its commands and their keys.
#[derive(Clone, Debug)]
pub struct Section {
    /// Which.
    pub context: Context,
    /// The pane whose own it is; `None` for what all panes share.
    pub pane: Option<PaneId>,
    /// Its commands, in the order in which they were declared.
    pub commands: Vec<BoundCommand>,
    bindings: HashMap<Key, Action>,
}

/// A command with its keys.
#[derive(Clone, Debug)]
pub struct BoundCommand {
    /// As it was declared.
    pub command: Command,
    /// Its keys, the one to show first.
    pub keys: Vec<Key>,
}

/// The keys of the tabs, in their order.
const DIGITS: [&[&str]; 9] = [&["1"], &["2"], &["3"], &["4"], &["5"], &["6"], &["7"], &["8"], &["9"]];

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

impl Section {
    fn new(context: Context, pane: Option<PaneId>, commands: Vec<Command>) -> Self {
        let commands: Vec<BoundCommand> = commands
            .into_iter()
            // The default keys are tested to be readable.
            .map(|command| BoundCommand {
                keys: command.keys.iter().filter_map(|key| key.parse().ok()).collect(),
                command,
            })
            .collect();
        let mut section = Self { context, pane, commands, bindings: HashMap::new() };
        section.bind();
        section
    }

    /// Looks the keys up by what the commands have.
    fn bind(&mut self) {
        let bound =
            |bound: &BoundCommand| bound.keys.iter().map(|key| (*key, bound.command.action)).collect::<Vec<_>>();
        self.bindings = self.commands.iter().flat_map(bound).collect();
    }
}

/// The global commands: those that bring a pane to the front stand before those that go from one to the next.
fn global(panes: &[&PaneSpec]) -> Vec<Command> {
    let mut commands = GLOBAL.commands.to_vec();
    let at = commands.iter().position(|command| command.action == Action::NextPane).unwrap_or(commands.len());
    let keys = DIGITS.into_iter().chain(std::iter::repeat(&[] as &[&str]));
    let go = panes.iter().zip(keys).map(|(pane, keys)| Command::new(Action::Go(pane.id), pane.id.0, keys, pane.doc));
    commands.splice(at..at, go);
    commands
}

impl Keymap {
    /// The default keys of these panes, whose tabs have this order, and of what they share.
    pub fn new(panes: &[&PaneSpec]) -> Self {
        let of_pane = |pane: &&PaneSpec| {
            let id = pane.id;
            pane.contexts.iter().map(move |context| Section::new(*context, Some(id), context.commands.to_vec()))
        };
        let shared = |context: Context| {
            let commands = if context == GLOBAL { global(panes) } else { context.commands.to_vec() };
            Section::new(context, None, commands)
        };
        Self { sections: panes.iter().flat_map(of_pane).chain(SHARED.map(shared)).collect() }
    }

    /// The default keys, changed as the file says where there is one.
    ///
    /// ```toml
    /// [calculations]
    /// run = "ctrl-r"        # one key, or several: ["ctrl-r", "f5"], or none: []
    /// ```
    pub fn load(path: &Path, panes: &[&PaneSpec]) -> Result<Self, KeymapError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::new(panes).changed(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::new(panes)),
            Err(source) => Err(KeymapError::Read { path: path.to_owned(), source }),
        }
    }

    /// The keys, changed as the text of a `keymap.toml` says.
    fn changed(mut self, path: &Path, text: &str) -> Result<Self, KeymapError> {
        let wrong = |span: Option<Range<usize>>, problem: String| {
            let line = span.map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            KeymapError::Wrong { path: path.to_owned(), line, problem }
        };
        let document =
            toml_edit::Document::parse(text).map_err(|error| wrong(error.span(), error.message().to_owned()))?;
        let mut bound: HashMap<(&'static str, Key), &'static str> = HashMap::new();
        for (table, item) in document.as_table() {
            let span = document.as_table().key(table).and_then(toml_edit::Key::span);
            let Some(section) = self.sections.iter_mut().find(|section| section.context.name == table) else {
                let near = nearest(table, self.sections.iter().map(|section| section.context.name));
                return Err(wrong(span, format!("there is no part {table:?} of the screen{near}")));
            };
            let entries =
                item.as_table_like().ok_or_else(|| wrong(span, format!("{table} must be a table of commands")))?;
            for (name, value) in entries.iter() {
                let span = entries.key(name).and_then(toml_edit::Key::span);
                let Some(command) = section.commands.iter_mut().find(|bound| bound.command.name == name) else {
                    let near = nearest(name, section.commands.iter().map(|bound| bound.command.name));
                    return Err(wrong(span, format!("{table} has no command {name:?}{near}")));
                };
                let texts: Vec<(&str, Option<Range<usize>>)> = match value.as_value() {
                    Some(toml_edit::Value::String(key)) => vec![(key.value(), value.span())],
                    Some(toml_edit::Value::Array(keys)) => keys
                        .iter()
                        .map(|key| key.as_str().map(|text| (text, key.span())))
                        .collect::<Option<_>>()
                        .ok_or_else(|| wrong(value.span(), format!("{name}: keys are texts")))?,
                    _ => return Err(wrong(span, format!("{name} must be a key, or a list of keys"))),
                };
                command.keys.clear();
                for (text, span) in texts {
                    let key: Key = text.parse().map_err(|error: UnknownKey| wrong(span.clone(), error.to_string()))?;
                    let before = bound.insert((section.context.name, key), command.command.name);
                    if let Some(other) = before.filter(|other| *other != name) {
                        return Err(wrong(span, format!("{key} is {other} already in {table}")));
                    }
                    command.keys.push(key);
                }
            }
            section.bind();
        }
        // A new key may be another command's default.
        for section in &self.sections {
            let table = section.context.name;
            for (name, key) in section.commands.iter().flat_map(|of| of.keys.iter().map(|key| (of.command.name, key))) {
                if let Some(taken) = bound.get(&(table, *key)).filter(|taken| **taken != name) {
                    let line = line_of(text, table, taken);
                    let problem = format!("{key} is {name} already in {table}; give that another key, too");
                    return Err(KeymapError::Wrong { path: path.to_owned(), line, problem });
                }
            }
        }
        Ok(self)
    }

    /// Every context, in the order of the help page: those of the panes, then what they share.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The command of `key` in the nearest of `contexts`; the global ones are asked last.
    pub fn action(&self, contexts: &[Context], key: Key) -> Option<Action> {
        self.action_in(contexts, key).or_else(|| self.action_in(&[GLOBAL], key))
    }

    /// The command of `key` in the nearest of `contexts` alone.
    pub fn action_in(&self, contexts: &[Context], key: Key) -> Option<Action> {
        contexts.iter().find_map(|context| self.section(*context)?.bindings.get(&key).copied())
    }

    /// The commands of a context, in the order of their importance, with their keys.
    pub fn commands(&self, context: Context) -> &[BoundCommand] {
        self.section(context).map_or(&[], |section| &section.commands)
    }

    /// A command of a context, with its keys.
    pub fn command(&self, context: Context, action: Action) -> Option<&BoundCommand> {
        self.commands(context).iter().find(|bound| bound.command.action == action)
    }

    fn section(&self, context: Context) -> Option<&Section> {
        self.sections.iter().find(|section| section.context == context)
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
