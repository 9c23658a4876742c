//! What a person was asked once: to work in a database that keeps nobody apart.

use super::{Session, logging::private_folder};
use crate::{config::Paths, domain::isolation::Isolation};
use std::{fs, io, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

/// Where the databases stand that were agreed to, a line each.
fn file(paths: &Paths) -> PathBuf {
    paths.state.join("agreed")
}

/// Whether to ask. A file that cannot be read asks again.
pub fn is_wanted(session: &Session) -> bool {
    session.db.isolation() == Isolation::None
        && !fs::read_to_string(file(&session.config.paths))
            .is_ok_and(|known| known.lines().any(|line| line == session.db.place()))
}

/// Remembers that it was agreed to.
pub fn remember(session: &Session) -> io::Result<()> {
    use io::Write as _;
    if !is_wanted(session) {
        return Ok(());
    }
    let paths = &session.config.paths;
    private_folder(&paths.state)?;
    let mut file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file(paths))?;
    file.write_all(format!("{}\n", session.db.place()).as_bytes())
}
