//! Files into a container before it starts, and out of it after it ended: one tar each way.
//!
//! Nothing is ever unpacked. What comes out is read entry by entry: only regular files and folders, no name is joined
//! to a path, each file is new and in a folder that was opened below the one before it.

use super::profile::USER;
use crate::sandbox::parts::{RUNNER, SHIM};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat, symlinkat},
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read, Write},
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::Path,
};
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

/// Where the folders of the runtime contract are in a container.
pub const WORKSPACE: &str = "/workspace";
/// Entries read at most: a run with more has passed its cap anyway.
const MOST_ENTRIES: usize = 100_000;
/// Folders inside each other.
const DEEPEST: usize = 40;
/// The longest name of Linux, bytes.
const MAX_NAME: usize = 255;
/// The result below `out`.
const RESULT: &[&[u8]] = &[b"data.json"];
/// Chunks of a tar on their way.
pub const CHUNKS: usize = 8;
/// Bytes of one.
const CHUNK: usize = 256 << 10;

/// Writes the tar for `/workspace`: the shim and its plan, the runner, the inputs, and the code's own folders. Blocks.
pub fn pack(to: impl Write, folder: &Path, plan: &[u8]) -> io::Result<()> {
    let mut tar = Builder::new(to);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let header = |kind: EntryType, mode: u32, user: u64, size: u64| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(user);
        header.set_gid(user);
        header.set_size(size);
        header.set_mtime(now);
        header
    };
    let directory = |tar: &mut Builder<_>, name: &str, user: u64| {
        tar.append_data(&mut header(EntryType::Directory, 0o755, user, 0), name, io::empty())
    };
    directory(&mut tar, "./", 0)?;
    directory(&mut tar, ".mecapy/", 0)?;
    for (name, mode, bytes) in [(".mecapy/shim", 0o755, SHIM), (".mecapy/runner.py", 0o644, RUNNER.as_bytes())] {
        tar.append_data(&mut header(EntryType::Regular, mode, 0, bytes.len() as u64), name, bytes)?;
    }
    directory(&mut tar, "in/", 0)?;
    directory(&mut tar, "in/files/", 0)?;
    for (place, name) in [("in", "in"), ("in/files", "in/files")] {
        for entry in fs::read_dir(folder.join(place))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let file = File::open(entry.path())?;
                let size = file.metadata()?.len();
                let path = Path::new(name).join(entry.file_name());
                // Exactly what the header says, whatever happens to the file meanwhile.
                tar.append_data(&mut header(EntryType::Regular, 0o644, 0, size), path, file.take(size))?;
            }
        }
    }
    for name in ["out/", "out/files/", "out/artifacts/", "scratch/"] {
        directory(&mut tar, name, USER)?;
    }
    let size = plan.len() as u64;
    tar.append_data(&mut header(EntryType::Regular, 0o600, USER, size), "scratch/.plan", plan)?;
    tar.into_inner()?.flush()
}

/// The tar of the folder `out` as an engine would give it, of files by their names below it.
pub fn pack_outputs(files: &[(Vec<u8>, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    let entries =
        ["out/", "out/files/", "out/artifacts/"].map(|name| (EntryType::Directory, name.as_bytes().to_vec(), &b""[..]));
    let files = files.iter().map(|(name, bytes)| (EntryType::Regular, [b"out/", &name[..]].concat(), &bytes[..]));
    for (kind, name, bytes) in entries.into_iter().chain(files) {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o600);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, OsStr::from_bytes(&name), bytes)?;
    }
    tar.into_inner()
}

/// What was and was not taken from a tar.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// A sentence for each kind of thing that was not.
    pub notes: Vec<String>,
    /// Whether the stream broke off before its end.
    pub broken: bool,
}

/// Reads the tar of the folder `out` into `into`, which must not be there yet. At most `most` bytes of files. Blocks.
pub fn unpack(from: impl Read, into: &Path, most: u64) -> io::Result<Taken> {
    fs::DirBuilder::new().create(into)?;
    let root = open_folder(CWD, into.as_os_str())?;
    let mut tree = Tree { root, cap: most, most, notes: Notes::default() };
    let mut archive = tar::Archive::new(from);
    let mut failed = None;
    for (number, entry) in archive.entries()?.enumerate() {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                failed = Some(error);
                break;
            }
        };
        if number >= MOST_ENTRIES {
            tree.notes.add("more files than are looked at", OsStr::new("the rest"));
            break;
        }
        let name = OsString::from_vec(entry.path_bytes().into_owned());
        let (kind, size) = (entry.header().entry_type(), entry.size());
        match tree.take(&name, kind, size, &mut entry) {
            Next::More => {}
            // The rest cannot be reached without reading what is too large.
            Next::Enough => break,
            Next::Failed(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                failed = Some(error);
                break;
            }
            Next::Failed(error) => return Err(error),
        }
    }
    let mut notes = tree.notes.sentences();
    let broken = failed.is_some();
    if let Some(error) = failed {
        notes.push(format!("the outputs could be read only in part: {error}"));
    }
    Ok(Taken { notes, broken })
}

enum Next {
    More,
    Enough,
    Failed(io::Error),
}

struct Tree {
    root: OwnedFd,
    cap: u64,
    /// What may still come.
    most: u64,
    notes: Notes,
}

impl Tree {
    fn take(&mut self, name: &OsStr, kind: EntryType, size: u64, from: &mut impl Read) -> Next {
        let parts: Vec<&[u8]> = name.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        // The first is the folder that was asked for.
        let Some((_, parts)) = parts.split_first() else { return Next::More };
        let shown = parts.join(&b'/');
        let shown = OsStr::from_bytes(&shown);
        if parts.iter().any(|part| matches!(*part, b"." | b"..") || part.len() > MAX_NAME || part.contains(&0)) {
            self.notes.add("not a name that can be kept", shown);
            return Next::More;
        }
        if parts.len() > DEEPEST {
            self.notes.add("nested too deep", shown);
            return Next::More;
        }
        let Some((last, folders)) = parts.split_last() else { return Next::More };
        match kind {
            EntryType::Directory => match self.folder(parts) {
                Ok(_) => Next::More,
                Err(error) => self.refuse(error, shown),
            },
            EntryType::Regular | EntryType::Continuous if parts == RESULT && size == self.cap + 1 => {
                // The shim cut it to this: what is told of it is that it is too large.
                match self.create(&[], last).and_then(|file| file.set_len(size)) {
                    Ok(()) => Next::More,
                    Err(error) => self.refuse(error, shown),
                }
            }
            EntryType::Regular | EntryType::Continuous if size > self.most => {
                self.notes.add("the outputs are larger than they may be", shown);
                Next::Enough
            }
            EntryType::Regular | EntryType::Continuous => match self.file(folders, last, size, from) {
                Ok(written) => {
                    self.most -= written.min(self.most);
                    Next::More
                }
                Err(error) => self.refuse(error, shown),
            },
            // The result itself is read by rules of its own, which tell what stands in its place.
            kind if parts == RESULT => match self.stand_in(kind, last) {
                Ok(()) => Next::More,
                Err(error) => self.refuse(error.into(), shown),
            },
            EntryType::Link => self.leave("is a hard link", shown),
            EntryType::Symlink => self.leave("is a symbolic link", shown),
            _ => self.leave("is no regular file", shown),
        }
    }

    fn leave(&mut self, why: &'static str, name: &OsStr) -> Next {
        self.notes.add(why, name);
        Next::More
    }

    /// What the disk refuses ends the reading; a name that is there already is one thing that is not kept.
    fn refuse(&mut self, error: io::Error, name: &OsStr) -> Next {
        match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => self.leave("is there twice", name),
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => self.leave("is there twice", name),
            _ => Next::Failed(error),
        }
    }

    /// Opens the folder, and makes those on the way that are missing.
    fn folder(&self, parts: &[&[u8]]) -> io::Result<OwnedFd> {
        let mut at = self.root.try_clone()?;
        for part in parts {
            match mkdirat(&at, *part, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            at = open_folder(&at, OsStr::from_bytes(part))?;
        }
        Ok(at)
    }

    fn file(&self, folders: &[&[u8]], name: &[u8], size: u64, from: &mut impl Read) -> io::Result<u64> {
        let written = io::copy(from, &mut self.create(folders, name)?)?;
        if written == size { Ok(written) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn create(&self, folders: &[&[u8]], name: &[u8]) -> io::Result<File> {
        let folder = self.folder(folders)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)?))
    }

    /// Something of the same kind, that leads nowhere.
    fn stand_in(&self, kind: EntryType, name: &[u8]) -> Result<(), Errno> {
        match kind {
            EntryType::Symlink | EntryType::Link => symlinkat("nowhere", &self.root, name),
            _ => mknodat(&self.root, name, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0),
        }
    }
}

fn open_folder(at: impl std::os::fd::AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

/// Names by what was wrong with them.
#[derive(Default)]
struct Notes(Vec<(&'static str, Vec<String>)>);

impl Notes {
    fn add(&mut self, why: &'static str, name: &OsStr) {
        let name = name.to_string_lossy().chars().take(200).collect();
        match self.0.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(name),
            None => self.0.push((why, vec![name])),
        }
    }

    fn sentences(&self) -> Vec<String> {
        let sentence = |(why, names): &(&str, Vec<String>)| {
            let shown = names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
            format!("not kept, {why}: {shown}{more}")
        };
        self.0.iter().map(sentence).collect()
    }
}

/// Writes into a channel, for a body that is sent while it is made.
pub struct ChunkWriter {
    to: mpsc::Sender<io::Result<Bytes>>,
    chunk: Vec<u8>,
}

impl ChunkWriter {
    /// Over a bounded channel: whoever reads slowly is waited for.
    pub fn new(to: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { to, chunk: Vec::with_capacity(CHUNK) }
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        if chunk.is_empty() {
            return Ok(());
        }
        self.to.blocking_send(Ok(chunk.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads from a channel what arrives.
pub struct ChunkReader {
    from: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl ChunkReader {
    /// Over a bounded channel.
    pub fn new(from: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { from, chunk: Bytes::new() }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.from.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk?,
            }
        }
        let size = buffer.len().min(self.chunk.len());
        buffer[..size].copy_from_slice(&self.chunk.split_to(size));
        Ok(size)
    }
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
