//! The embedded file: the kernel tells that it or its log was written, `data_version` whether somebody committed.

use super::{Change, checks::Checks};
use crate::{db::filesystem, domain::change::Kinds};
use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use sqlx::{
    Connection as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use std::{
    ffi::OsString,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{io::unix::AsyncFd, time::Instant};

/// How often to look where the kernel does not tell: it is out of watches, or another host may write.
const LOOK: Duration = Duration::from_secs(1);

/// Watches one database file.
#[derive(Debug)]
pub(super) struct FileWatch {
    path: PathBuf,
    /// Which file it is: another one may take its name.
    inode: u64,
    kernel: Option<Kernel>,
    /// A look each second.
    ticking: bool,
    checks: Checks,
    /// `data_version` is a connection's own view: the same one is asked each time.
    connection: Option<SqliteConnection>,
    version: Option<i64>,
    silent: bool,
}

impl FileWatch {
    /// Watches from now on.
    pub(super) fn new(path: PathBuf) -> Self {
        let folder = path.parent().unwrap_or(Path::new("/"));
        // Of a network's file the kernel tells only what this host writes.
        let is_network = filesystem::of(folder).is_ok_and(|kind| kind.is_network);
        let kernel = Kernel::watch(&path).inspect_err(|error| {
            let limits = "fs.inotify.max_user_instances, fs.inotify.max_user_watches";
            tracing::warn!(%error, "no watch on the database ({limits}): looking for changes each second");
        });
        if is_network {
            tracing::info!("the database is on a network file system: looking for changes each second");
        }
        let inode = path.metadata().map_or(0, |file| file.ino());
        let ticking = is_network || kernel.is_err();
        Self {
            path,
            inode,
            kernel: kernel.ok(),
            ticking,
            checks: Checks::default(),
            connection: None,
            version: None,
            silent: false,
        }
    }

    /// The next change. Cancel safe but for one look, which the next one repeats.
    pub(super) async fn next(&mut self) -> Change {
        if self.version.is_none() {
            self.look().await;
            // What was written since `new` is in the watch already: nothing is lost between the two.
            if self.kernel.as_mut().is_some_and(Kernel::read) {
                self.checks.restart(Instant::now());
                return Change::Rows(Kinds::ALL);
            }
        }
        loop {
            let (due, ticking) = (self.checks.next(), self.ticking);
            let more = !self.silent && !self.checks.is_first_due();
            tokio::select! {
                biased;
                () = until(due) => {
                    self.checks.checked(Instant::now());
                    if let Some(change) = self.look().await {
                        return change;
                    }
                }
                () = Kernel::changed(self.kernel.as_mut()), if more => self.checks.restart(Instant::now()),
                () = tokio::time::sleep(LOOK), if more && ticking => {
                    if let Some(change) = self.look().await {
                        return change;
                    }
                }
            }
        }
    }

    /// What was committed by now.
    pub(super) async fn caught_up(&mut self) -> Option<Change> {
        // The first look of all belongs to `next`, which knows what was written before it.
        if self.version.is_some() { self.look().await } else { None }
    }

    /// Whether somebody committed since the last look.
    async fn look(&mut self) -> Option<Change> {
        if self.silent {
            return None;
        }
        if self.path.metadata().map_or(0, |file| file.ino()) != self.inode {
            self.silent = true;
            self.close().await;
            return Some(Change::Silent(format!(
                "the database {} was replaced or removed while it was open; start mecapy again",
                self.path.display()
            )));
        }
        let version = match self.ask().await {
            Ok(version) => version,
            Err(error) => {
                // Busy: the commit that is under way is looked for again.
                tracing::debug!(%error, "data_version");
                return None;
            }
        };
        let before = self.version.replace(version);
        let is_new = before.is_some_and(|before| before != version);
        is_new.then_some(Change::Rows(Kinds::ALL))
    }

    async fn ask(&mut self) -> Result<i64, sqlx::Error> {
        let connection = if let Some(connection) = &mut self.connection {
            connection
        } else {
            let options = SqliteConnectOptions::new().filename(&self.path).read_only(true);
            let options = options.busy_timeout(Duration::ZERO).statement_cache_capacity(1);
            self.connection.insert(SqliteConnection::connect_with(&options).await?)
        };
        sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
    }

    /// Lets go of the file.
    pub(super) async fn close(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "watching connection");
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The kernel's watches: on the file and its log for what is written, on their folder for logs that come and go.
#[derive(Debug)]
struct Kernel {
    events: AsyncFd<Inotify>,
    folder: WatchDescriptor,
    path: PathBuf,
    /// The names of the file, its log and its rollback journal.
    names: [OsString; 3],
}

impl Kernel {
    fn watch(path: &Path) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let name = path.file_name().unwrap_or_default();
        let with = |suffix: &str| {
            let mut name = name.to_owned();
            name.push(suffix);
            name
        };
        let mask = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::MOVED_FROM | WatchMask::DELETE;
        let folder = inotify.watches().add(path.parent().unwrap_or(Path::new("/")), mask)?;
        #[expect(deprecated, reason = "its successor is unsafe; an Inotify keeps its one descriptor for its life")]
        let events = AsyncFd::new(inotify)?;
        let mut kernel =
            Self { events, folder, path: path.to_owned(), names: [with(""), with("-wal"), with("-journal")] };
        kernel.watch_files()?;
        Ok(kernel)
    }

    /// Watches the files that are there; watching one twice is watching it once.
    fn watch_files(&mut self) -> io::Result<()> {
        for name in &self.names[..2] {
            match self.events.get_ref().watches().add(self.path.with_file_name(name), WatchMask::MODIFY) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns when one of the files was written, made, moved or removed; never without a kernel that tells.
    async fn changed(kernel: Option<&mut Self>) {
        let Some(kernel) = kernel else { return std::future::pending().await };
        loop {
            let Ok(mut ready) = kernel.events.readable_mut().await else { return std::future::pending().await };
            ready.clear_ready();
            if kernel.read() {
                return;
            }
        }
    }

    /// Reads all events that are there; whether one of them is about the files.
    fn read(&mut self) -> bool {
        let (mut is_ours, mut came_or_went) = (false, false);
        let mut buffer = [0; 4_096];
        while let Ok(events) = self.events.get_mut().read_events(&mut buffer) {
            let mut is_over = true;
            for event in events {
                is_over = false;
                let in_folder = event.wd == self.folder;
                let is_named = || event.name.is_some_and(|name| self.names.iter().any(|own| own == name));
                if (in_folder && is_named()) || event.mask.contains(EventMask::Q_OVERFLOW) {
                    (is_ours, came_or_went) = (true, true);
                }
                is_ours |= !in_folder && event.mask.contains(EventMask::MODIFY);
            }
            if is_over {
                break;
            }
        }
        if came_or_went && let Err(error) = self.watch_files() {
            tracing::warn!(%error, "the database's new log cannot be watched");
        }
        is_ours
    }
}
