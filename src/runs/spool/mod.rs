//! The spool: one folder a run, where its supervisor works and every other program only reads and leaves notes.
//!
//! ```text
//! <state>/spool/<run>/        mode 0700
//!                                                                            written by
//!   format                    the number of this layout                      whoever submits; once
//!   request.json              what was asked for                             whoever submits; once
//!   lock                      flock'd for as long as somebody works on it    whoever submits; once, empty
//!   reserve                   space kept so that a full disk can still       whoever submits; once
//!                             hold final.json
//!   cancel                    exists once the owner asked to stop            anybody
//!   kill                      exists once the owner asked again: no grace    anybody
//!   deleted                   exists once its calculation was deleted:       whoever deletes
//!                             nothing of it is to be kept
//!   supervisor.json           which process supervises                       the holder of the lock, as all below
//!   supervisor.log            what that process said                         its standard output and error
//!   state.json                live state, replaced as it changes
//!   inputs/                   input files on their way from the store into work/in
//!   work/                     in/, out/, scratch/ of the runtime contract
//!   starting                  exists from just before the sandbox is started: the code may have run
//!   sandbox.json              which process or container the sandbox is
//!   log, log.index            stdout and stderr as they came ([`log`])
//!   ended.json                how the sandbox ended, once its output was read
//!   collected/                copies of the output files
//!   final.json                how the run ended: the truth, delivered until database and store have it
//!   log.gz                    the log as it is put into the store
//! ```
//!
//! A JSON file is replaced in one step: `<name>.new` is what is being written. A folder that is being made is called
//! `.<run>.new`, one that is being removed `.<run>.gone`; nobody takes them for a run. The folder goes only after its
//! delivery. A newer mecapy reads the layouts of older ones.
//!
//! Who may write what is a matter of types: a [`Spool`] reads and leaves the three notes, everything else needs a
//! [`LockedSpool`], of which there is one in the world for each run.

mod error;
mod folder;
mod locked;
mod names;
mod records;
mod request;

pub mod log;

pub use error::SpoolError;
pub(super) use folder::make_private;
pub(super) use locked::LockedSpool;
pub(super) use records::{Final, SandboxEnd};
pub use request::Input;
pub(super) use request::{Bounds, Request};

use crate::{
    domain::{id::RunId, run_state::RunState},
    sandbox::Identity,
};
use rustix::fs::FlockOperation;
use serde::de::DeserializeOwned;
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// The number of the layout that this program writes.
const FORMAT: u32 = 1;

/// One run's folder, as anybody may use it: to read, and to leave a note for whoever works on the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// The folder of `run` below `root`, whether it is there or not.
    pub(super) fn of(root: &Path, run: RunId) -> Self {
        Self { folder: root.join(run.to_string()) }
    }

    /// A folder that is not there any more.
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// A folder that is there, of a format this program knows.
    pub(super) fn open(folder: &Path) -> Result<Self, SpoolError> {
        let spool = Self { folder: folder.to_owned() };
        let path = spool.path(names::FORMAT);
        let text = fs::read_to_string(&path).map_err(|source| spool.failed(names::FORMAT, source))?;
        match text.trim().parse::<u32>() {
            Ok(found) if found > FORMAT => Err(SpoolError::Newer { path: folder.to_owned(), found, known: FORMAT }),
            Ok(_) => Ok(spool),
            Err(error) => Err(SpoolError::Damaged { path, problem: error.to_string() }),
        }
    }

    /// The runs that have a folder below `root`, oldest first.
    pub(super) fn list(root: &Path) -> Result<Vec<RunId>, SpoolError> {
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
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether somebody supervises the run. Only looks: it opens for reading, which wakes no watch of writers.
    pub(super) fn is_locked(&self) -> bool {
        File::open(self.path(names::LOCK)).is_ok_and(|file| {
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// Takes the lock, or says `None` when another process lives that holds it.
    pub(super) fn try_lock(&self) -> Result<Option<LockedSpool>, SpoolError> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(names::LOCK));
        let file = file.map_err(|source| self.failed(names::LOCK, source))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(LockedSpool::new(self.clone(), Arc::new(file)))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(self.failed(names::LOCK, error.into())),
        }
    }

    /// What was asked for.
    pub(super) fn request(&self) -> Result<Request, SpoolError> {
        self.read(names::REQUEST)?.ok_or_else(|| self.failed(names::REQUEST, io::ErrorKind::NotFound.into()))
    }

    /// The live state; `None` where nobody has written any yet.
    pub(super) fn state(&self) -> Result<Option<RunState>, SpoolError> {
        self.read(names::STATE)
    }

    /// Whether a supervisor has said which process it is.
    pub(super) fn has_supervisor(&self) -> bool {
        self.path(names::SUPERVISOR).exists()
    }

    /// Whether its code may have run.
    pub(super) fn may_have_started(&self) -> bool {
        self.path(names::STARTING).exists()
    }

    /// Since when it may have run.
    pub(super) fn starting_at(&self) -> Option<SystemTime> {
        fs::metadata(self.path(names::STARTING)).and_then(|marker| marker.modified()).ok()
    }

    /// Which process or container its sandbox is, once there is one.
    pub(super) fn sandbox(&self) -> Result<Option<Identity>, SpoolError> {
        self.read(names::SANDBOX)
    }

    /// How its sandbox ended, once it has and its output was read.
    pub(super) fn sandbox_end(&self) -> Result<Option<SandboxEnd>, SpoolError> {
        self.read(names::SANDBOX_END)
    }

    /// How it ended, once it has.
    pub(super) fn outcome(&self) -> Result<Option<Final>, SpoolError> {
        self.read(names::FINAL)
    }

    /// Bytes of its log so far.
    pub(super) fn log_size(&self) -> u64 {
        fs::metadata(self.path(log::LOG)).map_or(0, |log| log.len())
    }

    /// Asks the supervisor to stop the run.
    pub(super) fn ask_to_stop(&self) -> Result<(), SpoolError> {
        self.leave_note(names::CANCEL)
    }

    /// Whether its owner asked to stop it.
    pub(super) fn is_asked_to_stop(&self) -> bool {
        self.path(names::CANCEL).exists()
    }

    /// Asks the supervisor to end the run at once, whatever is left of its grace.
    pub(super) fn ask_to_end_now(&self) -> Result<(), SpoolError> {
        // In this order: whoever sees that it is to stop sees how, too.
        self.leave_note(names::KILL)?;
        self.ask_to_stop()
    }

    /// Whether its owner asked for that.
    pub(super) fn is_asked_to_end_now(&self) -> bool {
        self.path(names::KILL).exists()
    }

    /// Notes that the calculation is being deleted: what the database does not know any more is then not kept either.
    /// A folder that has gone needs no note.
    pub(super) fn mark_deleted(&self) -> Result<(), SpoolError> {
        match self.leave_note(names::DELETED) {
            Err(SpoolError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Takes that back: it was not deleted.
    pub(super) fn unmark_deleted(&self) {
        let _ = fs::remove_file(self.path(names::DELETED));
    }

    /// Whether the calculation was deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.path(names::DELETED).exists()
    }

    /// Where a supervisor's standard output and error go, opened before it has the lock.
    pub(super) fn supervisor_log(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(self.path(names::SUPERVISOR_LOG))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads a JSON file; `None` where there is none.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, SpoolError> {
        let bytes = match fs::read(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|source| self.failed(name, source))?,
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| SpoolError::Damaged { path: self.path(name), problem: error.to_string() })
    }

    /// A file that says something by being there.
    fn leave_note(&self, name: &str) -> Result<(), SpoolError> {
        let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.path(name));
        made.map(drop).map_err(|source| self.failed(name, source))
    }

    fn failed(&self, name: &str, source: io::Error) -> SpoolError {
        SpoolError::Io { path: self.path(name), source }
    }
}

#[cfg(test)]
mod tests;
