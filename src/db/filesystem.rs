//! Which file systems the embedded database stands on.
//!
//! SQLite's write-ahead log is shared memory between processes: on a network file system two hosts do not share it,
//! and the file breaks. Home folders on NFS are usual on compute hosts, so the file system is looked at.

use std::path::Path;

/// A kind of file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Its usual name.
    pub name: String,
    /// Whether other hosts may have it mounted as well.
    pub is_network: bool,
}

/// The file system that `path` (which must exist) stands on.
pub fn of(path: &Path) -> std::io::Result<FileSystem> {
    Ok(known(rustix::fs::statfs(path)?.f_type as u64))
}

/// Kinds by the magic numbers of `linux/magic.h` and of the file systems' own sources.
pub fn known(magic: u64) -> FileSystem {
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
        0x0116_1970 => ("GFS2", true),
        0x7461_636f => ("OCFS2", true),
        0xaad7_aaea => ("PanFS", true),
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
        for magic in [0x6969, 0x517b, 0xfe53_4d42, 0x0bd0_0bd0, 0x6573_5546] {
            assert!(known(magic).is_network, "{magic:#x}");
        }
        assert!(!known(0xef53).is_network);
        assert_eq!(known(0x1234).name, "file system 0x1234");
        // Signed on some architectures: the sign extends into the upper half.
        assert!(known(0xffff_ffff_ff53_4d42).is_network);
    }
}
