//! Sessions of their own for tests: folders that go with them, no settings of the machine.

use super::Session;
use crate::config::{Config, Environment, Flags, Paths, load_from};
use std::{path::Path, sync::Arc};

/// Settings of an installation in `root`, with some set as `--set` takes them.
pub(crate) fn config(root: &Path, set: &[&str]) -> Arc<Config> {
    let folder = |name: &str| root.join(name);
    let environment = Environment {
        variables: std::collections::BTreeMap::new(),
        home: root.to_owned(),
        current: root.to_owned(),
        base: Paths { config: folder("config"), state: folder("state"), cache: folder("cache"), data: folder("data") },
        system_file: folder("system.toml"),
    };
    let flags = Flags { set: set.iter().map(|set| (*set).to_owned()).collect(), ..Flags::default() };
    Arc::new(load_from(&flags, &environment).unwrap().config)
}

/// A session of that installation.
pub(crate) async fn session(root: &Path) -> Session {
    Session::open(config(root, &[])).await.unwrap()
}
