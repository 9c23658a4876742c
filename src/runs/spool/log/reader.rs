//! Reading a log by lines, wherever they are, while it grows.

use super::{
    INDEX, LOG, Stream,
    index::{Index, Record},
};
use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

/// The most bytes of one line that are given out; 4,096 columns fit, and a screen shows no more.
pub const MAX_LINE: usize = 16 << 10;

/// Bytes read at a time.
pub(super) const BUFFER: usize = 64 << 10;

/// A line as it came: control characters and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its number, from 0.
    pub number: u64,
    /// Where it came from.
    pub stream: Stream,
    /// Microseconds since 1970 (UTC), where known.
    pub time: Option<u64>,
    /// Its bytes without the newline: at most [`MAX_LINE`] of them. Of a longer line these are the first, or,
    /// where it redraws itself by carriage returns, the newest.
    pub bytes: Vec<u8>,
    /// How many bytes it has.
    pub size: u64,
    /// Whether it has its newline; the last one may still grow.
    pub whole: bool,
}

/// Random access to the lines of a log; memory does not depend on the log's size.
#[derive(Debug)]
pub struct LogReader {
    log: File,
    pub(super) index: Index,
    size: u64,
    newlines: u64,
    whole: bool,
    /// A line's start that was found: the next page usually begins there.
    hint: (u64, u64),
    buffer: Vec<u8>,
    /// What the buffer holds: from where, how much.
    window: (u64, usize),
}

impl LogReader {
    /// Opens the log in `folder`, as far as it is.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let log = File::open(folder.join(LOG))?;
        let index = Index::new(File::open(folder.join(INDEX))?);
        let mut reader = Self {
            log,
            index,
            size: 0,
            newlines: 0,
            whole: true,
            hint: (0, 0),
            buffer: vec![0; BUFFER],
            window: (0, 0),
        };
        reader.refresh()?;
        Ok(reader)
    }

    /// Looks how far the log is by now; whether there is more than before.
    pub fn refresh(&mut self) -> io::Result<bool> {
        let size = self.log.metadata()?.len();
        if size == self.size {
            return Ok(false);
        }
        self.index.refresh(size)?;
        let (mut at, mut newlines) = (self.size.min(size), self.newlines);
        if let Some(last) = self.index.count().checked_sub(1) {
            let last = self.index.get(last)?;
            if last.offset > at {
                (at, newlines) = (last.offset, last.lines);
            }
        }
        while at < size {
            let read = self.fill(at, size)?;
            if read == 0 {
                break;
            }
            newlines += memchr::memchr_iter(b'\n', &self.buffer[..read]).count() as u64;
            self.whole = self.buffer[read - 1] == b'\n';
            at += read as u64;
        }
        (self.size, self.newlines) = (at, newlines);
        Ok(true)
    }

    /// How many lines there are, the unfinished last one included.
    pub const fn len(&self) -> u64 {
        self.newlines + !self.whole as u64
    }

    /// Whether nothing was written yet.
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Newlines.
    pub(super) const fn newlines(&self) -> u64 {
        self.newlines
    }

    /// Whether the last line has its newline.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Index records.
    pub(super) const fn records(&self) -> u64 {
        self.index.count()
    }

    /// Up to `count` lines from the line `from` on (from 0).
    pub fn lines(&mut self, from: u64, count: usize) -> io::Result<Vec<LogLine>> {
        let count = count.min(usize::try_from(self.len().saturating_sub(from)).unwrap_or(usize::MAX));
        let mut lines = Vec::with_capacity(count.min(4_096));
        if count == 0 {
            return Ok(lines);
        }
        let mut start = self.start_of(from)?;
        let mut place = self.index.partition_point(|record| record.offset <= start)?;
        for number in from..from + count as u64 {
            while place < self.index.count() && self.index.get(place)?.offset <= start {
                place += 1;
            }
            let record = if place == 0 { Record::START } else { self.index.get(place - 1)? };
            let (end, whole) = self.end_of(start)?;
            lines.push(LogLine {
                number,
                stream: record.stream,
                time: (record.time > 0).then_some(record.time),
                bytes: self.shown(start, end)?,
                size: end - start,
                whole,
            });
            start = end + u64::from(whole);
        }
        self.hint = (from + count as u64, start);
        Ok(lines)
    }

    /// The bytes from `offset` on, as many as are there and fit: for passing the log on as it is.
    pub fn bytes(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(into.len());
        self.log.read_at(&mut into[..room], offset)
    }

    /// The offset at which `line` starts.
    pub(super) fn start_of(&mut self, line: u64) -> io::Result<u64> {
        if line == 0 {
            return Ok(0);
        }
        if self.hint.0 == line {
            return Ok(self.hint.1);
        }
        // The last place that is surely before the newline that ends the line before.
        let place = self.index.partition_point(|record| record.lines < line)?;
        let (mut at, mut left) = match place.checked_sub(1) {
            Some(place) => self.index.get(place).map(|record| (record.offset, line - record.lines))?,
            None => (0, line),
        };
        loop {
            let read = self.fill(at, self.size)?;
            if read == 0 {
                return Ok(self.size);
            }
            for newline in memchr::memchr_iter(b'\n', &self.buffer[..read]) {
                left -= 1;
                if left == 0 {
                    return Ok(at + newline as u64 + 1);
                }
            }
            at += read as u64;
        }
    }

    /// Reads into the buffer from `at` on, up to `end`; how much there was.
    pub(super) fn fill(&mut self, at: u64, end: u64) -> io::Result<usize> {
        let room = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(BUFFER);
        self.window = (at, 0);
        loop {
            match self.log.read_at(&mut self.buffer[..room], at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(read) => {
                    self.window = (at, read);
                    return Ok(read);
                }
            }
        }
    }

    /// What [`Self::fill`] read.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// What the buffer holds of the log from `at` on.
    fn held(&self, at: u64) -> &[u8] {
        let (start, size) = self.window;
        let skipped = usize::try_from(at.wrapping_sub(start)).unwrap_or(usize::MAX);
        self.buffer.get(skipped..size).unwrap_or_default()
    }

    /// Where the line that starts at `start` ends, and whether by a newline.
    fn end_of(&mut self, start: u64) -> io::Result<(u64, bool)> {
        let mut at = start;
        // Usually the rest of what the line before was read with.
        if let Some(newline) = memchr::memchr(b'\n', self.held(at)) {
            return Ok((at + newline as u64, true));
        }
        while at < self.size {
            let read = self.fill(at, self.size)?;
            if read == 0 {
                break;
            }
            if let Some(newline) = memchr::memchr(b'\n', &self.buffer[..read]) {
                return Ok((at + newline as u64, true));
            }
            at += read as u64;
        }
        Ok((at, false))
    }

    /// The bytes of a line that are given out.
    fn shown(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let size = end - start;
        if let Some(bytes) = self.held(start).get(..usize::try_from(size).unwrap_or(usize::MAX))
            && bytes.len() <= MAX_LINE
        {
            return Ok(bytes.to_vec());
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(MAX_LINE)];
        if size > MAX_LINE as u64 {
            self.log.read_exact_at(&mut bytes, end - MAX_LINE as u64)?;
            let newest = bytes.len() - 1;
            if let Some(redraw) = memchr::memchr(b'\r', &bytes[..newest]) {
                bytes.drain(..=redraw);
                return Ok(bytes);
            }
        }
        self.log.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }
}
