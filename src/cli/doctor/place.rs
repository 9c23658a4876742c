//! mecapy's folders: whether they can be written, on what kind of file system, with how much room.

use super::{Check, Mark};
use crate::{config::Config, db::filesystem, domain::format};
use std::path::Path;

/// Less room than this and a run may not find a place for its output.
const LITTLE: u64 = 512 << 20;

/// Every folder that mecapy writes to.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    let paths = &config.paths;
    let folders =
        [("data", &paths.data), ("state", &paths.state), ("cache", &paths.cache), ("objects", &config.storage.path)];
    folders.into_iter().map(|(name, path)| folder(name, path)).collect()
}

fn folder(name: &str, path: &Path) -> Check {
    // Nothing is made here: a folder that is not there yet will be, below the first one that is.
    let Some(there) = path.ancestors().find(|path| path.exists()) else {
        return Check::new("folders", Mark::Error, format!("{name}: {} cannot be reached", path.display()));
    };
    let is_new = if there == path { "" } else { ", made when needed" };
    let (kind, free) = match rustix::fs::statfs(there) {
        Ok(stat) => (filesystem::known(stat.f_type as u64), stat.f_bavail * stat.f_bsize as u64),
        Err(error) => {
            return Check::new("folders", Mark::Error, format!("{name}: {}: {error}", path.display()));
        }
    };
    let fact = format!("{name}: {} ({}, {} free{is_new})", path.display(), kind.name, format::bytes(free));
    if let Err(error) = rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        let setting = if name == "objects" { "storage.path".to_owned() } else { format!("paths.{name}") };
        return Check::new("folders", Mark::Error, format!("{fact}: cannot be written: {error}"))
            .advise(format!("choose another one with {setting}, or change its permissions"));
    }
    if kind.is_network && name == "data" {
        return Check::new("folders", Mark::Warning, format!("{fact}: a network file system"))
            .advise("SQLite is slow and fragile there: set paths.data to a folder on a local disk");
    }
    if free < LITTLE {
        return Check::new("folders", Mark::Warning, format!("{fact}: little room"))
            .advise("free some space, or move it with the paths settings");
    }
    Check::ok("folders", fact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_judged_by_the_one_above() {
        let there = tempfile::tempdir().unwrap();
        let check = folder("data", &there.path().join("a/b"));
        assert!(check.fact.contains("made when needed"), "{check:?}");
        assert!(!there.path().join("a").exists());
    }
}
