//! Whose turn it is: a bound on simultaneous runs of a user and of a host, kept by the kernel's file locks.
//!
//! ```text
//! <state>/queue/<host>/<run>.ticket    one a waiting run, locked by its supervisor; names sort by submission
//! <state>/queue/<host>/slot.<n>        locked by a running run's supervisor, holds its calculation's number
//! /run/lock/mecapy-slot.<n>            the same for all users of the host
//! ```
//!
//! A lock goes with its process, however that ends, so nothing here needs a clean-up to be right. Nobody polls:
//! the kernel tells when a locked file is closed.

use super::{
    notify::Notify,
    spool::{Request, make_private},
};
use inotify::WatchMask;
use rustix::fs::{FlockOperation, OFlags};
use std::{
    convert::Infallible,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How long a ticket that nobody has locked yet is waited for: its supervisor is just starting.
const STARTING: Duration = Duration::from_secs(10);

/// After a wake-up: the kernel tells of the closing just before the lock is free.
const AGAIN: [Duration; 3] = [Duration::from_millis(2), Duration::from_millis(20), Duration::from_millis(200)];

/// Folders that every user of a host can write to, the first that is one.
const SHARED: [&str; 2] = ["/run/lock", "/tmp"];

/// The right to run, given back when dropped and by the kernel with the process.
#[derive(Debug)]
pub(super) struct Turn {
    user: File,
    _host: Option<File>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Nobody holds it any more; after a crash the old number stays, and is only shown while the slot is locked.
        let _ = self.user.set_len(0);
    }
}

/// A run in the queue: its ticket, and the slots that it waits for.
#[derive(Debug)]
pub(super) struct Entry {
    folder: PathBuf,
    ticket: PathBuf,
    _lock: File,
    calculation: String,
    user: Vec<Slot>,
    host: Vec<Slot>,
    /// What does not hold here.
    note: Option<String>,
}

#[derive(Debug)]
struct Slot {
    path: PathBuf,
    file: File,
}

/// What one look at the queue says.
enum Look {
    Turn(Turn),
    Wait { reason: String, look_again: Option<Duration> },
}

/// Puts a run into the queue: its place is by the time it was submitted.
pub(super) fn enter(request: &Request) -> io::Result<()> {
    make_private(&request.queue)?;
    let mut ticket = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(ticket(request))?;
    writeln!(ticket, "{}", request.calculation)
}

/// Takes a run out of the queue; one that is not in it is out.
pub(super) fn leave(request: &Request) {
    let _ = fs::remove_file(ticket(request));
}

/// Holds a turn for a run that goes on already, taken over from a supervisor that is gone: it counts among those that
/// run, and where all places are taken it has the next one that becomes free, since it was submitted before those that
/// wait. Never returns; dropped, it gives the turn back.
pub(super) async fn hold(request: Request) -> Infallible {
    let turn = match Entry::of(&request) {
        Ok(mut entry) => entry.turn(|_| {}).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &turn {
        tracing::warn!(%error, "a run that was taken over is not counted");
    }
    let _turn = turn;
    std::future::pending().await
}

fn ticket(request: &Request) -> PathBuf {
    request.queue.join(format!("{}.ticket", request.run))
}

impl Entry {
    /// The entry of a run whose supervisor this process is; it enters now if it had not.
    pub(super) fn of(request: &Request) -> io::Result<Self> {
        Self::sharing(request, shared_folder())
    }

    /// The same, with the folder that the users of the host share.
    fn sharing(request: &Request, shared: io::Result<&Path>) -> io::Result<Self> {
        let folder = request.queue.clone();
        make_private(&folder)?;
        let path = ticket(request);
        let open =
            |path: &Path| OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let lock = open(&path)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        lock.write_all_at(format!("{}\n", request.calculation).as_bytes(), 0)?;
        let user = (0..request.bounds.per_user.max(1)).map(|number| {
            let path = folder.join(format!("slot.{number}"));
            open(&path).map(|file| Slot { path, file })
        });
        let user = user.collect::<io::Result<_>>()?;
        let (host, note) = match shared.and_then(|shared| host_slots(shared, request.bounds.per_host)) {
            Ok(slots) => (slots, None),
            Err(error) => (Vec::new(), Some(format!("runs of other users are not counted on this host: {error}"))),
        };
        let calculation = request.calculation.to_string();
        Ok(Self { folder, ticket: path, _lock: lock, calculation, user, host, note })
    }

    /// What cannot be kept to on this host, in words.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Waits for the turn. `waiting` is told the reason whenever it changes; cancel safe.
    ///
    /// The entry is of no more use then, and to be dropped: it shares the slot's lock.
    pub(super) async fn turn(&mut self, mut waiting: impl FnMut(&str)) -> io::Result<Turn> {
        let closed = WatchMask::CLOSE_WRITE | WatchMask::CLOSE_NOWRITE;
        let hosts = self.host.iter().map(|slot| (slot.path.as_path(), closed));
        // In the folder only writers count: a look at a ticket opens and closes it too.
        let folder = (self.folder.as_path(), WatchMask::CLOSE_WRITE | WatchMask::DELETE);
        let mut notify = Notify::new(hosts.chain([folder]))?;
        let mut told = String::new();
        let mut again = AGAIN.iter();
        loop {
            let (reason, look_again) = match self.look()? {
                Look::Turn(turn) => {
                    let _ = fs::remove_file(&self.ticket);
                    return Ok(turn);
                }
                Look::Wait { reason, look_again } => (reason, look_again),
            };
            if reason != told {
                waiting(&reason);
                told = reason;
            }
            let next = again.next().copied().into_iter().chain(look_again).min();
            let timer = async {
                match next {
                    Some(next) => tokio::time::sleep(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = notify.changed() => again = AGAIN.iter(),
                () = timer => {}
            }
        }
    }

    fn look(&self) -> io::Result<Look> {
        let (ahead, look_again) = self.ahead()?;
        let (user, taken) = if ahead == 0 { free(&self.user)? } else { (None, self.user.len()) };
        let host = if user.is_some() { free(&self.host)?.0 } else { None };
        match (user, host) {
            (Some(user), host) if host.is_some() || self.host.is_empty() => {
                user.set_len(0)?;
                user.write_all_at(format!("{}\n", self.calculation).as_bytes(), 0)?;
                Ok(Look::Turn(Turn { user, _host: host }))
            }
            (Some(user), _) => {
                // Another user may wait for nothing but this one.
                rustix::fs::flock(&user, FlockOperation::Unlock)?;
                let all = self.host.len();
                Ok(Look::Wait {
                    reason: format!("{all} of {all} running on this host, all users together"),
                    look_again,
                })
            }
            (None, _) => Ok(Look::Wait { reason: self.reason(taken, ahead), look_again }),
        }
    }

    /// How many runs wait that were submitted earlier, and when to look again for one that is about to.
    fn ahead(&self) -> io::Result<(usize, Option<Duration>)> {
        let (mut ahead, mut look_again) = (0, None::<Duration>);
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "ticket") || path >= self.ticket {
                continue;
            }
            let Ok(file) = File::open(&path) else { continue };
            if rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_err() {
                ahead += 1;
                continue;
            }
            let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
            // Older ones have lost their supervisor; the next start of mecapy gives them another.
            if let Some(left) = STARTING.checked_sub(age) {
                ahead += 1;
                look_again = Some(look_again.map_or(left, |other| other.min(left)));
            }
        }
        Ok((ahead, look_again))
    }

    fn reason(&self, taken: usize, ahead: usize) -> String {
        let all = self.user.len();
        let running: Vec<_> = self.user.iter().filter_map(Slot::holder).collect();
        let reason = if running.len() == taken && taken == all {
            format!("{all} of {all} running: waiting for {}", running.join(" or "))
        } else {
            "waiting for its turn".to_owned()
        };
        if ahead > 0 { format!("{reason}, {ahead} ahead") } else { reason }
    }
}

impl Slot {
    /// `#12`, where somebody has the slot.
    fn holder(&self) -> Option<String> {
        let mut bytes = [0; 24];
        let read = self.file.read_at(&mut bytes, 0).ok()?;
        let number = std::str::from_utf8(&bytes[..read]).ok()?.trim().parse::<i64>().ok()?;
        Some(format!("#{number}"))
    }
}

/// A free slot, locked; and how many are taken.
fn free(slots: &[Slot]) -> io::Result<(Option<File>, usize)> {
    let mut taken = 0;
    for slot in slots {
        match rustix::fs::flock(&slot.file, FlockOperation::NonBlockingLockExclusive) {
            // The lock belongs to the open file: the copy has it, and goes on having it.
            Ok(()) => return slot.file.try_clone().map(|file| (Some(file), taken)),
            Err(rustix::io::Errno::WOULDBLOCK) => taken += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok((None, taken))
}

/// The folder that every user of this host can write to.
fn shared_folder() -> io::Result<&'static Path> {
    let is_shared = |path: &&Path| {
        fs::symlink_metadata(path).is_ok_and(|it| it.is_dir() && it.uid() == 0 && it.mode() & 0o1002 == 0o1002)
    };
    let folder = SHARED.into_iter().map(Path::new).find(is_shared);
    folder.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no folder that all users share"))
}

/// The slots of all users of the host.
///
/// They are plain files in a sticky folder of root's, opened for reading only (a lock needs no more), so whoever
/// made one, nobody else can change or remove it. The bound is kept by those who keep to it: a user could hold
/// slots to keep others waiting, as with any shared lock.
fn host_slots(folder: &Path, count: u32) -> io::Result<Vec<Slot>> {
    (0..count.max(1)).map(|number| shared_slot(folder.join(format!("mecapy-slot.{number}")))).collect()
}

fn shared_slot(path: PathBuf) -> io::Result<Slot> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let open = || OpenOptions::new().read(true).custom_flags(flags).open(&path);
    let file = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Not opened and created in one: in a sticky folder the kernel refuses that for another's file.
            let made = OpenOptions::new().write(true).create_new(true).mode(0o444).custom_flags(flags).open(&path);
            if let Ok(made) = &made {
                // Readable to all whatever the umask.
                rustix::fs::fchmod(made, 0o444.into())?;
            }
            open()?
        }
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no regular file", path.display())));
    }
    Ok(Slot { path, file })
}

/// Removes tickets that no run stands behind: those whose run `is_known` denies, once they are old enough.
pub(super) fn sweep(folder: &Path, is_known: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(run) = name.to_str().and_then(|name| name.strip_suffix(".ticket")) else { continue };
        let age = entry.metadata()?.modified()?;
        let age = SystemTime::now().duration_since(age).unwrap_or_default();
        if age > STARTING && !is_known(run) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
