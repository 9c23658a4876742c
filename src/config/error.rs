//! What can be wrong with the settings: each message names the place, the key and what would be right.

use std::path::PathBuf;

/// Settings that cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The system knows no home folder for this user.
    #[error("no home folder: set HOME, or the XDG_*_HOME variables")]
    NoHome,
    /// A file that is there, or was named, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{}, line {line}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The parser's words, on one line.
        problem: String,
    },
    /// A key that no setting has.
    #[error("{place}: there is no setting {key:?}{}", hint(nearest.as_deref()))]
    UnknownKey {
        /// File and line, or the flag.
        place: String,
        /// As it was written.
        key: String,
        /// The setting that was most likely meant.
        nearest: Option<String>,
    },
    /// A value of the wrong kind or out of bounds.
    #[error("{place}: {key} {problem}")]
    BadValue {
        /// File and line, the variable, or the flag.
        place: String,
        /// The setting.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A flag `--set` without `=`.
    #[error("--set {given:?}: write it as section.key=value, such as limits.timeout=60")]
    BadFlag {
        /// What was given.
        given: String,
    },
    /// The profile asked for is in no file.
    #[error("{place}: there is no profile {name:?}; {}", profiles(known, nearest.as_deref()))]
    UnknownProfile {
        /// The flag or the variable.
        place: String,
        /// The name asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
        /// The one most likely meant.
        nearest: Option<String>,
    },
    /// A default limit above its own maximum.
    #[error("{place}: {problem}")]
    Limits {
        /// Where the default comes from.
        place: String,
        /// Which limit, and its bounds.
        problem: crate::domain::FieldError,
    },
    /// The layers could not be put together.
    #[error("the settings do not fit together: {0}")]
    Merge(#[from] config::ConfigError),
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "; `mecapy config show` lists all of them".to_owned(),
        |name| format!("; did you mean {name:?}?"),
    )
}

fn profiles(known: &[String], nearest: Option<&str>) -> String {
    match (nearest, known) {
        (Some(name), _) => format!("did you mean {name:?}?"),
        (None, []) => "no file defines one".to_owned(),
        (None, known) => format!("there are {}", known.join(", ")),
    }
}
