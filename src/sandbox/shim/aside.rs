//! What would make the outputs of a container unreadable is put aside before they are read.
//!
//! They leave a container as one stream in which nothing can be skipped: a sparse terabyte would have to be read to
//! its end, and a tree deeper than any path ends the stream. Both are moved to the scratch folder, which goes.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

/// Folders below `out` that are read: the two of the contract, and what the collector follows below them.
const DEEPEST: usize = 34;

/// Entries looked at: a run with more has passed its cap.
const MOST: usize = 100_000;

/// The result.
const RESULT: &str = "data.json";

/// Names told, and characters of one.
const TOLD: usize = 100;
const MOST_NAME: usize = 400;

/// Moves it; the names below `out` with the reason, as many as are worth telling.
pub fn put(out: &Path, scratch: &Path, largest: u64) -> Vec<String> {
    let aside = scratch.join(".aside");
    let mut moved = Vec::new();
    if fs::create_dir(&aside).is_err() {
        return moved;
    }
    let mut open = vec![(out.to_owned(), 0)];
    let (mut seen, mut count) = (0, 0);
    while let Some((folder, depth)) = open.pop() {
        // Closed to everybody by the code, but the engine reads it all the same.
        let entries = fs::read_dir(&folder).or_else(|_| unlock(&folder).and_then(|()| fs::read_dir(&folder)));
        for entry in entries.into_iter().flatten().flatten() {
            seen += 1;
            if seen > MOST {
                return moved;
            }
            // Does not follow links.
            let Ok(metadata) = entry.metadata() else { continue };
            let path = entry.path();
            let why = if metadata.is_dir() {
                (depth >= DEEPEST).then_some("nested too deep")
            } else {
                (metadata.is_file() && metadata.size() > largest).then_some("larger than all outputs may be")
            };
            match why {
                None if metadata.is_dir() => open.push((path, depth + 1)),
                None => {}
                // The one file whose size is the run's failure: cut to what says that it is too large.
                Some(_) if path == out.join(RESULT) && cut(&path, largest + 1) => {}
                Some(why) => {
                    count += 1;
                    let _ = unlock(&folder);
                    if metadata.is_dir() {
                        let _ = unlock(&path);
                    }
                    if fs::rename(&path, aside.join(count.to_string())).is_ok() {
                        tell(&mut moved, out, &path, why);
                    }
                }
            }
        }
    }
    moved
}

/// Whether a file was cut to this size.
fn cut(path: &Path, size: u64) -> bool {
    let _ = unlock(path);
    fs::File::options().write(true).open(path).and_then(|file| file.set_len(size)).is_ok()
}

/// Its owner, whom we share, may do with it as he likes.
fn unlock(folder: &Path) -> std::io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

fn tell(moved: &mut Vec<String>, out: &Path, path: &Path, why: &str) {
    if moved.len() < TOLD {
        let name = path.strip_prefix(out).unwrap_or(path);
        let name: String = name.to_string_lossy().chars().take(MOST_NAME).collect();
        moved.push(format!("not kept, {why}: {name}"));
    }
}
