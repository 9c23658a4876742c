//! The log file: private, bounded in size, shared by every mecapy of this user on this host.
//!
//! Screens, commands and supervisors all append to one file. Each line is one `write` to a file opened for
//! appending, so lines of several processes never mix. The process that finds the file too large sets it aside as
//! `mecapy.log.1`; the others notice that their file moved and open the new one.

use crate::config::{Config, Log};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Mutex,
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Starts logging to the file, for the life of the process. The terminal never sees a log line.
pub fn start(config: &Config) -> io::Result<()> {
    let log = LogFile::open(&config.paths.log(), config.log.max_mib << 20)?;
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(log));
    tracing_subscriber::registry().with(layer).with(targets(&config.log)).try_init().map_err(io::Error::other)?;
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!(%panic, "panic");
        before(panic);
    }));
    Ok(())
}

/// mecapy's own events at the configured level, SQL statements too (they are `debug`); other libraries' warnings.
fn targets(log: &Log) -> Targets {
    let level: LevelFilter = log.level.parse().unwrap_or(LevelFilter::INFO);
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("mecapy", level).with_target("sqlx", level)
}

/// Makes a folder that only its owner may enter, and those above it.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

struct LogFile {
    path: PathBuf,
    limit: u64,
    file: File,
}

impl LogFile {
    fn open(path: &Path, limit: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        Ok(Self { path: path.to_owned(), limit, file: append(path)? })
    }

    /// Follows a file that another process set aside, and sets a full one aside.
    fn turn(&mut self, coming: usize) -> io::Result<()> {
        let ours = self.file.metadata()?;
        if ours.len() + coming as u64 <= self.limit && ours.nlink() > 0 && self.is_at_path(&ours) {
            return Ok(());
        }
        // Only one process may rename, and only a file that is still the one at the path.
        rustix::fs::flock(&self.file, rustix::fs::FlockOperation::LockExclusive)?;
        if self.is_at_path(&ours) {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
        }
        // Closing the old file gives the lock back.
        self.file = append(&self.path)?;
        Ok(())
    }

    fn is_at_path(&self, ours: &fs::Metadata) -> bool {
        fs::metadata(&self.path).is_ok_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A log that cannot be turned (folder removed, disk full) must not stop the work that is logged.
        self.turn(line.len()).ok();
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn line(number: usize) -> Vec<u8> {
        format!("{number:09}\n").into_bytes()
    }

    #[test]
    fn the_file_is_private_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log/mecapy.log");
        let mut log = LogFile::open(&path, 100).unwrap();
        for number in 0..55 {
            log.write_all(&line(number)).unwrap();
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        // Ten lines a file, one older file kept.
        assert_eq!(fs::read(&path).unwrap(), (50..55).flat_map(line).collect::<Vec<_>>());
        assert_eq!(fs::read(path.with_extension("log.1")).unwrap(), (40..50).flat_map(line).collect::<Vec<_>>());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
    }

    #[test]
    fn two_writers_turn_one_file_without_losing_or_mixing_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mecapy.log");
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let path = path.clone();
                std::thread::spawn(move || {
                    // Turned once at most: 1,000 lines of 10 bytes against 6,000.
                    let mut log = LogFile::open(&path, 6_000).unwrap();
                    for number in 0..500 {
                        log.write_all(&line(writer * 500 + number)).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        let mut text = fs::read_to_string(path.with_extension("log.1")).unwrap();
        text.push_str(&fs::read_to_string(&path).unwrap());
        let mut numbers: Vec<usize> = text.lines().map(|line| line.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_removed_file_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mecapy.log");
        let mut log = LogFile::open(&path, 1_000).unwrap();
        log.write_all(&line(1)).unwrap();
        fs::remove_file(&path).unwrap();
        log.write_all(&line(2)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), line(2));
    }
}
