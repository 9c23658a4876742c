//! Settings: one plain [`Config`], put together from layers, each value with its origin.
//!
//! Strongest first: flags, the environment, the chosen profile, the user's file, the system's file, and
//! `config/default.toml`, which documents every key. Unknown keys and values of the wrong kind are refused with
//! their place; nothing is guessed.

mod error;
mod keys;
mod layers;
mod model;
mod paths;
mod read;
mod secret;

pub use error::ConfigError;
pub use keys::{Kind, SETTINGS, Setting, nearest};
pub use model::{Color, Config, Database, Docker, Engine, LimitSettings, Log, Runs, Sandbox, Screen, Storage, Theme};
pub use paths::Paths;
pub use secret::SecretUrl;

use keys::Scalar;
use layers::Entry;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The defaults, embedded, and the documentation of every key.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// What the command line says about settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--config`: this file instead of the user's.
    pub config: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--set section.key=value`, in order.
    pub set: Vec<String>,
    /// `--color`, the value of `screen.color`.
    pub color: Option<String>,
}

/// What the surroundings say about settings; taken once, so that tests can make their own.
#[derive(Clone, Debug)]
pub struct Environment {
    /// All variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// Where `~/` is.
    pub home: PathBuf,
    /// Where relative paths of flags and variables start.
    pub current: PathBuf,
    /// The usual folders.
    pub base: Paths,
    /// The file for everybody on this host.
    pub system_file: PathBuf,
}

impl Environment {
    /// This process's own.
    pub fn of_process() -> Result<Self, ConfigError> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            home: etcetera::home_dir().map_err(|_| ConfigError::NoHome)?,
            // A folder that was removed under us: relative paths then fail by themselves, with their own words.
            current: std::env::current_dir().unwrap_or_default(),
            base: paths::base_directories()?,
            system_file: PathBuf::from("/etc/mecapy/config.toml"),
        })
    }

    /// A variable's value; empty counts as unset.
    fn variable(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.variables.get(std::ffi::OsStr::new(name)).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        value.to_str().map(Some).ok_or_else(|| ConfigError::BadValue {
            place: format!("environment variable {name}"),
            key: name.to_owned(),
            problem: "is not UTF-8".to_owned(),
        })
    }
}

/// A setting as it came out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Origin {
    /// `section.key`.
    pub key: &'static str,
    /// The value as it may be shown: secrets hidden.
    pub value: serde_json::Value,
    /// Where it comes from, in words.
    pub origin: String,
}

/// A file of settings that was looked for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Source {
    /// The file.
    #[serde(serialize_with = "shown")]
    pub path: PathBuf,
    /// Whether it is there.
    pub found: bool,
}

/// A path need not be UTF-8, JSON must be.
fn shown<S: serde::Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// The settings, and how they came to be.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Every key with its value and origin, in the order of `config/default.toml`.
    pub origins: Vec<Origin>,
    /// Sentences for the user: variables that mean nothing.
    pub warnings: Vec<String>,
    /// The files looked for, weakest first.
    pub files: Vec<Source>,
}

impl Config {
    /// Reads every layer of this process.
    pub fn load(flags: &Flags) -> Result<Loaded, ConfigError> {
        load_from(flags, &Environment::of_process()?)
    }
}

/// Reads every layer of the given surroundings.
pub fn load_from(flags: &Flags, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut files = Vec::new();
    let mut layers = vec![default_entries()?];

    let system = read(&environment.system_file, false, &mut files)?;
    let named = match &flags.config {
        Some(path) => Some(path.clone()),
        None => environment.variable("MECAPY_CONFIG")?.map(PathBuf::from),
    };
    let user_path = match &named {
        // Made absolute: the origin of a value shall be findable from anywhere.
        Some(path) => environment.current.join(path),
        None => environment.base.config.join("config.toml"),
    };
    // A file that was asked for by name must be there; the usual one need not.
    let user = read(&user_path, named.is_some(), &mut files)?;

    let profile = match &flags.profile {
        Some(name) => Some((name.clone(), "--profile")),
        None => {
            environment.variable("MECAPY_PROFILE")?.map(|name| (name.to_owned(), "environment variable MECAPY_PROFILE"))
        }
    };
    let mut of_profile = Vec::new();
    if let Some((name, place)) = &profile {
        let mut found = false;
        for file in [&system, &user] {
            if let Some(entries) = file.profiles.get(name) {
                found = true;
                of_profile.extend(entries.iter().cloned());
            }
        }
        if !found {
            let mut known: Vec<_> = system.profiles.keys().chain(user.profiles.keys()).cloned().collect();
            known.sort();
            known.dedup();
            let nearest = keys::nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(ConfigError::UnknownProfile { place: (*place).to_owned(), name: name.clone(), known, nearest });
        }
    }
    let (of_environment, warnings) = layers::read_environment(environment)?;
    layers.extend([system.entries, user.entries, of_profile, of_environment, layers::read_flags(flags)?]);

    let merged = merge(&layers, environment)?;
    let origins = origins(&merged)?;
    let config = resolve(merged, environment, &origins, profile.map(|(name, _)| name))?;
    Ok(Loaded { config, origins, warnings, files })
}

fn default_entries() -> Result<Vec<Entry>, ConfigError> {
    let mut entries = layers::read_file(Path::new("config/default.toml"), DEFAULTS)?.entries;
    for entry in &mut entries {
        "default".clone_into(&mut entry.origin);
    }
    Ok(entries)
}

fn read(path: &Path, must_be: bool, files: &mut Vec<Source>) -> Result<layers::File, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_be => {
            files.push(Source { path: path.to_owned(), found: false });
            return Ok(layers::File::default());
        }
        Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    };
    files.push(Source { path: path.to_owned(), found: true });
    layers::read_file(path, &text)
}

/// One layer as the config crate takes it.
#[derive(Clone, Debug)]
struct Layer(config::Map<String, config::Value>);

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<config::Map<String, config::Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

fn merge(layers: &[Vec<Entry>], environment: &Environment) -> Result<config::Config, ConfigError> {
    let mut builder = config::Config::builder();
    for entries in layers {
        let mut layer = config::Map::new();
        for entry in entries {
            let kind = match &entry.value {
                Scalar::Text(text) if entry.setting.kind == Kind::Path && !text.is_empty() => {
                    let folder = entry.folder.as_ref().unwrap_or(&environment.current);
                    let path = paths::resolve(text, &environment.home, folder);
                    let path = path.into_os_string().into_string().map_err(|path| ConfigError::BadValue {
                        place: entry.origin.clone(),
                        key: entry.setting.key.to_owned(),
                        problem: format!("is not UTF-8: {}", path.display()),
                    })?;
                    config::ValueKind::String(path)
                }
                Scalar::Text(text) => config::ValueKind::String(text.clone()),
                Scalar::Integer(number) => config::ValueKind::I64(*number),
                Scalar::Number(number) => config::ValueKind::Float(*number),
                Scalar::Switch(on) => config::ValueKind::Boolean(*on),
            };
            layer.insert(entry.setting.key.to_owned(), config::Value::new(Some(&entry.origin), kind));
        }
        builder = builder.add_source(Layer(layer));
    }
    Ok(builder.build()?)
}

fn origins(merged: &config::Config) -> Result<Vec<Origin>, ConfigError> {
    let mut all = Vec::with_capacity(SETTINGS.len());
    for setting in SETTINGS {
        let value =
            find(&merged.cache, setting.key).ok_or_else(|| config::ConfigError::NotFound(setting.key.to_owned()))?;
        let shown = match &value.kind {
            config::ValueKind::Boolean(on) => serde_json::json!(on),
            config::ValueKind::I64(number) => serde_json::json!(number),
            config::ValueKind::Float(number) => serde_json::json!(number),
            _ => {
                let text = value.clone().into_string()?;
                serde_json::json!(if setting.is_secret() { SecretUrl::new(text).redacted() } else { text })
            }
        };
        let origin = value.origin().unwrap_or("default").to_owned();
        all.push(Origin { key: setting.key, value: shown, origin });
    }
    Ok(all)
}

/// The value at `section.key`, with its origin (the config crate's own getters drop that).
fn find<'a>(root: &'a config::Value, key: &str) -> Option<&'a config::Value> {
    key.split('.').try_fold(root, |value, part| match &value.kind {
        config::ValueKind::Table(table) => table.get(part),
        _ => None,
    })
}

/// The model, with what is known only now: usual folders for those that are not given, and who set what is shown with
/// its origin.
fn resolve(
    merged: config::Config,
    environment: &Environment,
    origins: &[Origin],
    profile: Option<String>,
) -> Result<Config, ConfigError> {
    let origin = |key: &str| {
        let found = origins.iter().find(|origin| origin.key == key).map(|origin| origin.origin.clone());
        found.ok_or_else(|| config::ConfigError::NotFound(key.to_owned()))
    };
    let mut config: Config = merged.try_deserialize()?;
    config.profile = profile;
    config.database.url_origin = origin("database.url")?;
    config.docker.host_origin = origin("docker.host")?;
    config.docker.context_origin = origin("docker.context")?;
    let base = &environment.base;
    config.paths.config.clone_from(&base.config);
    unless_given(&mut config.paths.state, || base.state.clone());
    unless_given(&mut config.paths.cache, || base.cache.clone());
    unless_given(&mut config.paths.data, || base.data.clone());
    unless_given(&mut config.storage.path, || config.paths.objects());
    unless_given(&mut config.docker.config, || environment.home.join(".docker"));
    if let Err(problem) = config.limits.default.check(&config.limits.maximum) {
        let key = match problem.field {
            "timeout" => "limits.timeout",
            "memory_limit" => "limits.memory",
            _ => "limits.cpu",
        };
        return Err(ConfigError::Limits { place: origin(key)?, problem });
    }
    Ok(config)
}

/// Puts the usual folder where none is given.
fn unless_given(path: &mut PathBuf, usual: impl FnOnce() -> PathBuf) {
    if path.as_os_str().is_empty() {
        *path = usual();
    }
}

#[cfg(test)]
use crate::domain::limits::{Caps, Limits};
#[cfg(test)]
mod tests;
