//! How much the code has written, by blocks used: a sparse terabyte counts nothing.

use std::{
    ffi::OsString,
    fs::{self, File},
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

/// What a folder holds.
#[derive(Default)]
pub struct Tree {
    pub bytes: u64,
    pub files: u64,
    /// There is more than could be measured: too deep, too many, out of reach.
    pub unmeasured: bool,
}

/// Entries looked at in one pass; more takes longer than the pass may.
const MAX_ENTRIES: u64 = 200_000;

/// Measures a tree that changes while we look. No link is followed; depth takes descriptors, not stack.
pub fn measure(root: &Path) -> Tree {
    let mut tree = Tree::default();
    let mut seen = 0;
    let mut open: Vec<(File, Vec<OsString>)> = Vec::new();
    if let Ok(folder) = open_folder(root) {
        let names = tree.look(&folder, &mut seen);
        open.push((folder, names));
    }
    while let Some((folder, names)) = open.last_mut() {
        let Some(name) = names.pop() else {
            open.pop();
            continue;
        };
        match open_folder(&within(folder).join(name)) {
            Ok(child) => {
                let names = tree.look(&child, &mut seen);
                open.push((child, names));
            }
            // Gone, replaced by something else, or closed to everybody by the code: then nothing new comes into it.
            Err(error) if error.raw_os_error() == Some(24) => tree.unmeasured = true,
            Err(_) => {}
        }
        if seen > MAX_ENTRIES {
            tree.unmeasured = true;
            return tree;
        }
    }
    tree
}

impl Tree {
    /// Adds the entries of one folder; returns the names of its folders.
    fn look(&mut self, folder: &File, seen: &mut u64) -> Vec<OsString> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(within(folder)).into_iter().flatten().flatten() {
            *seen += 1;
            if *seen > MAX_ENTRIES {
                break;
            }
            // Does not follow links.
            let Ok(metadata) = entry.metadata() else { continue };
            self.bytes += metadata.blocks() * 512;
            if metadata.is_dir() {
                folders.push(entry.file_name());
            } else {
                self.files += 1;
            }
        }
        folders
    }
}

fn open_folder(path: &Path) -> std::io::Result<File> {
    // O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    File::options().read(true).custom_flags(FOLDER_FLAGS).open(path)
}

#[cfg(target_arch = "x86_64")]
const FOLDER_FLAGS: i32 = 0o200_000 | 0o400_000 | 0o2_000_000;
#[cfg(target_arch = "aarch64")]
const FOLDER_FLAGS: i32 = 0o40_000 | 0o100_000 | 0o2_000_000;

/// The way into an open folder that no renaming can change.
fn within(folder: &File) -> std::path::PathBuf {
    format!("/proc/self/fd/{}", folder.as_raw_fd()).into()
}
