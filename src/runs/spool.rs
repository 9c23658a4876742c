//! The spool: one folder a run, where its supervisor works and every other program only reads.
//!
//! ```text
//! <state>/spool/<run>/        mode 0700
//!   format                    the number of this layout; a newer mecapy reads older ones
//!   request.json              what was asked for; written once
//!   lock                      flock'd by the supervisor for as long as it lives
//!   supervisor.json           which process that is; supervisor.log: what it said
//!   state.json                live state, replaced as it changes
//!   cancel                    exists once the owner asked to stop
//!   kill                      exists once the owner asked again: no grace, or no more of it
//!   deleted                   exists once its calculation was deleted: nothing of it is to be kept
//!   work/                     in/, out/, scratch/ of the runtime contract
//!   sandbox.json              which process is the sandbox
//!   log, log.index            stdout and stderr as they came
//!   collected/                copies of the output files
//!   final.json                how it ended: the truth, delivered until database and store have it
//!   reserve                   space kept so that a full disk can still hold final.json
//! ```
//!
//! The folder goes only after its delivery.

use super::request::Request;
use crate::domain::{id::RunId, run::Outcome};
use chrono::NaiveDateTime;
use rustix::fs::{FallocateFlags, FlockOperation};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The number of the layout that this program writes.
pub const FORMAT: u32 = 1;

/// The note that the run is to end.
const CANCEL: &str = "cancel";
/// The note that it is to end at once.
const KILL: &str = "kill";
/// The note that the calculation was deleted.
const DELETED: &str = "deleted";

/// Enough for a final record: 50,000 characters of result, 1,000 output names, notes.
const RESERVE: u64 = 2 << 20;

/// One run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    folder: PathBuf,
}

/// Why a spool folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that does not read as what it should be.
    #[error("{path} cannot be read: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Written by a newer program.
    #[error("{path} has format {found}, this mecapy knows up to {FORMAT}; a newer mecapy must finish that run")]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

impl SpoolError {
    /// Whether the disk is full: it may pass, so it is tried again.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// How a run ended: the record that database and store are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Final {
    /// What happened.
    pub outcome: Outcome,
    /// UTC.
    pub completed_at: NaiveDateTime,
}

/// The proof that nobody else works on the run: released when dropped, and by the kernel with the process.
#[derive(Debug)]
pub struct SpoolLock {
    _file: File,
}

impl Spool {
    /// Makes the folder for `request`, whole and on the disk, or not at all. The caller holds its lock.
    pub fn create(root: &Path, request: &Request) -> Result<(Self, SpoolLock), SpoolError> {
        make_private(root).map_err(|source| SpoolError::Io { path: root.to_owned(), source })?;
        let spool = Self::of(root, request.run);
        // Nobody lists names with a leading dot: what is half made belongs to nobody.
        let making = Self { folder: root.join(format!(".{}.new", request.run)) };
        let made = making.fill(request).and_then(|lock| {
            fs::rename(&making.folder, &spool.folder).map_err(|source| spool.failed("", source))?;
            sync_folder(root).map_err(|source| SpoolError::Io { path: root.to_owned(), source })?;
            Ok(lock)
        });
        if made.is_err() {
            let _ = super::trash::remove(&making.folder);
        }
        made.map(|lock| (spool, lock))
    }

    /// The folder of `run` below `root`, whether it is there or not.
    pub fn of(root: &Path, run: RunId) -> Self {
        Self { folder: root.join(run.to_string()) }
    }

    /// A folder that is not there any more.
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Whether somebody supervises the run. Only looks: it opens for reading, which wakes no watch of writers.
    pub fn is_locked(&self) -> bool {
        File::open(self.path("lock")).is_ok_and(|file| {
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// A folder that is there, of a format this program knows.
    pub fn open(folder: &Path) -> Result<Self, SpoolError> {
        let spool = Self { folder: folder.to_owned() };
        let path = spool.path("format");
        let text = fs::read_to_string(&path).map_err(|source| spool.failed("format", source))?;
        match text.trim().parse::<u32>() {
            Ok(found) if found > FORMAT => Err(SpoolError::Newer { path: folder.to_owned(), found }),
            Ok(_) => Ok(spool),
            Err(error) => Err(SpoolError::Damaged { path, problem: error.to_string() }),
        }
    }

    /// The runs that have a folder below `root`, oldest first.
    pub fn list(root: &Path) -> Result<Vec<RunId>, SpoolError> {
        let failed = |source| SpoolError::Io { path: root.to_owned(), source };
        let mut runs = Vec::new();
        let entries = match fs::read_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(runs),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            // Names that are no run (being made, being removed, somebody's) are passed over.
            if let Some(run) = entry.map_err(failed)?.file_name().to_str().and_then(|name| name.parse().ok()) {
                runs.push(run);
            }
        }
        runs.sort_unstable();
        Ok(runs)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What was asked for.
    pub fn request(&self) -> Result<Request, SpoolError> {
        self.read("request.json")?.ok_or_else(|| self.failed("request.json", io::ErrorKind::NotFound.into()))
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Result<Option<Final>, SpoolError> {
        self.read("final.json")
    }

    /// Writes down how it ended, for good: from here on this is what happened.
    pub fn finish(&self, end: &Final) -> Result<(), SpoolError> {
        match self.write_durable("final.json", end) {
            Err(error) if error.is_full() => {
                // What the reserve is for.
                let _ = fs::remove_file(self.path("reserve"));
                self.write_durable("final.json", end)
            }
            done => done,
        }
    }

    /// Takes the lock, or says `None` when another process lives that holds it.
    pub fn try_lock(&self) -> Result<Option<SpoolLock>, SpoolError> {
        let file = OpenOptions::new().read(true).write(true).open(self.path("lock"));
        let file = file.map_err(|source| self.failed("lock", source))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(SpoolLock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(self.failed("lock", error.into())),
        }
    }

    /// Asks the supervisor to stop the run.
    pub fn ask_to_stop(&self) -> Result<(), SpoolError> {
        self.note(CANCEL)
    }

    /// Whether its owner asked to stop it.
    pub fn is_asked_to_stop(&self) -> bool {
        self.path(CANCEL).exists()
    }

    /// Asks the supervisor to end the run at once, whatever is left of its grace.
    pub fn ask_to_end_now(&self) -> Result<(), SpoolError> {
        // In this order: whoever sees that it is to stop sees how, too.
        self.note(KILL)?;
        self.ask_to_stop()
    }

    /// Whether its owner asked for that.
    pub fn is_asked_to_end_now(&self) -> bool {
        self.path(KILL).exists()
    }

    /// Notes that the calculation is being deleted: what the database does not know any more is then not kept either.
    /// A folder that has gone needs no note.
    pub(super) fn forget(&self) -> Result<(), SpoolError> {
        match self.note(DELETED) {
            Err(SpoolError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Takes that back: it was not deleted.
    pub(super) fn remember(&self) {
        let _ = fs::remove_file(self.path(DELETED));
    }

    /// Whether the calculation was deleted.
    pub(super) fn is_forgotten(&self) -> bool {
        self.path(DELETED).exists()
    }

    /// Reads a JSON file of the folder; `None` where there is none.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, SpoolError> {
        let bytes = match fs::read(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|source| self.failed(name, source))?,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| SpoolError::Damaged { path: self.path(name), problem: error.to_string() })
    }

    /// Replaces a JSON file of the folder in one step.
    pub fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), SpoolError> {
        self.replace(name, value, false)
    }

    /// The same, and on the disk when it returns.
    pub fn write_durable<T: Serialize>(&self, name: &str, value: &T) -> Result<(), SpoolError> {
        self.replace(name, value, true)
    }

    /// Removes the folder with all that is in it. Nobody finds it half removed.
    pub fn remove(self) -> Result<(), SpoolError> {
        super::trash::remove(&self.folder).map_err(|source| SpoolError::Io { path: self.folder, source })
    }

    fn fill(&self, request: &Request) -> Result<SpoolLock, SpoolError> {
        fs::DirBuilder::new().mode(0o700).create(&self.folder).map_err(|source| self.failed("", source))?;
        let reserve = self.new_file("reserve")?;
        match rustix::fs::fallocate(&reserve, FallocateFlags::empty(), 0, RESERVE) {
            // Some file systems cannot promise space; then there is no promise.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(self.failed("reserve", error.into())),
        }
        let lock = self.new_file("lock")?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| self.failed("lock", error.into()))?;
        let text = serde_json::to_vec(request)
            .map_err(|error| SpoolError::Damaged { path: self.path("request.json"), problem: error.to_string() })?;
        for (name, text) in [("request.json", &text[..]), ("format", format!("{FORMAT}\n").as_bytes())] {
            let mut file = self.new_file(name)?;
            file.write_all(text).and_then(|()| file.sync_all()).map_err(|source| self.failed(name, source))?;
        }
        sync_folder(&self.folder).map_err(|source| self.failed("", source))?;
        Ok(SpoolLock { _file: lock })
    }

    /// A file that says something by being there.
    fn note(&self, name: &str) -> Result<(), SpoolError> {
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.path(name));
        made.map(drop).map_err(|source| self.failed(name, source))
    }

    fn new_file(&self, name: &str) -> Result<File, SpoolError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(name));
        file.map_err(|source| self.failed(name, source))
    }

    fn replace<T: Serialize>(&self, name: &str, value: &T, durable: bool) -> Result<(), SpoolError> {
        let new = self.path(&format!("{name}.new"));
        let text = serde_json::to_vec(value)
            .map_err(|error| SpoolError::Damaged { path: self.path(name), problem: error.to_string() })?;
        let written =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).and_then(|mut file| {
                file.write_all(&text)?;
                if durable { file.sync_all() } else { Ok(()) }
            });
        written
            .and_then(|()| fs::rename(&new, self.path(name)))
            .and_then(|()| if durable { sync_folder(&self.folder) } else { Ok(()) })
            .map_err(|source| {
                let _ = fs::remove_file(&new);
                self.failed(name, source)
            })
    }

    fn failed(&self, name: &str, source: io::Error) -> SpoolError {
        SpoolError::Io { path: self.path(name), source }
    }
}

/// Makes a folder (and those above it) that only its owner may enter.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
