//! Searching a log, in steps of bounded size, so that a search can be shown, paced and given up.

use super::reader::{BUFFER, LogLine, LogReader};
use memchr::memmem::Finder;
use std::io;

/// A text to look for within lines.
#[derive(Clone, Debug)]
pub struct Needle {
    finder: Finder<'static>,
    /// Looked for without regard to ASCII case: when it was typed without a capital.
    folded: bool,
}

/// What one step of a search found.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scan {
    /// The numbers of lines with a match, rising.
    pub lines: Vec<u64>,
    /// Where the next step begins; `None` when there is no more.
    pub next: Option<u64>,
}

impl Needle {
    /// A text as typed: any case matches unless it holds a capital letter. `None` for the empty text and one with
    /// a newline, which no line holds.
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() || text.contains('\n') || text.len() > BUFFER / 4 {
            return None;
        }
        let folded = !text.chars().any(char::is_uppercase);
        Some(Self { finder: Finder::new(text.as_bytes()).into_owned(), folded })
    }

    /// Where in `line` the matches are, as ranges of bytes.
    pub fn matches(&self, line: &[u8]) -> Vec<std::ops::Range<usize>> {
        let size = self.finder.needle().len();
        let folded;
        let line = if self.folded {
            folded = line.to_ascii_lowercase();
            &folded
        } else {
            line
        };
        self.finder.find_iter(line).map(|at| at..at + size).collect()
    }
}

impl LogReader {
    /// Looks for `needle` from the line `from` on, through about `budget` bytes.
    pub fn scan(&mut self, needle: &Needle, from: u64, budget: u64) -> io::Result<Scan> {
        let mut found = Scan::default();
        if from >= self.len() {
            return Ok(found);
        }
        let (mut at, mut line) = (self.start_of(from)?, from);
        let stop = at.saturating_add(budget.max(1));
        while at < self.size() {
            // A step ends where a line starts, however long the line before is.
            let (next, lines, starts) = self.scan_block(needle, at, line, &mut found.lines)?;
            (at, line) = (next, lines);
            if at >= stop && starts && at < self.size() {
                found.next = Some(line);
                break;
            }
        }
        Ok(found)
    }

    /// The first `count` lines with `needle` from the line `from` on.
    pub fn lines_with(&mut self, needle: &Needle, from: u64, count: usize) -> io::Result<Vec<LogLine>> {
        let mut lines = Vec::new();
        let mut next = Some(from);
        while let (Some(from), true) = (next, lines.len() < count) {
            let found = self.scan(needle, from, 1)?;
            for line in found.lines.into_iter().take(count - lines.len()) {
                lines.extend(self.lines(line, 1)?);
            }
            next = found.next;
        }
        Ok(lines)
    }

    /// One buffer: where the next one begins, at which line, and whether that is the line's start.
    fn scan_block(
        &mut self,
        needle: &Needle,
        at: u64,
        mut line: u64,
        lines: &mut Vec<u64>,
    ) -> io::Result<(u64, u64, bool)> {
        let read = self.fill(at, self.size())?;
        if read == 0 {
            return Ok((self.size(), self.len(), true));
        }
        let folded;
        let block = if needle.folded {
            folded = self.buffer()[..read].to_ascii_lowercase();
            &folded[..]
        } else {
            &self.buffer()[..read]
        };
        // Up to the last newline where there is one; else a long line, of which the next block repeats the end.
        let last = memchr::memrchr(b'\n', block);
        let used = match last {
            Some(newline) => newline + 1,
            None if at + read as u64 >= self.size() => read,
            None => read + 1 - needle.finder.needle().len().min(read),
        };
        let end = if last.is_some() { used } else { read };
        let (mut counted, mut from) = (0, 0);
        while let Some(hit) = needle.finder.find(&block[from..end]).map(|hit| from + hit) {
            if hit >= used {
                break;
            }
            line += memchr::memchr_iter(b'\n', &block[counted..hit]).count() as u64;
            counted = hit;
            if lines.last() != Some(&line) {
                lines.push(line);
            }
            // One hit a line is enough.
            from = memchr::memchr(b'\n', &block[hit..used]).map_or(used, |newline| hit + newline + 1);
        }
        line += memchr::memchr_iter(b'\n', &block[counted..used]).count() as u64;
        Ok((at + used as u64, line, last.is_some() || at + used as u64 >= self.size()))
    }
}
