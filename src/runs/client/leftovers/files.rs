//! Files and folders that an interrupted step left.

use super::{Kind, Leftover, Removal};
use crate::{db, domain::id::FileId, runs::client::stored_log, session::Session};
use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// What was touched since is still being made or removed.
const BUSY: Duration = Duration::from_mins(10);

/// An upload from a slow disk may rest for a while.
const UPLOADING: Duration = Duration::from_hours(1);

/// Half-made and half-removed folders of the spool.
pub(super) fn folders(spool: &Path) -> Result<Vec<Leftover>, String> {
    let rests = |name: &str| name.starts_with('.').then_some("its making or removal was interrupted");
    Ok(old(spool, BUSY)?.into_iter().filter_map(|(path, name)| of_folder(Kind::Folder, path, rests(&name)?)).collect())
}

/// Unpacked logs whose file the database does not know any more, and interrupted unpacking.
pub(super) async fn logs(session: &Session) -> Result<Vec<Leftover>, String> {
    let mut found = Vec::new();
    for (path, name) in old(&stored_log::root(session), Duration::ZERO)? {
        let why = if name.starts_with('.') {
            if age(&path).is_none_or(|age| age < BUSY) {
                continue;
            }
            "its unpacking was interrupted"
        } else {
            let id = name.split_once('-').and_then(|(id, _)| id.parse().ok()).map(FileId);
            let file = match id {
                Some(id) => {
                    db::files::get(&session.db, session.user.id, id).await.map_err(|error| error.to_string())?
                }
                None => None,
            };
            if file.is_some_and(|file| stored_log::unpacked(&stored_log::root(session), &file) == path) {
                continue;
            }
            "its run was deleted"
        };
        found.extend(of_folder(Kind::Log, path, why));
    }
    Ok(found)
}

/// Bytes of this person's uploads that never became a file: the store stages them as `<name>#<number>`.
pub(super) fn uploads(session: &Session) -> Result<Vec<Leftover>, String> {
    let person = session.store.root().join("users").join(&session.user.identity.keycloak_id);
    let mut found = Vec::new();
    let mut folders = vec![person];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder)? {
            let Ok(kind) = entry.file_type() else { continue };
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && is_staged(&name) && age(&path).is_some_and(|age| age > UPLOADING) {
                let why = "the upload was interrupted".to_owned();
                let name = path.display().to_string();
                found.push(Leftover { kind: Kind::Upload, name, run: None, why, removal: Removal::File(path) });
            }
        }
    }
    Ok(found)
}

/// Removes a staged file and the folder that was made for it.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Refused where it holds anything else.
    let _ = path.parent().map(fs::remove_dir);
    Ok(())
}

fn is_staged(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn of_folder(kind: Kind, path: PathBuf, why: &str) -> Option<Leftover> {
    // Another user's is another user's, even in a folder that both can write to.
    let ours = path.metadata().is_ok_and(|metadata| metadata.uid() == rustix::process::geteuid().as_raw());
    let name = path.display().to_string();
    ours.then(|| Leftover { kind, name, run: None, why: why.to_owned(), removal: Removal::Folder(path) })
}

/// The folders in `folder` that nobody touched for `least`, with their names.
fn old(folder: &Path, least: Duration) -> Result<Vec<(PathBuf, String)>, String> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        let path = entry.path();
        if path.is_dir() && age(&path).is_some_and(|age| age >= least) {
            found.push((path, entry.file_name().to_string_lossy().into_owned()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, String> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("{}: {error}", folder.display())),
        Ok(entries) => Ok(entries.flatten().collect()),
    }
}

fn age(path: &Path) -> Option<Duration> {
    let changed = path.metadata().and_then(|metadata| metadata.modified()).ok()?;
    Some(SystemTime::now().duration_since(changed).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::is_staged;

    #[test]
    fn staged_names_end_in_a_number() {
        assert!(is_staged("mesh.csv#1") && is_staged("a#b#12"));
        assert!(!is_staged("mesh.csv") && !is_staged("a#b") && !is_staged("a#"));
    }
}
