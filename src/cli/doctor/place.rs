//! mecapy's folders: whether they can be written, on what kind of file system, with how much room.

use super::{Check, Mark};
use crate::{config::Config, domain::format};
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
        Ok(stat) => (file_system(stat.f_type as u64), stat.f_bavail * stat.f_bsize as u64),
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

struct FileSystem {
    name: String,
    is_network: bool,
}

/// Kinds by the magic numbers of `linux/magic.h` and of the file systems' own sources.
fn file_system(magic: u64) -> FileSystem {
    let (name, is_network) = match magic & 0xffff_ffff {
        0xef53 => ("ext4", false),
        0x5846_5342 => ("xfs", false),
        0x9123_683e => ("btrfs", false),
        0x2fc1_2fc1 => ("zfs", false),
        0x0102_1994 => ("tmpfs", false),
        0x794c_7630 => ("overlay", false),
        0xf2f5_2010 => ("f2fs", false),
        0xca45_1a4e => ("bcachefs", false),
        0x6969 => ("NFS", true),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => ("SMB", true),
        0x00c3_6400 => ("Ceph", true),
        0x5346_414f | 0x6b41_4653 => ("AFS", true),
        0x0102_1997 => ("9P", true),
        0x0bd0_0bd0 => ("Lustre", true),
        0x4750_4653 => ("GPFS", true),
        0x1983_0326 => ("BeeGFS", true),
        0x2003_0528 => ("OrangeFS", true),
        // sshfs and others: nearly always a network, and without the locks that SQLite needs.
        0x6573_5546 => ("FUSE", true),
        other => return FileSystem { name: format!("file system {other:#x}"), is_network: false },
    };
    FileSystem { name: name.to_owned(), is_network }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known() {
        assert!(file_system(0x6969).is_network);
        assert!(!file_system(0xef53).is_network);
        assert_eq!(file_system(0x1234).name, "file system 0x1234");
        // Signed on some architectures: the sign extends into the upper half.
        assert!(file_system(0xffff_ffff_ff53_4d42).is_network);
    }

    #[test]
    fn a_folder_that_is_not_there_is_judged_by_the_one_above() {
        let there = tempfile::tempdir().unwrap();
        let check = folder("data", &there.path().join("a/b"));
        assert!(check.fact.contains("made when needed"), "{check:?}");
        assert!(!there.path().join("a").exists());
    }
}
