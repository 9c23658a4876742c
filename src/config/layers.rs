//! Reads one source of settings each: a TOML file (with its profiles), the environment, the `--set` flags.
//!
//! The config crate merges the layers but forgets lines and takes any key, so every value is checked here,
//! where its place is still known.

use super::{
    ConfigError, Environment, Flags,
    keys::{ANY_IS_TRUE, OTHER_VARIABLES, SETTINGS, Scalar, Setting, nearest},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use toml_edit::{Document, Item, Key, TableLike};

/// A value and where it stood.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) setting: &'static Setting,
    pub(super) value: Scalar,
    /// In words: file and line, variable, flag.
    pub(super) origin: String,
    /// What a relative path starts from; `None` for the current folder.
    pub(super) folder: Option<PathBuf>,
}

/// The settings of one file.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) entries: Vec<Entry>,
    pub(super) profiles: BTreeMap<String, Vec<Entry>>,
}

/// Reads a file of settings. `path` names it in messages and starts its relative paths.
pub(super) fn read_file(path: &Path, text: &str) -> Result<File, ConfigError> {
    let document = Document::parse(text.to_owned()).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line(text, error.span().map(|span| span.start)),
        problem: error.message().replace('\n', "; "),
    })?;
    let reader = FileReader { path, text };
    let mut file = File::default();
    for (key, item) in keys(document.as_table()) {
        if key.get() != "profiles" {
            reader.section(key, item, "", None, &mut file.entries)?;
            continue;
        }
        let profiles = item.as_table_like().ok_or_else(|| reader.no_table(key, "profiles"))?;
        for (name, item) in keys(profiles) {
            let shown = format!("profiles.{}", name.get());
            let sections = item.as_table_like().ok_or_else(|| reader.no_table(name, &shown))?;
            let entries = file.profiles.entry(name.get().to_owned()).or_default();
            for (key, item) in keys(sections) {
                reader.section(key, item, &format!("{shown}."), Some(name.get()), entries)?;
            }
        }
    }
    Ok(file)
}

fn keys(table: &dyn TableLike) -> Vec<(&Key, &Item)> {
    // `iter` gives names only; the key itself knows its place.
    table.iter().filter_map(|(name, _)| table.get_key_value(name)).collect()
}

/// The line of a byte offset, from 1.
fn line(text: &str, offset: Option<usize>) -> usize {
    let end = offset.unwrap_or_default().min(text.len());
    text.as_bytes()[..end].split(|byte| *byte == b'\n').count()
}

struct FileReader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl FileReader<'_> {
    fn place(&self, key: &Key) -> String {
        let line = line(self.text, key.span().map(|span| span.start));
        format!("{}, line {line}", self.path.display())
    }

    fn section(
        &self,
        section: &Key,
        item: &Item,
        prefix: &str,
        profile: Option<&str>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), ConfigError> {
        let known = SETTINGS.iter().any(|setting| setting.key.split('.').next() == Some(section.get()));
        if !known {
            return Err(self.unknown(section, section.get(), prefix, &section_names()));
        }
        let table = item.as_table_like().ok_or_else(|| self.no_table(section, section.get()))?;
        for (key, item) in keys(table) {
            let name = format!("{}.{}", section.get(), key.get());
            let Some(setting) = Setting::find(&name) else {
                let keys: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
                return Err(self.unknown(key, &name, prefix, &keys));
            };
            let refused =
                |problem| ConfigError::BadValue { place: self.place(key), key: format!("{prefix}{name}"), problem };
            let value = scalar(item).map_err(refused)?;
            let value = setting.check(value).map_err(refused)?;
            let of_profile = profile.map(|name| format!(" (profile {name})")).unwrap_or_default();
            entries.push(Entry {
                setting,
                value,
                origin: format!("{}{of_profile}", self.place(key)),
                folder: self.path.parent().map(Path::to_owned),
            });
        }
        Ok(())
    }

    fn unknown(&self, at: &Key, name: &str, prefix: &str, candidates: &[&'static str]) -> ConfigError {
        ConfigError::UnknownKey {
            place: self.place(at),
            key: format!("{prefix}{name}"),
            nearest: nearest(name, candidates.iter().copied()).map(|name| format!("{prefix}{name}")),
        }
    }

    fn no_table(&self, at: &Key, name: &str) -> ConfigError {
        ConfigError::BadValue {
            place: self.place(at),
            key: name.to_owned(),
            problem: format!("must be a section: write [{name}] on a line of its own, its keys below"),
        }
    }
}

fn section_names() -> Vec<&'static str> {
    let mut names: Vec<_> = SETTINGS.iter().filter_map(|setting| setting.key.split('.').next()).collect();
    names.dedup();
    names.push("profiles");
    names
}

fn scalar(item: &Item) -> Result<Scalar, String> {
    use toml_edit::Value;
    match item.as_value() {
        Some(Value::String(text)) => Ok(Scalar::Text(text.value().clone())),
        Some(Value::Integer(number)) => Ok(Scalar::Integer(*number.value())),
        Some(Value::Float(number)) => Ok(Scalar::Number(*number.value())),
        Some(Value::Boolean(on)) => Ok(Scalar::Switch(*on.value())),
        _ => Err(format!("must be one value, got {}", item.type_name())),
    }
}

/// The settings of the environment, and a warning for each variable with mecapy's prefix that means nothing.
///
/// An empty variable counts as unset.
pub(super) fn read_environment(environment: &Environment) -> Result<(Vec<Entry>, Vec<String>), ConfigError> {
    let mut entries = Vec::new();
    for setting in SETTINGS {
        let own = setting.variable();
        // The platform's variable comes first, so that mecapy's own one wins over it.
        for name in setting.platform.into_iter().chain([own.as_str()]) {
            let Some(text) = environment.variable(name)? else { continue };
            let text = if name == ANY_IS_TRUE { "true" } else { text };
            let value = setting.read(text).map_err(|problem| ConfigError::BadValue {
                place: format!("environment variable {name}"),
                key: setting.key.to_owned(),
                problem,
            })?;
            entries.push(Entry { setting, value, origin: format!("environment variable {name}"), folder: None });
        }
    }
    let known: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
    let known = || known.iter().map(String::as_str).chain(OTHER_VARIABLES.iter().copied());
    let warnings = environment
        .variables
        .keys()
        .filter_map(|name| name.to_str())
        .filter(|name| name.starts_with("MECAPY_") && !known().any(|other| other == *name))
        .map(|name| {
            let hint = nearest(name, known()).map(|other| format!("; did you mean {other}?")).unwrap_or_default();
            format!("the environment variable {name} means nothing to mecapy{hint}")
        })
        .collect();
    Ok((entries, warnings))
}

/// The settings of the flags, weakest first: `--set section.key=value` in their order, then `--color`.
pub(super) fn read_flags(flags: &Flags) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = Vec::new();
    for given in &flags.set {
        let (key, text) = given.split_once('=').ok_or_else(|| ConfigError::BadFlag { given: given.clone() })?;
        let key = key.trim();
        let setting = Setting::find(key).ok_or_else(|| ConfigError::UnknownKey {
            place: "--set".to_owned(),
            key: key.to_owned(),
            nearest: nearest(key, SETTINGS.iter().map(|setting| setting.key)).map(str::to_owned),
        })?;
        entries.push(read_flag(setting, text, "--set")?);
    }
    if let (Some(text), Some(setting)) = (&flags.color, Setting::find("screen.color")) {
        entries.push(read_flag(setting, text, "--color")?);
    }
    Ok(entries)
}

fn read_flag(setting: &'static Setting, text: &str, flag: &str) -> Result<Entry, ConfigError> {
    let refused = |problem| ConfigError::BadValue { place: flag.to_owned(), key: setting.key.to_owned(), problem };
    let value = setting.read(text).map_err(refused)?;
    Ok(Entry { setting, value, origin: format!("flag {flag}"), folder: None })
}
