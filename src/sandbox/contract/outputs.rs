//! Copying what the code left below `out/files` and `out/artifacts` to a safe place.

use super::open::{self, Unreadable};
use crate::domain::{file::safe_name, format, limits::Caps, run::OutputFile};
use rustix::fs::{Dir, FileType};
use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::OpenOptionsExt,
        },
    },
    path::{Path, PathBuf},
};

/// Folders below `out/files` and `out/artifacts` are followed this deep.
const MAX_DEPTH: usize = 32;
/// Entries looked at in all: a folder of empty folders must not take for ever.
const MAX_ENTRIES: usize = 100_000;
/// Names said in one note.
const NAMED: usize = 3;

/// The files kept so far, and why others are not.
pub struct Outputs<'a> {
    into: &'a Path,
    caps: &'a Caps,
    /// Kept, in the order of their names.
    pub files: Vec<OutputFile>,
    bytes: u64,
    seen: usize,
    refused: Vec<(&'static str, Vec<String>)>,
}

impl<'a> Outputs<'a> {
    /// Into a folder that exists, is empty and is ours alone.
    pub fn new(into: &'a Path, caps: &'a Caps) -> Self {
        Self { into, caps, files: Vec::new(), bytes: 0, seen: 0, refused: Vec::new() }
    }

    /// Copies one of the two folders. A missing one holds nothing.
    pub fn take(&mut self, out: impl AsFd, name: &str, artifact: bool) {
        match open::folder(out, name) {
            Ok(folder) => self.walk(folder, artifact),
            Err(Unreadable::Missing) => {}
            Err(_) => self.refuse("is no folder any more", Path::new(name)),
        }
    }

    /// Names what lies beside the contract's own files, so that nobody wonders where it went.
    pub fn note_strangers(&mut self, out: &OwnedFd) {
        const OURS: [&str; 6] =
            ["files", "artifacts", "data.json", "progress.jsonl", "_runner_error.json", "_error.json"];
        for (name, _) in self.names(out, Path::new("")) {
            if !OURS.iter().any(|ours| name == *ours) {
                self.refuse("not below out/files or out/artifacts", Path::new(&name));
            }
        }
    }

    /// Keeps a text as a file of its own.
    pub fn keep_text(&mut self, name: &str, text: &str) -> io::Result<()> {
        let stored = self.stored_name(Path::new(name));
        self.create(&stored)?.write_all(text.as_bytes())?;
        self.files.push(OutputFile { name: name.into(), stored, artifact: false, size: text.len() as u64 });
        Ok(())
    }

    /// One sentence for each kind of thing that was not kept.
    pub fn notes(&self) -> Vec<String> {
        let note = |(why, names): &(&str, Vec<String>)| {
            let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
            format!("not kept, {why}: {shown}{more}")
        };
        self.refused.iter().map(note).collect()
    }

    /// Depth first by an own stack, names in order; descriptors, not paths, lead from folder to folder.
    fn walk(&mut self, folder: OwnedFd, artifact: bool) {
        let names = self.names(&folder, Path::new(""));
        let mut open = vec![(folder, PathBuf::new(), names)];
        loop {
            let depth = open.len();
            let Some((folder, path, names)) = open.last_mut() else { break };
            let Some((name, kind)) = names.pop() else {
                open.pop();
                continue;
            };
            let path = path.join(&name);
            if kind != FileType::Directory {
                let copied = self.copy(&*folder, &name, &path, artifact);
                if let Err(why) = copied {
                    self.refuse(why, &path);
                }
            } else if depth >= MAX_DEPTH {
                self.refuse("nested too deep", &path);
            } else {
                match open::folder(&*folder, &name) {
                    Ok(child) => {
                        let names = self.names(&child, &path);
                        open.push((child, path, names));
                    }
                    Err(_) => self.refuse("cannot be read", &path),
                }
            }
        }
    }

    /// The entries of a folder, last name first.
    fn names(&mut self, folder: &OwnedFd, path: &Path) -> Vec<(OsString, FileType)> {
        let mut names = Vec::new();
        let Ok(entries) = Dir::read_from(folder) else {
            self.refuse("cannot be read", path);
            return names;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            self.seen += 1;
            if self.seen > MAX_ENTRIES {
                self.refuse("too many entries", path);
                break;
            }
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                let stat = rustix::fs::statat(folder, entry.file_name(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
                kind = stat.map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode));
            }
            names.push((OsString::from_vec(name.to_vec()), kind));
        }
        names.sort_by(|one, two| two.0.cmp(&one.0));
        names
    }

    fn copy(&mut self, folder: &OwnedFd, name: &OsString, path: &Path, artifact: bool) -> Result<(), &'static str> {
        let (from, stat) = match open::file(folder, name.as_os_str()) {
            Ok(opened) => opened,
            Err(Unreadable::Not("a hard link")) => return Err("a hard link"),
            Err(Unreadable::Not(_) | Unreadable::NoFolder) => return Err("no regular file"),
            Err(_) => return Err("cannot be read"),
        };
        if self.files.len() >= self.caps.output_files as usize {
            return Err("too many files");
        }
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        // By its size, before a byte is read: a sparse terabyte is refused here.
        if size > self.caps.output_bytes - self.bytes {
            return Err("too large together with the others");
        }
        let stored = self.stored_name(path);
        let mut to = self.create(&stored).map_err(|_| "no room for a copy")?;
        let copied = io::copy(&mut from.take(size), &mut to);
        let Ok(size) = copied.and_then(|size| to.flush().map(|()| size)) else {
            let _ = fs::remove_file(self.into.join(&stored));
            return Err("no room for a copy");
        };
        self.bytes += size;
        self.files.push(OutputFile { name: path.to_string_lossy().into_owned(), stored, artifact, size });
        Ok(())
    }

    /// Unique by its number, whatever the names do: case, composed accents, `..`, escape codes.
    fn stored_name(&self, path: &Path) -> String {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("{:04}-{}", self.files.len(), safe_name(&name))
    }

    fn create(&self, stored: &str) -> io::Result<fs::File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.into.join(stored))
    }

    fn refuse(&mut self, why: &'static str, path: &Path) {
        // Debug form: whatever the name holds, it is harmless and on one line.
        let name = String::from_utf8_lossy(path.as_os_str().as_bytes());
        let name: String = format!("{name:?}").chars().take(100).collect();
        match self.refused.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, names)) => names.push(name),
            None => self.refused.push((why, vec![name])),
        }
    }

    /// Bytes kept, for the notes.
    pub fn summary(&self) -> Option<String> {
        let missing: usize = self.refused.iter().map(|(_, names)| names.len()).sum();
        (missing > 0).then(|| format!("{} files kept ({}), {missing} not", self.files.len(), format::bytes(self.bytes)))
    }
}
