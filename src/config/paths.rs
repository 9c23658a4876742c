//! The folders mecapy keeps things in: the XDG base directories, each movable by a setting.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where everything is. Nothing here makes a folder; whoever writes first does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// The user's configuration: `config.toml`.
    #[serde(skip)]
    pub config: PathBuf,
    /// What belongs to this host: runs in progress, drafts, the log.
    pub state: PathBuf,
    /// What can be made again.
    pub cache: PathBuf,
    /// What must not be lost: the embedded database and the local object store.
    pub data: PathBuf,
}

impl Paths {
    /// The embedded database.
    pub fn database(&self) -> PathBuf {
        self.data.join("mecapy.db")
    }

    /// The local object store, unless `storage.path` says otherwise.
    pub fn objects(&self) -> PathBuf {
        self.data.join("objects")
    }

    /// One folder per run that is not delivered yet.
    pub fn spool(&self) -> PathBuf {
        self.state.join("spool")
    }

    /// Texts not saved yet.
    pub fn drafts(&self) -> PathBuf {
        self.state.join("drafts")
    }

    /// The log file.
    pub fn log(&self) -> PathBuf {
        self.state.join("log/mecapy.log")
    }
}

/// The user's base directories, each with mecapy's own folder appended.
pub(super) fn base_directories() -> Result<Paths, super::ConfigError> {
    use etcetera::BaseStrategy as _;
    let base = etcetera::base_strategy::Xdg::new().map_err(|_| super::ConfigError::NoHome)?;
    // The specification gives `state` a default too, so there is always one.
    let state = base.state_dir().ok_or(super::ConfigError::NoHome)?;
    Ok(Paths {
        config: base.config_dir().join("mecapy"),
        state: state.join("mecapy"),
        cache: base.cache_dir().join("mecapy"),
        data: base.data_dir().join("mecapy"),
    })
}

/// `text` as a path: `~/` is the home folder, a relative one starts at `folder`.
pub(super) fn resolve(text: &str, home: &Path, folder: &Path) -> PathBuf {
    match text.strip_prefix("~/") {
        Some(below) => home.join(below),
        None if text == "~" => home.to_owned(),
        None => folder.join(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_resolve_from_home_and_folder() {
        let (home, folder) = (Path::new("/home/ann"), Path::new("/etc/mecapy"));
        for (text, path) in [
            ("~/venv/bin/python", "/home/ann/venv/bin/python"),
            ("~", "/home/ann"),
            ("/opt/python", "/opt/python"),
            ("bin/python", "/etc/mecapy/bin/python"),
            ("~ann/x", "/etc/mecapy/~ann/x"),
        ] {
            assert_eq!(resolve(text, home, folder), Path::new(path));
        }
    }
}
