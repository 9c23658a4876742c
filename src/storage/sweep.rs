//! What interrupted uploads leave in the local directory, and its removal.
//!
//! The store writes an object beside its place, as `<name>#<number>`, and renames it when all of it is there. A process
//! that is killed in between leaves that part. No name of ours holds `#`, and every object has a folder of its own that
//! is named by a UUID: so a part is known by its place.

use super::{Store, StoreError, store::location};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// A part that nobody has written to for this long has nobody who writes it.
pub const ABANDONED: Duration = Duration::from_hours(24);

impl Store {
    /// Removes the parts below a person's files that nobody has written to for `age`; how many there were. Blocks on
    /// the file system: it looks into every folder of an object.
    pub fn sweep(&self, keycloak_id: &str, age: Duration) -> Result<usize, StoreError> {
        let failed = |path: &Path, source| StoreError::Io { path: path.to_owned(), source };
        let files = self.path_of(&location(&format!("users/{keycloak_id}/files"))?)?;
        let folders = match fs::read_dir(&files) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            folders => folders.map_err(|error| failed(&files, error))?,
        };
        let mut removed = 0;
        for folder in folders {
            let folder = folder.map_err(|error| failed(&files, error))?;
            let is_ours = folder.file_name().to_str().is_some_and(|name| uuid::Uuid::try_parse(name).is_ok());
            if is_ours && folder.file_type().is_ok_and(|kind| kind.is_dir()) {
                removed += sweep_folder(&folder.path(), None, age);
            }
        }
        Ok(removed)
    }

    /// Removes what interrupted uploads of an object left beside it, however new: the object is gone.
    pub(super) fn sweep_beside(object: &Path) {
        if let (Some(folder), Some(name)) = (object.parent(), object.file_name().and_then(|name| name.to_str())) {
            sweep_folder(folder, Some(name), Duration::ZERO);
        }
    }
}

/// Removes the parts in one folder (of one object, where it is named), and the folder where nothing else is in it.
fn sweep_folder(folder: &Path, object: Option<&str>, age: Duration) -> usize {
    let parts: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let of = name.to_str().and_then(part_of);
            let is_part = of.is_some_and(|of| object.is_none_or(|object| object == of));
            // Not followed: a link is no part.
            is_part
                && entry
                    .metadata()
                    .is_ok_and(|found| found.is_file() && found.modified().is_ok_and(|at| is_older(at, age)))
        })
        .map(|entry| entry.path())
        .collect();
    let removed = parts.iter().filter(|part| fs::remove_file(part).is_ok()).count();
    if removed > 0 && object.is_none() {
        // Refused where something else is in it.
        let _ = fs::remove_dir(folder);
    }
    removed
}

/// The object that a file of this name is a part of.
fn part_of(name: &str) -> Option<&str> {
    let (object, number) = name.rsplit_once('#')?;
    let is_part = !object.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_part.then_some(object)
}

/// A time to come is not old: the clock was set back.
fn is_older(at: SystemTime, age: Duration) -> bool {
    age.is_zero() || at.elapsed().is_ok_and(|elapsed| elapsed > age)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "local:abc:1000";

    /// A part of an upload in the folder of an object, last written so long ago.
    fn part(store: &Store, folder: &str, name: &str, age: Duration) -> PathBuf {
        let folder = store.root().join("users").join(OWNER).join("files").join(folder);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, "part").unwrap();
        fs::File::open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
        path
    }

    #[tokio::test]
    async fn old_parts_go_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(&folder.path().join("objects")).unwrap();
        let uuid = || uuid::Uuid::new_v4().to_string();
        let old = 2 * ABANDONED;
        let whole = uuid();
        let key = format!("users/{OWNER}/files/{whole}/mesh.csv");
        store.put_if(&key, &b"abc"[..], async |_| true).await.unwrap().unwrap();
        let gone = [part(&store, &uuid(), "mesh.csv#1", old), part(&store, &whole, "mesh.csv#12", old)];
        let stays = [
            part(&store, &uuid(), "mesh.csv#1", Duration::from_mins(5)),
            part(&store, &uuid(), "mesh.csv", old),
            part(&store, &uuid(), "mesh#.csv", old),
            part(&store, &uuid(), "#1", old),
            part(&store, "somebody's", "mesh.csv#1", old),
        ];
        let link = part(&store, &uuid(), "target", old).with_file_name("link#1");
        std::os::unix::fs::symlink("target", &link).unwrap();
        assert_eq!(store.sweep("local:other:1", ABANDONED).unwrap(), 0, "another's files are another's");
        assert_eq!(store.sweep(OWNER, ABANDONED).unwrap(), 2);
        assert!(gone.iter().all(|path| !path.exists()) && !gone[0].parent().unwrap().exists());
        assert!(stays.iter().all(|path| path.exists()) && link.is_symlink());
        assert_eq!(store.size(&key).await.unwrap(), 3);
        assert_eq!(store.sweep(OWNER, ABANDONED).unwrap(), 0);
    }

    #[tokio::test]
    async fn an_object_takes_its_parts_along() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::local(&folder.path().join("objects")).unwrap();
        let uuid = uuid::Uuid::new_v4().to_string();
        let key = format!("users/{OWNER}/files/{uuid}/mesh.csv");
        store.put_if(&key, &b"abc"[..], async |_| true).await.unwrap().unwrap();
        let part = part(&store, &uuid, "mesh.csv#1", Duration::ZERO);
        store.remove(&key).await.unwrap();
        assert!(!part.exists() && !part.parent().unwrap().exists());
        assert_eq!(fs::read_dir(store.root()).unwrap().count(), 0, "and no folder is left");
    }
}
