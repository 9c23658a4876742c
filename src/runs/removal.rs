//! Removing folders that untrusted code filled.
//!
//! Such a tree may be thousands of folders deep (longer than any path, deeper than any stack) and hold folders
//! without permissions. So it is never descended into: each folder is moved up beside the first one, then emptied.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Removes `folder` and everything below; what is not there, or what another process removes meanwhile, is as good as
/// removed.
///
/// Under its own name it disappears in one step; what an interrupted removal leaves has a leading dot.
pub fn remove(folder: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let trash = parent.join(format!(".{}.gone", name.to_string_lossy().trim_start_matches('.')));
    match fs::create_dir(&trash) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    gone(move_in(folder, &trash, &mut 0))?;
    remove_emptied(&trash)
}

/// What is not there any more was removed by another process.
fn gone<T: Default>(done: io::Result<T>) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        done => done,
    }
}

/// Nothing takes longer to make.
const MAKING: Duration = Duration::from_mins(10);

/// Finishes removals that were interrupted below `root`, and folders whose making was.
pub fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') || !path.is_dir() {
            continue;
        }
        if name.ends_with(".gone") {
            remove_emptied(&path)?;
        } else if path.metadata().and_then(|data| data.modified()).is_ok_and(is_long_ago) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn is_long_ago(made: SystemTime) -> bool {
    made.elapsed().unwrap_or_default() > MAKING
}

/// Empties `trash` and removes it, though another process may do the same and move folders up in it.
fn remove_emptied(trash: &Path) -> io::Result<()> {
    loop {
        empty(trash)?;
        if remove_dir(trash)? {
            return Ok(());
        }
    }
}

/// Empties `trash`, whose folders are all one level below it.
fn empty(trash: &Path) -> io::Result<()> {
    let mut next = 0;
    loop {
        let folders = remove_files(trash)?;
        if folders.is_empty() {
            return Ok(());
        }
        for folder in folders {
            gone(open_up(&folder))?;
            for inner in remove_files(&folder)? {
                gone(open_up(&inner))?;
                gone(move_in(&inner, trash, &mut next))?;
            }
            remove_dir(&folder)?;
        }
    }
}

/// Removes an empty folder; one that was replaced by a full one of another process meanwhile is left for the next look.
fn remove_dir(folder: &Path) -> io::Result<bool> {
    match fs::remove_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        done => gone(done).map(|()| true),
    }
}

/// Removes what is no folder, and returns the folders.
fn remove_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in gone(fs::read_dir(folder).map(Some))?.into_iter().flatten() {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        } else {
            gone(fs::remove_file(entry.path()))?;
        }
    }
    Ok(folders)
}

/// Moves a folder into `trash` under the next free number.
fn move_in(folder: &Path, trash: &Path, next: &mut u64) -> io::Result<()> {
    loop {
        let target = trash.join(next.to_string());
        *next += 1;
        match fs::rename(folder, &target) {
            // An empty folder there would be replaced, which is as good; a full one is not.
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {}
            done => return done,
        }
    }
}

/// Its own owner may always give the permissions back.
fn open_up(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_deep_trees_links_and_locked_folders() {
        let root = tempfile::tempdir().unwrap();
        let keep = root.path().join("keep");
        fs::create_dir(&keep).unwrap();
        fs::write(keep.join("file"), "kept").unwrap();
        let folder = root.path().join("run");
        fs::create_dir_all(folder.join("locked/inner")).unwrap();
        fs::write(folder.join("locked/file"), "x").unwrap();
        std::os::unix::fs::symlink(&keep, folder.join("link")).unwrap();
        // Deeper than a path may be long.
        let mut at = rustix::fs::open(&folder, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
        for _ in 0..3_000 {
            rustix::fs::mkdirat(&at, "deeper", rustix::fs::Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "deeper", rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
        }
        fs::set_permissions(folder.join("locked"), fs::Permissions::from_mode(0o000)).unwrap();

        remove(&folder).unwrap();
        remove(&folder).expect("nothing there is as good as removed");
        assert_eq!(fs::read_to_string(keep.join("file")).unwrap(), "kept");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_interrupted_removal_is_finished_later() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(".a.gone/0/1/2")).unwrap();
        fs::create_dir_all(root.path().join("alive")).unwrap();
        fs::create_dir_all(root.path().join(".making.new")).unwrap();
        fs::create_dir_all(root.path().join(".given-up.new/in")).unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * MAKING;
        fs::File::open(root.path().join(".given-up.new")).unwrap().set_modified(long_ago).unwrap();
        sweep(root.path()).unwrap();
        let mut left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".making.new", "alive"]);
    }

    #[test]
    fn several_processes_may_remove_the_same() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run");
        for inner in 0..100 {
            let inner = folder.join(format!("{inner}/inner"));
            fs::create_dir_all(&inner).unwrap();
            fs::write(inner.join("file"), "").unwrap();
        }
        std::thread::scope(|scope| {
            let removals = [true, false, true, false].map(|whole| {
                let (root, folder) = (root.path(), &folder);
                scope.spawn(move || if whole { remove(folder) } else { sweep(root) })
            });
            for removal in removals {
                removal.join().unwrap().unwrap();
            }
        });
        sweep(root.path()).unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
