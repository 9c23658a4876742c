//! `out/progress.jsonl`, read while it grows.

use crate::domain::run::Progress;
use serde_json::Value;
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// What came since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgressUpdate {
    /// Every new line that is a JSON object, oldest first.
    pub lines: Vec<Progress>,
    /// New lines that are none, shortened.
    pub skipped: Vec<String>,
}

/// Follows a progress file: complete lines only, bounded work at a time.
#[derive(Debug)]
pub struct ProgressReader {
    path: PathBuf,
    /// Where the first unread byte is.
    offset: u64,
    /// A line whose newline has not come yet.
    partial: Vec<u8>,
    /// The rest of an over-long line is dropped up to its newline.
    dropping: bool,
}

/// Bytes read at one look: a flood must not hold up who reads it.
const MAX_READ: u64 = 1 << 20;
/// A longer line is no progress report.
const MAX_LINE: usize = 64 << 10;
/// How much of a skipped line is worth a note, characters.
const MAX_NOTE: usize = 200;
/// Metrics of one line: more than anybody draws.
const MAX_METRICS: usize = 64;

impl ProgressReader {
    /// Reads the progress of the run in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("out/progress.jsonl"), offset: 0, partial: Vec::new(), dropping: false }
    }

    /// The lines completed since the last call. A missing file is no progress; anything but a regular file is ignored.
    pub fn poll(&mut self) -> ProgressUpdate {
        let mut update = ProgressUpdate::default();
        let Some(bytes) = self.read_new() else { return update };
        for byte in bytes {
            if byte != b'\n' {
                if self.partial.len() < MAX_LINE {
                    self.partial.push(byte);
                } else {
                    self.dropping = true;
                }
                continue;
            }
            let line = std::mem::take(&mut self.partial);
            let line = String::from_utf8_lossy(&line);
            let too_long = std::mem::take(&mut self.dropping);
            if line.trim().is_empty() {
                continue;
            }
            match parse(&line) {
                Some(progress) if !too_long => update.lines.push(progress),
                _ => update.skipped.push(line.chars().take(MAX_NOTE).collect()),
            }
        }
        update
    }

    fn read_new(&mut self) -> Option<Vec<u8>> {
        // The code may have put anything in its place: a link out of its folder, a FIFO that blocks.
        let mut file = File::from(
            rustix::fs::open(
                &self.path,
                rustix::fs::OFlags::RDONLY
                    | rustix::fs::OFlags::NOFOLLOW
                    | rustix::fs::OFlags::NONBLOCK
                    | rustix::fs::OFlags::CLOEXEC,
                rustix::fs::Mode::empty(),
            )
            .ok()?,
        );
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() {
            return None;
        }
        if metadata.len() < self.offset {
            // Started anew by the code.
            self.offset = 0;
            self.partial.clear();
            self.dropping = false;
        }
        file.seek(SeekFrom::Start(self.offset)).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_READ).read_to_end(&mut bytes).ok()?;
        self.offset += bytes.len() as u64;
        Some(bytes)
    }
}

fn parse(line: &str) -> Option<Progress> {
    let Value::Object(object) = serde_json::from_str(line).ok()? else { return None };
    let mut progress = Progress::default();
    for (key, value) in object {
        match (key.as_str(), value) {
            ("step", value) => progress.step = value.as_f64(),
            ("total", value) => progress.total = value.as_f64(),
            ("message", Value::String(message)) => progress.message = Some(message),
            (_, Value::Number(number)) if progress.metrics.len() < MAX_METRICS => {
                progress.metrics.extend(number.as_f64().map(|number| (key, number)));
            }
            _ => {}
        }
    }
    Some(progress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write};

    fn run() -> (tempfile::TempDir, ProgressReader) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        let reader = ProgressReader::new(folder.path());
        (folder, reader)
    }

    #[test]
    fn a_line_waits_for_its_newline() {
        let (folder, mut reader) = run();
        assert_eq!(reader.poll(), ProgressUpdate::default());
        let mut file = File::create(folder.path().join("out/progress.jsonl")).unwrap();
        file.write_all(b"{\"step\": 1, \"total\": 4, \"message\": \"mesh\", \"residual\": 1e-3}\n{\"st").unwrap();
        let first = reader.poll();
        assert_eq!(first.lines.len(), 1);
        assert_eq!(first.lines[0].fraction(), Some(0.25));
        assert_eq!(first.lines[0].metrics, [("residual".to_owned(), 1e-3)]);
        assert!(reader.poll().lines.is_empty());
        file.write_all(b"ep\": 2, \"total\": 4}\nnot json\n[1]\n").unwrap();
        let second = reader.poll();
        assert_eq!(second.lines[0].step, Some(2.0));
        assert_eq!(second.skipped, ["not json", "[1]"]);
    }

    #[test]
    fn a_rewritten_file_starts_again() {
        let (folder, mut reader) = run();
        let path = folder.path().join("out/progress.jsonl");
        fs::write(&path, "{\"step\": 1}\n{\"step\": 2}\n").unwrap();
        assert_eq!(reader.poll().lines.len(), 2);
        fs::write(&path, "{\"step\": 9}\n").unwrap();
        assert_eq!(reader.poll().lines[0].step, Some(9.0));
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let (folder, mut reader) = run();
        let path = folder.path().join("out/progress.jsonl");
        fs::write(&path, format!("{}\n{{\"step\": 3}}\n", "x".repeat(3 << 20))).unwrap();
        let mut steps = Vec::new();
        for _ in 0..5 {
            steps.extend(reader.poll().lines.iter().map(|line| line.step));
            assert!(reader.partial.len() <= MAX_LINE);
        }
        assert_eq!(steps, [Some(3.0)]);
    }

    #[test]
    fn links_and_pipes_are_not_followed() {
        let (folder, mut reader) = run();
        let path = folder.path().join("out/progress.jsonl");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(reader.poll(), ProgressUpdate::default());
        fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        assert_eq!(reader.poll(), ProgressUpdate::default());
    }
}
