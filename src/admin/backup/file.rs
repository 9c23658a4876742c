//! Files of copies: what kind they are, and how one comes under its name only when it is whole.

use crate::admin::error::AdminError;
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use migrations::Dialect;
use rustix::fs::{CWD, RenameFlags};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// How a copy is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A SQLite file.
    Database,
    /// PostgreSQL's own archive, compressed.
    Archive,
    /// SQL.
    Sql,
    /// SQL, compressed.
    SqlGz,
}

impl Format {
    /// As the name ends; without an ending that says so, the engine's own.
    pub fn of_name(path: &Path, dialect: Dialect) -> Result<Self, AdminError> {
        let name = path.to_string_lossy().to_ascii_lowercase();
        let ends = |with: &str| name.ends_with(with);
        match dialect {
            _ if ends(".sql") => Ok(Self::Sql),
            _ if ends(".sql.gz") => Ok(Self::SqlGz),
            Dialect::Postgres if ends(".db") || ends(".sqlite") => {
                Err(file_error(path, "a SQLite file of a PostgreSQL database cannot be made; name it .dump or .sql"))
            }
            Dialect::Sqlite if ends(".dump") => {
                Err(file_error(path, "an archive of pg_dump cannot be made of a SQLite file; name it .db or .sql"))
            }
            Dialect::Sqlite => Ok(Self::Database),
            Dialect::Postgres => Ok(Self::Archive),
        }
    }

    /// As the first bytes say.
    pub(super) fn of_content(path: &Path) -> Result<Self, AdminError> {
        let mut head = [0; 16];
        let mut file = File::open(path).map_err(|error| file_error(path, &error))?;
        let mut length = 0;
        while length < head.len() {
            match file.read(&mut head[length..]).map_err(|error| file_error(path, &error))? {
                0 => break,
                more => length += more,
            }
        }
        match &head[..length] {
            [] => Err(file_error(path, "it is empty")),
            head if head.starts_with(b"SQLite format 3\0") => Ok(Self::Database),
            head if head.starts_with(b"PGDMP") => Ok(Self::Archive),
            [0x1f, 0x8b, ..] => Ok(Self::SqlGz),
            _ => Ok(Self::Sql),
        }
    }
}

/// A file that is being written, beside the one that it becomes; gone unless it is finished.
pub(super) struct PartialFile {
    path: PathBuf,
    finished: bool,
}

/// What became of it.
pub(super) struct Finished {
    pub(super) size: u64,
}

impl PartialFile {
    /// Makes it, readable by its owner only.
    pub(super) fn beside(path: &Path) -> Result<Self, AdminError> {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let part = PathBuf::from(name);
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
        made.map_err(|error| file_error(path, &error))?;
        Ok(Self { path: part, finished: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it on the disk and gives it its name.
    pub(super) fn finish(mut self, path: &Path, overwrite: bool) -> Result<Finished, AdminError> {
        let flags = if overwrite { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let done = File::open(&self.path).and_then(|file| {
            file.sync_all()?;
            rustix::fs::renameat_with(CWD, &self.path, CWD, path, flags)?;
            let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?;
            Ok(file.metadata()?.len())
        });
        let size = done.map_err(|error| file_error(path, &error))?;
        self.finished = true;
        Ok(Finished { size })
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.finished {
            // What is there of it, and of SQLite's files beside it, is no copy; the error that is told is the first one.
            for suffix in ["", "-journal", "-wal", "-shm"] {
                let mut name = self.path.as_os_str().to_owned();
                name.push(suffix);
                drop(fs::remove_file(name));
            }
        }
    }
}

/// A file that SQL is written to, compressed or not.
pub(super) enum Writer {
    Plain(BufWriter<File>),
    Packed(GzEncoder<BufWriter<File>>),
}

impl Writer {
    pub(super) fn open(path: &Path, packed: bool) -> io::Result<Self> {
        let file = BufWriter::new(OpenOptions::new().write(true).truncate(true).open(path)?);
        Ok(if packed { Self::Packed(GzEncoder::new(file, Compression::default())) } else { Self::Plain(file) })
    }

    /// Ends it; everything is with the system then.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Packed(packed) => packed.finish()?.flush(),
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Packed(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Packed(file) => file.flush(),
        }
    }
}

/// SQL from a file, unpacked where it is packed.
pub(super) fn reader(path: &Path, format: Format) -> io::Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(path)?);
    Ok(if format == Format::SqlGz { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// What went wrong with a file.
pub(super) fn file_error(path: &Path, problem: &(impl ToString + ?Sized)) -> AdminError {
    AdminError::File { path: path.display().to_string(), problem: problem.to_string() }
}
