//! From the sandbox's two outputs into the log: at any rate, in bounded memory, without breaking lines.

use crate::runs::spool::log::{LogWriter, Stream};
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long the start of a line waits for its end, so that the lines of both streams stay whole.
const HOLD: Duration = Duration::from_millis(200);

/// A longer piece of a line waits no more.
const MAX_HELD: usize = 64 << 10;

/// How much of the end of stderr is kept in memory: the last source of a failure's words.
const TAIL: usize = 16 << 10;

/// Bytes read at a time.
const READ: usize = 256 << 10;

/// One of the two outputs.
#[derive(Debug)]
pub(super) struct Pipe<R> {
    from: Option<R>,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from: Some(from), buffer: Vec::with_capacity(READ) }
    }

    /// Whether its end was read.
    pub(super) const fn is_over(&self) -> bool {
        self.from.is_none()
    }

    /// The next bytes; none at its end. Waits for ever once that was told. Cancel safe.
    pub(super) async fn read(&mut self) -> io::Result<&[u8]> {
        let Some(from) = &mut self.from else { return std::future::pending().await };
        self.buffer.clear();
        match from.read_buf(&mut self.buffer).await {
            Ok(0) => self.from = None,
            Ok(_) => {}
            Err(error) => {
                self.from = None;
                return Err(error);
            }
        }
        Ok(&self.buffer)
    }
}

/// Puts the bytes of both streams into the log, whole lines at a time where they come in time.
#[derive(Debug)]
pub(super) struct Joiner {
    log: LogWriter,
    held: [Held; 2],
    tail: Vec<u8>,
}

/// The start of a line whose end has not come.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    since: Option<Instant>,
}

impl Joiner {
    pub(super) fn new(log: LogWriter) -> Self {
        Self { log, held: Default::default(), tail: Vec::new() }
    }

    pub(super) const fn log(&self) -> &LogWriter {
        &self.log
    }

    /// Takes what came on a stream.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Stderr {
            self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
            if self.tail.len() > 2 * TAIL {
                self.tail.drain(..self.tail.len() - TAIL);
            }
        }
        let lines = memchr::memrchr(b'\n', bytes).map_or(0, |newline| newline + 1);
        if lines > 0 {
            self.release(stream);
            self.put(stream, &bytes[..lines]);
        }
        let rest = &bytes[lines..];
        if !rest.is_empty() {
            let held = &mut self.held[held_of(stream)];
            held.bytes.extend_from_slice(rest);
            held.since.get_or_insert_with(Instant::now);
            if held.bytes.len() > MAX_HELD {
                self.release(stream);
            }
        }
    }

    /// Takes what a read gave: a pipe that fails has simply ended.
    pub(super) fn take_read(&mut self, stream: Stream, read: io::Result<&[u8]>) {
        match read {
            Ok(bytes) => self.take(stream, bytes),
            Err(error) => self.note(&format!("the rest of {stream:?} could not be read: {error}")),
        }
    }

    /// Puts a line of mecapy's own into the log.
    pub(super) fn note(&mut self, text: &str) {
        self.log.note(text);
    }

    /// When the next piece of a line has waited long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.held.iter().filter_map(|held| held.since).min().map(|since| since + HOLD)
    }

    /// Writes the pieces that have waited long enough.
    pub(super) fn tick(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if self.held[held_of(stream)].since.is_some_and(|since| since.elapsed() >= HOLD) {
                self.release(stream);
            }
        }
    }

    /// Both streams are over: nothing waits any more.
    pub(super) fn finish(mut self) -> (LogWriter, String) {
        self.release(Stream::Stdout);
        self.release(Stream::Stderr);
        self.log.finish();
        let tail = self.tail.split_off(self.tail.len().saturating_sub(TAIL));
        (self.log, String::from_utf8_lossy(&tail).into_owned())
    }

    fn release(&mut self, stream: Stream) {
        let held = &mut self.held[held_of(stream)];
        held.since = None;
        let mut bytes = std::mem::take(&mut held.bytes);
        if !bytes.is_empty() {
            self.put(stream, &bytes);
            // The allocation is used again.
            bytes.clear();
            self.held[held_of(stream)].bytes = bytes;
        }
    }

    fn put(&mut self, stream: Stream, bytes: &[u8]) {
        if let Some(other) = self.log.open_line().filter(|open| *open != stream) {
            // That line did not end in time; a terminal would mix the two, here each has its own.
            self.log.write(other, b"\n");
        }
        self.log.write(stream, bytes);
    }
}

fn held_of(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::spool::log::LogReader;

    fn joiner(folder: &std::path::Path) -> Joiner {
        Joiner::new(LogWriter::create(folder, 1 << 20).unwrap())
    }

    fn lines(folder: &std::path::Path) -> Vec<(Stream, String)> {
        let mut reader = LogReader::open(folder).unwrap();
        let lines = reader.lines(0, 100).unwrap();
        lines.into_iter().map(|line| (line.stream, String::from_utf8(line.bytes).unwrap())).collect()
    }

    #[test]
    fn lines_of_two_streams_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut joiner = joiner(folder.path());
        joiner.take(Stream::Stdout, b"one ");
        joiner.take(Stream::Stderr, b"warning\nagain");
        joiner.take(Stream::Stdout, b"line\n");
        joiner.take(Stream::Stderr, b" and again\n");
        let (_, tail) = joiner.finish();
        assert_eq!(tail, "warning\nagain and again\n");
        assert_eq!(
            lines(folder.path()),
            [
                (Stream::Stderr, "warning".to_owned()),
                (Stream::Stdout, "one line".to_owned()),
                (Stream::Stderr, "again and again".to_owned())
            ]
        );
    }

    #[test]
    fn a_line_that_does_not_end_is_shown_and_never_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let mut joiner = joiner(folder.path());
        joiner.take(Stream::Stderr, b"\r 10 %");
        joiner.held[1].since = Instant::now().checked_sub(HOLD);
        assert!(joiner.due().unwrap() <= Instant::now());
        joiner.tick();
        assert_eq!(joiner.due(), None);
        assert_eq!(lines(folder.path()), [(Stream::Stderr, "\r 10 %".to_owned())]);
        joiner.take(Stream::Stdout, b"step 1\n");
        joiner.take(Stream::Stderr, b"\r 20 %\n");
        joiner.finish();
        assert_eq!(
            lines(folder.path()),
            [
                (Stream::Stderr, "\r 10 %".to_owned()),
                (Stream::Stdout, "step 1".to_owned()),
                (Stream::Stderr, "\r 20 %".to_owned())
            ]
        );
    }

    #[test]
    fn the_tail_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut joiner = joiner(folder.path());
        for _ in 0..100 {
            joiner.take(Stream::Stderr, &[b'x'; 10_000]);
            assert!(joiner.tail.len() <= 3 * TAIL && joiner.held[1].bytes.len() <= MAX_HELD + 10_000);
        }
        joiner.take(Stream::Stderr, b"\nValueError: no\n");
        let (_, tail) = joiner.finish();
        assert!(tail.len() == TAIL && tail.ends_with("ValueError: no\n"));
    }
}
