//! The spool in the hands of whoever works on its run: everything but the notes is written here.

use super::{
    FORMAT, Final, Request, SandboxEnd, Spool, SpoolError,
    folder::{make_private, sync_folder},
    log::LogWriter,
    names,
};
use crate::{
    domain::run_state::RunState,
    runs::removal,
    sandbox::{Identity, builtin},
};
use rustix::fs::{FallocateFlags, FlockOperation};
use serde::Serialize;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    ops::Deref,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Enough for a final record: 50,000 characters of result, 1,000 output names, notes.
const RESERVE: u64 = 2 << 20;

/// A spool that nobody else works on: the lock is released when the last copy is dropped, and by the kernel with the
/// process.
#[derive(Clone, Debug)]
pub(in crate::runs) struct LockedSpool {
    spool: Spool,
    _lock: Arc<File>,
}

impl Deref for LockedSpool {
    type Target = Spool;

    fn deref(&self) -> &Spool {
        &self.spool
    }
}

impl LockedSpool {
    /// Makes the folder for `request`, whole and on the disk, or not at all.
    pub(in crate::runs) fn create(root: &Path, request: &Request) -> Result<Self, SpoolError> {
        let of_root = |source| SpoolError::Io { path: root.to_owned(), source };
        make_private(root).map_err(of_root)?;
        let spool = Spool::of(root, request.run);
        // Nobody lists names with a leading dot: what is half made belongs to nobody.
        let making = Spool::at(&root.join(format!(".{}{}", request.run, names::REPLACING)));
        let made = fill(&making, request).and_then(|lock| {
            fs::rename(making.folder(), spool.folder()).map_err(|source| spool.failed("", source))?;
            sync_folder(root).map_err(of_root)?;
            Ok(lock)
        });
        if made.is_err() {
            let _ = removal::remove(making.folder());
        }
        made.map(|lock| Self::new(spool, Arc::new(lock)))
    }

    pub(super) const fn new(spool: Spool, lock: Arc<File>) -> Self {
        Self { spool, _lock: lock }
    }

    /// Gives the lock back, unless there is another copy of it.
    pub(in crate::runs) fn unlock(self) -> Spool {
        self.spool
    }

    /// Says which process supervises.
    pub(in crate::runs) fn write_supervisor(&self, process: &builtin::Identity) -> Result<(), SpoolError> {
        self.replace(names::SUPERVISOR, process, false)
    }

    /// Replaces the live state.
    pub(in crate::runs) fn write_state(&self, state: &RunState) -> Result<(), SpoolError> {
        self.replace(names::STATE, state, false)
    }

    /// Notes that the sandbox is about to be started. Not forced to the disk: a host that goes down takes the code
    /// along, which then simply runs again.
    pub(in crate::runs) fn mark_starting(&self) -> Result<(), SpoolError> {
        self.replace(names::STARTING, &(), false)
    }

    /// Takes that back: it never was.
    pub(in crate::runs) fn unmark_starting(&self) -> io::Result<()> {
        fs::remove_file(self.path(names::STARTING))
    }

    /// Says which process or container the sandbox is.
    pub(in crate::runs) fn write_sandbox(&self, identity: &Identity) -> Result<(), SpoolError> {
        self.replace(names::SANDBOX, identity, false)
    }

    /// Says how the sandbox ended.
    pub(in crate::runs) fn write_sandbox_end(&self, end: &SandboxEnd) -> Result<(), SpoolError> {
        self.replace(names::SANDBOX_END, end, false)
    }

    /// Writes down how it ended, for good: from here on this is what happened.
    pub(in crate::runs) fn finish(&self, end: &Final) -> Result<(), SpoolError> {
        match self.replace(names::FINAL, end, true) {
            Err(error) if error.is_full() => {
                // What the reserve is for.
                let _ = fs::remove_file(self.path(names::RESERVE));
                self.replace(names::FINAL, end, true)
            }
            done => done,
        }
    }

    /// Where input files lie on their way into the folders of the contract.
    pub(in crate::runs) fn inputs(&self) -> PathBuf {
        self.path(names::INPUTS)
    }

    /// The folders of the runtime contract.
    pub(in crate::runs) fn work(&self) -> PathBuf {
        self.path(names::WORK)
    }

    /// Copies of the output files.
    pub(in crate::runs) fn collected(&self) -> PathBuf {
        self.path(names::COLLECTED)
    }

    /// The log as it is put into the store.
    pub(in crate::runs) fn packed_log(&self) -> PathBuf {
        self.path(names::PACKED_LOG)
    }

    /// A new, empty log that keeps at most `limit` bytes.
    pub(in crate::runs) fn new_log(&self, limit: u64) -> Result<LogWriter, SpoolError> {
        LogWriter::create(self.folder(), limit).map_err(|source| self.failed(super::log::LOG, source))
    }

    /// The log, to add what is known about the end of its writer.
    pub(in crate::runs) fn append_to_log(&self) -> io::Result<LogWriter> {
        LogWriter::append(self.folder())
    }

    /// Removes the folder with all that is in it. Nobody finds it half removed.
    pub(in crate::runs) fn remove(self) -> Result<(), SpoolError> {
        removal::remove(self.folder()).map_err(|source| self.failed("", source))
    }

    /// Replaces a JSON file in one step; a durable one is on the disk when this returns.
    fn replace<T: Serialize>(&self, name: &str, value: &T, durable: bool) -> Result<(), SpoolError> {
        let new = self.path(&format!("{name}{}", names::REPLACING));
        let text = serde_json::to_vec(value)
            .map_err(|error| SpoolError::Damaged { path: self.path(name), problem: error.to_string() })?;
        let written =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).and_then(|mut file| {
                file.write_all(&text)?;
                if durable { file.sync_all() } else { Ok(()) }
            });
        written
            .and_then(|()| fs::rename(&new, self.path(name)))
            .and_then(|()| if durable { sync_folder(self.folder()) } else { Ok(()) })
            .map_err(|source| {
                let _ = fs::remove_file(&new);
                self.failed(name, source)
            })
    }
}

/// Fills a new folder; its lock.
fn fill(spool: &Spool, request: &Request) -> Result<File, SpoolError> {
    DirBuilder::new().mode(0o700).create(spool.folder()).map_err(|source| spool.failed("", source))?;
    let reserve = new_file(spool, names::RESERVE)?;
    match rustix::fs::fallocate(&reserve, FallocateFlags::empty(), 0, RESERVE) {
        // Some file systems cannot promise space; then there is no promise.
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
        Err(error) => return Err(spool.failed(names::RESERVE, error.into())),
    }
    let lock = new_file(spool, names::LOCK)?;
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| spool.failed(names::LOCK, error.into()))?;
    let text = serde_json::to_vec(request)
        .map_err(|error| SpoolError::Damaged { path: spool.path(names::REQUEST), problem: error.to_string() })?;
    for (name, text) in [(names::REQUEST, &text[..]), (names::FORMAT, format!("{FORMAT}\n").as_bytes())] {
        let mut file = new_file(spool, name)?;
        file.write_all(text).and_then(|()| file.sync_all()).map_err(|source| spool.failed(name, source))?;
    }
    sync_folder(spool.folder()).map_err(|source| spool.failed("", source))?;
    Ok(lock)
}

fn new_file(spool: &Spool, name: &str) -> Result<File, SpoolError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(spool.path(name));
    file.map_err(|source| spool.failed(name, source))
}
