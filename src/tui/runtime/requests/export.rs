//! A log as a file of the user's own.

use super::runs::{open, reading};
use crate::{
    domain::id::CalculationId,
    session::Session,
    tui::{msg::Failure, request::Reply},
};
use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Writes the raw log to a new file, whose whole path is told.
pub async fn export_log(session: &Session, id: CalculationId, path: PathBuf) -> Result<Reply, Failure> {
    let log = open(session, id).await?;
    let path = spelled_out(path, std::env::home_dir());
    let named = path.display().to_string();
    let written = reading(move || {
        write_new(&path, |offset, buffer| log.bytes(offset, buffer))?;
        Ok(Reply::Written(path))
    });
    written.await.map_err(|failure| Failure::new(format!("{named}: {failure}")))
}

/// The whole path of what was typed: from the home folder where it says so, else from where mecapy was started.
fn spelled_out(path: PathBuf, home: Option<PathBuf>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => std::path::absolute(&path).unwrap_or(path),
    }
}

/// Writes a file that is not there yet: whole, or not at all.
fn write_new(path: &Path, read: impl Fn(u64, &mut [u8]) -> io::Result<usize>) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        let taken = error.kind() == io::ErrorKind::AlreadyExists;
        if taken { io::Error::other("there is a file of that name already, which is left as it is") } else { error }
    })?;
    let mut copy = || {
        let (mut offset, mut buffer) = (0, vec![0; 256 << 10]);
        loop {
            let size = read(offset, &mut buffer)?;
            if size == 0 {
                return Ok(());
            }
            file.write_all(&buffer[..size])?;
            offset += size as u64;
        }
    };
    copy().inspect_err(|_| drop(fs::remove_file(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.log");
        let text = b"one\ntwo\n";
        let whole = |offset: u64, buffer: &mut [u8]| {
            let left = &text[offset as usize..];
            let size = left.len().min(3);
            buffer[..size].copy_from_slice(&left[..size]);
            Ok(size)
        };
        let broken = |offset: u64, buffer: &mut [u8]| {
            if offset > 3 { Err(io::Error::other("gone")) } else { whole(offset, buffer) }
        };
        write_new(&path, broken).unwrap_err();
        assert!(!path.exists(), "nothing half-written is left");
        write_new(&path, whole).unwrap();
        let refused = write_new(&path, whole).unwrap_err();
        assert!(refused.to_string().contains("already"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), text);
        write_new(&folder.path().join("missing/copy.log"), whole).unwrap_err();
    }

    #[test]
    fn a_path_is_told_as_it_is() {
        let home = || Some(PathBuf::from("/home/ann"));
        assert_eq!(spelled_out("~/a.log".into(), home()), Path::new("/home/ann/a.log"));
        assert_eq!(spelled_out("/tmp/a.log".into(), home()), Path::new("/tmp/a.log"));
        assert!(spelled_out("a.log".into(), home()).is_absolute());
        assert_eq!(spelled_out("~x".into(), home()).file_name().unwrap(), "~x");
    }
}
