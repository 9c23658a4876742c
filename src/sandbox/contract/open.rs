//! Opening what untrusted code left: no link is followed, nothing blocks, only what it claims to be is read.

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, Stat, chmodat, openat, statat},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

/// Why a file is not read.
#[derive(Debug)]
pub enum Unreadable {
    /// There is none.
    Missing,
    /// No regular file with one name: what it is, said with its article.
    Not(&'static str),
    /// A folder was wanted.
    NoFolder,
    /// What the system said.
    Io(io::Error),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("is not there"),
            Self::Not(what) => write!(f, "is {what}, not a file of its own"),
            Self::NoFolder => f.write_str("is no folder"),
            Self::Io(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl From<Errno> for Unreadable {
    fn from(error: Errno) -> Self {
        if error == Errno::NOENT { Self::Missing } else { Self::Io(error.into()) }
    }
}

/// What stands where a regular file is expected; `None` for a regular file with one name.
pub fn oddity(stat: &Stat) -> Option<&'static str> {
    match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
        // A second name may be a file that the code could not have read by itself.
        rustix::fs::FileType::RegularFile if stat.st_nlink > 1 => Some("a hard link"),
        rustix::fs::FileType::RegularFile => None,
        rustix::fs::FileType::Directory => Some("a folder"),
        rustix::fs::FileType::Symlink => Some("a symbolic link"),
        rustix::fs::FileType::Fifo => Some("a pipe"),
        rustix::fs::FileType::Socket => Some("a socket"),
        _ => Some("a device"),
    }
}

/// A folder by its path, which is ours up to its last part.
pub fn root(path: &Path) -> Result<OwnedFd, Unreadable> {
    folder(CWD, path)
}

/// A folder below another one; one that its owner closed is opened up first (nothing runs there any more).
pub fn folder(parent: impl AsFd, name: impl rustix::path::Arg + Copy) -> Result<OwnedFd, Unreadable> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let stat = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if oddity(&stat) != Some("a folder") {
        return Err(Unreadable::NoFolder);
    }
    if stat.st_mode & 0o700 != 0o700 {
        let _ = chmodat(&parent, name, Mode::RWXU, AtFlags::empty());
    }
    Ok(openat(&parent, name, flags, Mode::empty())?)
}

/// A regular file with one name, below a folder, and its facts.
pub fn file(parent: impl AsFd, name: impl rustix::path::Arg + Copy) -> Result<(File, Stat), Unreadable> {
    let stat = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if let Some(what) = oddity(&stat) {
        return Err(Unreadable::Not(what));
    }
    if stat.st_mode & 0o400 == 0 {
        let _ = chmodat(&parent, name, Mode::RUSR, AtFlags::empty());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = openat(&parent, name, flags, Mode::empty())?;
    // Again, on what was really opened.
    let stat = rustix::fs::fstat(&opened)?;
    match oddity(&stat) {
        Some(what) => Err(Unreadable::Not(what)),
        None => Ok((opened.into(), stat)),
    }
}

/// The bytes of a small file; `None` in the result where it is larger than `most`.
pub fn read(parent: impl AsFd, name: &str, most: u64) -> Result<Option<Vec<u8>>, Unreadable> {
    let (file, _) = file(parent, name)?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(Unreadable::Io)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}
