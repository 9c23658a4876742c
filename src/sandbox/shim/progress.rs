//! The code's progress file, passed on while it grows: nobody outside of a container can follow a file in it.

use crate::{channel::Channel, sys, wire::Report};
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    time::{Duration, Instant},
};

const FILE: &str = "/workspace/out/progress.jsonl";

/// Bytes of one report: with its secret and as hexadecimal digits it fits into what a pipe takes in one piece.
const PIECE: usize = 1_900;

/// Bytes passed on at a time; of more, the end is passed on: it is for the eye, the file itself is kept whole.
const MOST: u64 = 8 * PIECE as u64;

/// What all of it may add to the log, bytes; after that it is looked at seldom.
const BUDGET: u64 = 16 << 20;

/// How seldom.
const SELDOM: Duration = Duration::from_secs(10);

/// What was passed on so far.
pub struct Progress {
    offset: u64,
    spent: u64,
    looked: Instant,
}

impl Progress {
    pub fn new() -> Self {
        Self { offset: 0, spent: 0, looked: Instant::now() }
    }

    /// Passes on what is new.
    pub fn look(&mut self, channel: &mut Channel) {
        if !matches!(channel, Channel::Log(_)) || (self.spent > BUDGET && self.looked.elapsed() < SELDOM) {
            return;
        }
        self.looked = Instant::now();
        let Some(bytes) = self.read() else { return };
        for piece in bytes.chunks(PIECE) {
            if !channel.say(&Report::Progress(piece.to_vec())) {
                // The log is full for now; the rest is read again.
                return;
            }
            self.offset += piece.len() as u64;
            self.spent += piece.len() as u64;
        }
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        // The code may have put anything there.
        let mut file = File::options().read(true).custom_flags(sys::NO_SURPRISE).open(FILE).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() == self.offset {
            return None;
        }
        if metadata.len() < self.offset {
            // Begun anew by the code.
            self.offset = 0;
        }
        let skipped = (metadata.len() - self.offset).saturating_sub(MOST);
        file.seek(SeekFrom::Start(self.offset + skipped)).ok()?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes).ok()?;
        self.offset += skipped;
        if skipped > 0 {
            // From the start of a line on.
            let start = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |newline| newline + 1);
            bytes.drain(..start);
            self.offset += start as u64;
        }
        Some(bytes)
    }
}
