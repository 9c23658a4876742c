//! Which container engines runs of this state folder were given to: where to look for what they left.
//!
//! One JSON line for each, `<state>/engines`, appended when a run is submitted. Settings change, and a container that
//! lost its spool names no engine itself.

use crate::sandbox::docker::Endpoint;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

const FILE: &str = "engines";

/// Remembers an engine.
pub(super) fn remember(state: &Path, endpoint: &Endpoint) -> io::Result<()> {
    if known(state).iter().any(|known| known.address == endpoint.address) {
        return Ok(());
    }
    let mut line = serde_json::to_vec(endpoint)?;
    line.push(b'\n');
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(state.join(FILE))?;
    // One write: two programs that learn of it at once leave two whole lines.
    file.write_all(&line)
}

/// Those that were remembered, each once; a line that cannot be read is none.
pub(super) fn known(state: &Path) -> Vec<Endpoint> {
    let text = fs::read_to_string(state.join(FILE)).unwrap_or_default();
    let mut known: Vec<Endpoint> = Vec::new();
    for endpoint in text.lines().filter_map(|line| serde_json::from_str::<Endpoint>(line).ok()) {
        if known.iter().all(|known| known.address != endpoint.address) {
            known.push(endpoint);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::docker::Address;

    #[test]
    fn each_engine_is_remembered_once() {
        let state = tempfile::tempdir().unwrap();
        assert!(known(state.path()).is_empty());
        let at = |path: &str, origin: &str| Endpoint { address: Address::Unix(path.into()), origin: origin.into() };
        for endpoint in [at("/a", "one"), at("/b", "two"), at("/a", "another way to it")] {
            remember(state.path(), &endpoint).unwrap();
        }
        fs::write(state.path().join(FILE), fs::read_to_string(state.path().join(FILE)).unwrap() + "torn {").unwrap();
        assert_eq!(known(state.path()), [at("/a", "one"), at("/b", "two")]);
    }
}
