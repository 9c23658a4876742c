//! Waiting for files to change: the kernel tells; where it cannot, a look each second.

use inotify::{Inotify, WatchMask};
use std::{io, path::Path, time::Duration};
use tokio::io::unix::AsyncFd;

/// How often to look where the kernel has no watch left to give.
const LOOK: Duration = Duration::from_secs(1);

/// Wakes its owner when something watched changed.
#[derive(Debug)]
pub(crate) struct Notify(Option<AsyncFd<Inotify>>);

impl Notify {
    /// Watches each path for its mask. A path that is not there is an error; a system that is out of watches is not.
    pub(crate) fn new<'a>(watched: impl IntoIterator<Item = (&'a Path, WatchMask)>) -> io::Result<Self> {
        let mut inotify = match Inotify::init() {
            Ok(inotify) => inotify,
            Err(error) => return Self::without(&error),
        };
        for (path, mask) in watched {
            match inotify.watches().add(path, mask) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(error) => return Self::without(&error),
            }
        }
        // Registering reads nothing yet, so what happened since the first watch is not lost.
        inotify.read_events(&mut [0; 4_096]).map(drop).or_else(none_yet)?;
        #[expect(deprecated, reason = "its successor is unsafe; an Inotify keeps its one descriptor for its life")]
        let watch = AsyncFd::new(inotify)?;
        Ok(Self(Some(watch)))
    }

    #[expect(clippy::unnecessary_wraps, reason = "ends two match arms that return it")]
    fn without(error: &io::Error) -> io::Result<Self> {
        tracing::warn!(%error, "no watches left (fs.inotify.max_user_instances, max_user_watches): looking each second");
        Ok(Self(None))
    }

    /// Returns when something changed since the last call (or might have). Cancel safe.
    pub(crate) async fn changed(&mut self) {
        let Some(watch) = &mut self.0 else { return tokio::time::sleep(LOOK).await };
        let Ok(mut ready) = watch.readable_mut().await else { return tokio::time::sleep(LOOK).await };
        // What changed is looked at anyway; the events only wake. All of them at once, so that many wake once.
        let mut buffer = [0; 4_096];
        while ready.get_inner_mut().read_events(&mut buffer).is_ok_and(|events| events.count() > 0) {}
        ready.clear_ready();
    }

    /// Watches a path for another mask from here on. One that is gone told so before.
    pub(super) fn watch_for(&self, path: &Path, mask: WatchMask) {
        if let Some(watch) = &self.0
            && let Err(error) = watch.get_ref().watches().add(path, mask)
        {
            tracing::debug!(%error, "watched as before");
        }
    }
}

fn none_yet(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_wakes_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut notify = Notify::new([(folder.path(), WatchMask::CREATE)]).unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        std::fs::write(folder.path().join("b"), "").unwrap();
        tokio::time::timeout(Duration::from_secs(5), notify.changed()).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), notify.changed()).await.is_err());
        assert!(Notify::new([(Path::new("/nonexistent"), WatchMask::CREATE)]).is_err());
    }
}
