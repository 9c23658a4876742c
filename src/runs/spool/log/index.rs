//! The side index: records of 24 bytes, in the order of the log.

use super::Stream;
use std::{fs::File, io, os::unix::fs::FileExt};

/// Bytes of one record: three little-endian numbers of 64 bits.
pub(super) const RECORD: usize = 24;

/// Records read at a time.
const BLOCK: usize = 128;

/// What is known of the log from `offset` on, up to the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Bytes before.
    pub offset: u64,
    /// Newlines before.
    pub lines: u64,
    /// Microseconds since 1970 (UTC) when it was read; 0 where nobody knows.
    pub time: u64,
    /// Where it came from.
    pub stream: Stream,
}

impl Record {
    /// The first record of a log that has none.
    pub(super) const START: Self = Self { offset: 0, lines: 0, time: 0, stream: Stream::Unknown };

    pub(super) fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.lines.to_le_bytes());
        // 56 bits of microseconds last until the year 4253.
        bytes[16..].copy_from_slice(&(self.time << 8 | u64::from(code(self.stream))).to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let last = number(16);
        Self { offset: number(0), lines: number(8), time: last >> 8, stream: stream(last as u8) }
    }
}

/// The stored number of a stream.
pub(super) const fn code(stream: Stream) -> u8 {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
        Stream::Note => 2,
        Stream::Unknown => 3,
    }
}

/// The stream of a stored number.
pub(super) const fn stream(code: u8) -> Stream {
    match code {
        0 => Stream::Stdout,
        1 => Stream::Stderr,
        2 => Stream::Note,
        _ => Stream::Unknown,
    }
}

/// The records of a file, read as needed. Records past the end of the log are the writer's next ones: ignored.
#[derive(Debug)]
pub(super) struct Index {
    file: File,
    count: u64,
    block: Vec<u8>,
    block_at: u64,
}

impl Index {
    pub(super) const fn new(file: File) -> Self {
        Self { file, count: 0, block: Vec::new(), block_at: 0 }
    }

    /// Looks at the file again; `size` is the log's.
    pub(super) fn refresh(&mut self, size: u64) -> io::Result<()> {
        self.block.clear();
        self.count = self.file.metadata()?.len() / RECORD as u64;
        // The record is written before its bytes, and a full disk may take it without them.
        while self.count > 0 && self.get(self.count - 1)?.offset >= size {
            self.count -= 1;
        }
        Ok(())
    }

    /// How many records there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The record at `place`, which must be below the count.
    pub(super) fn get(&mut self, place: u64) -> io::Result<Record> {
        let block_at = place / BLOCK as u64 * BLOCK as u64;
        let at = (place - block_at) as usize * RECORD;
        if block_at != self.block_at || at + RECORD > self.block.len() {
            self.block.resize(BLOCK * RECORD, 0);
            let mut filled = 0;
            while filled < self.block.len() {
                match self.file.read_at(&mut self.block[filled..], block_at * RECORD as u64 + filled as u64)? {
                    0 => break,
                    read => filled += read,
                }
            }
            self.block.truncate(filled);
            self.block_at = block_at;
        }
        self.block.get(at..at + RECORD).map(Record::from_bytes).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// How many records at the start fulfil `holds`, which is true up to some place and false from there.
    pub(super) fn partition_point(&mut self, holds: impl Fn(&Record) -> bool) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if holds(&self.get(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
