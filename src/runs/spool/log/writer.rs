//! Writing a log: append, index, and say what could not be kept.

use super::{
    INDEX, LOG, Stream,
    index::{RECORD, Record},
};
use crate::domain::format;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// A record at least this often, so that a reader never scans more to find a line.
pub(super) const STRIDE: u64 = 64 << 10;

/// Bytes of one stream that came within this time (microseconds) share a record.
const SAME_TIME: u64 = 10_000;

/// The index of a log that keeps changing its stream stays below this much plus half the log; past it, bytes of
/// both streams share records and the stream is not told.
const INDEX_ALLOWANCE: u64 = 1 << 20;

/// Appends to the log of one run.
#[derive(Debug)]
pub struct LogWriter {
    log: File,
    index: File,
    /// Bytes kept.
    offset: u64,
    /// Newlines kept.
    lines: u64,
    records: u64,
    last: Option<Record>,
    ends_line: bool,
    limit: u64,
    /// Bytes lost since the last mark, and why.
    gap: Option<(u64, String)>,
    /// Bytes lost in all to a disk that refused.
    lost: u64,
    /// Bytes past the limit.
    dropped: u64,
}

impl LogWriter {
    /// An empty log in `folder` that keeps at most `limit` bytes.
    pub fn create(folder: &Path, limit: u64) -> io::Result<Self> {
        let open = |name| {
            OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(folder.join(name))
        };
        Ok(Self::over(open(LOG)?, open(INDEX)?, limit))
    }

    /// Goes on where a writer that is gone stopped, to add what is known about that.
    pub fn append(folder: &Path) -> io::Result<Self> {
        let open = |name| {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(folder.join(name))
        };
        let mut reader = super::LogReader::open(folder)?;
        reader.refresh()?;
        let mut writer = Self::over(open(LOG)?, open(INDEX)?, u64::MAX);
        writer.offset = reader.size();
        writer.lines = reader.newlines();
        writer.ends_line = reader.is_whole();
        writer.records = reader.records();
        Ok(writer)
    }

    fn over(log: File, index: File, limit: u64) -> Self {
        Self {
            log,
            index,
            offset: 0,
            lines: 0,
            records: 0,
            last: None,
            ends_line: true,
            limit,
            gap: None,
            lost: 0,
            dropped: 0,
        }
    }

    /// Bytes kept so far.
    pub const fn size(&self) -> u64 {
        self.offset
    }

    /// Whether more came than is kept: the run is to be stopped.
    pub const fn is_over(&self) -> bool {
        self.dropped > 0
    }

    /// Bytes a disk refused, and bytes past the limit.
    pub const fn missing(&self) -> (u64, u64) {
        (self.lost, self.dropped)
    }

    /// Whether the last line is still open, and whose it is.
    pub fn open_line(&self) -> Option<Stream> {
        if self.ends_line { None } else { self.last.map(|record| record.stream) }
    }

    /// Appends `bytes` as they are. What the disk refuses is counted, and marked once it takes bytes again.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let room = usize::try_from(self.limit - self.offset.min(self.limit)).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        self.dropped += (bytes.len() - kept.len()) as u64;
        if kept.is_empty() {
            return;
        }
        if let Some((size, reason)) = self.gap.take() {
            let mark = format!("[mecapy: {} of output missing here: {reason}]", format::bytes(size));
            self.line(Stream::Note, &mark);
            if self.gap.is_some() {
                // Not even the mark could be kept: the gap goes on.
                self.gap = Some((size + kept.len() as u64, reason));
                self.lost += kept.len() as u64;
                return;
            }
        }
        self.append_bytes(stream, kept);
    }

    /// Appends a line of mecapy's own, on a line of its own.
    pub fn note(&mut self, text: &str) {
        self.line(Stream::Note, &format!("[mecapy: {text}]"));
    }

    /// Ends the log: says what is missing at its end.
    pub fn finish(&mut self) {
        if let Some((size, reason)) = self.gap.take() {
            self.note(&format!("{} of output missing here: {reason}", format::bytes(size)));
        }
        if self.dropped > 0 {
            let (dropped, limit) = (format::bytes(self.dropped), format::bytes(self.limit));
            self.note(&format!("{dropped} of output not kept: the limit is {limit}"));
        }
    }

    fn line(&mut self, stream: Stream, text: &str) {
        let start = if self.ends_line { "" } else { "\n" };
        self.append_bytes(stream, format!("{start}{text}\n").as_bytes());
    }

    fn append_bytes(&mut self, stream: Stream, bytes: &[u8]) {
        let time = now();
        for piece in bytes.chunks(STRIDE as usize) {
            self.record(stream, time, piece.len() as u64);
            let (written, error) = write_at(&self.log, piece, self.offset);
            self.lines += memchr::memchr_iter(b'\n', &piece[..written]).count() as u64;
            self.offset += written as u64;
            if let Some(last) = piece[..written].last() {
                self.ends_line = *last == b'\n';
            }
            if let Some(error) = error {
                if stream != Stream::Note {
                    self.lost += (piece.len() - written) as u64;
                }
                let before = self.gap.take().map_or(0, |(size, _)| size);
                self.gap = Some((before + (piece.len() - written) as u64, error.to_string()));
            }
        }
    }

    /// Makes a record for what is written next, where the last one does not do.
    fn record(&mut self, stream: Stream, time: u64, size: u64) {
        if let Some(last) = &mut self.last {
            let near = self.offset + size - last.offset <= STRIDE;
            if near && last.stream == stream && time.saturating_sub(last.time) < SAME_TIME {
                return;
            }
            let crowded = self.records * RECORD as u64 > INDEX_ALLOWANCE + self.offset / 2;
            if near && crowded && stream != Stream::Note {
                if last.stream != stream && last.stream != Stream::Unknown {
                    last.stream = Stream::Unknown;
                    let _ = write_at(&self.index, &last.to_bytes(), (self.records - 1) * RECORD as u64);
                }
                return;
            }
        }
        let record = Record { offset: self.offset, lines: self.lines, time, stream };
        // Before the bytes, so that no reader sees them under the record before; one that is lost costs a scan.
        let place =
            if self.last.is_some_and(|last| last.offset == self.offset) { self.records - 1 } else { self.records };
        if write_at(&self.index, &record.to_bytes(), place * RECORD as u64).1.is_none() {
            self.records = place + 1;
            self.last = Some(record);
        }
    }
}

/// Writes as much as the disk takes.
fn write_at(file: &File, bytes: &[u8], offset: u64) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write_at(&bytes[written..], offset + written as u64) {
            Ok(0) => return (written, Some(io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

/// Microseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
