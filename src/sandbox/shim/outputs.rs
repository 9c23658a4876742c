//! Outputs that are little, told with the last reports of a container: then nobody has to ask the engine for them,
//! which takes it longer than most of such runs.
//!
//! Read when no other process is left. Anything but a few plain files in the folders of the contract is left to the
//! engine: links, folders of the code's own, what we may not read.

use crate::{channel::Channel, sys, wire::Report};
use std::{
    fs::{self, File},
    io::Read,
    os::unix::{
        ffi::OsStringExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

/// Bytes of all files: as reports they fit into a pipe, so that nobody waits for its reader.
const MOST: u64 = 24 << 10;

/// Files.
const MOST_FILES: usize = 16;

/// Bytes of one report, the name included: with its secret and as hexadecimal digits it fits into what a pipe takes in
/// one piece.
const PIECE: usize = 1_900;

/// Tells them all, and that they are all; or nothing.
pub fn tell(out: &Path, largest: u64, channel: &mut Channel) {
    let Some(files) = read(out, MOST.min(largest)) else { return };
    for (name, bytes) in &files {
        let mut pieces = bytes.chunks(PIECE - name.len());
        let first = pieces.next().unwrap_or_default();
        for piece in [first].into_iter().chain(pieces) {
            channel.say_last(&Report::Output(name.clone(), piece.to_vec()));
        }
    }
    channel.say_last(&Report::Outputs(files.len() as u64));
}

/// Names below `out`, and contents.
fn read(out: &Path, mut left: u64) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut files = Vec::new();
    for inside in ["", "files/", "artifacts/"] {
        let folder = out.join(inside.trim_end_matches('/'));
        if !fs::symlink_metadata(&folder).ok()?.is_dir() {
            return None;
        }
        for entry in fs::read_dir(&folder).ok()? {
            let entry = entry.ok()?;
            // Does not follow links.
            let metadata = entry.metadata().ok()?;
            let name = entry.file_name();
            if metadata.is_dir() && inside.is_empty() && (name == "files" || name == "artifacts") {
                continue;
            }
            let plain = metadata.is_file() && metadata.nlink() == 1;
            if !plain || metadata.len() > left || files.len() == MOST_FILES {
                return None;
            }
            left -= metadata.len();
            files.push(([inside.as_bytes(), &name.into_vec()].concat(), content(&entry.path(), metadata.len())?));
        }
    }
    Some(files)
}

fn content(path: &Path, size: u64) -> Option<Vec<u8>> {
    let file = File::options().read(true).custom_flags(sys::NO_SURPRISE).open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(size + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == size).then_some(bytes)
}
