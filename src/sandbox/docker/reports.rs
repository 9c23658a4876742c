//! The shim's reports, taken out of the container's standard error again.

use crate::sandbox::wire::{self, MARK, Report};
use memchr::memmem::Finder;
use tokio_util::bytes::Bytes;

/// A line longer than this behind the secret is none of the shim's.
const LONGEST: usize = 4_096;

/// Splits a stream into what the code wrote and what the shim reports.
#[derive(Debug)]
pub struct Reports {
    finder: Finder<'static>,
    /// The end of what came, where it may be the start of a report.
    held: Vec<u8>,
}

impl Reports {
    /// By the secret that begins them.
    pub fn new(secret: &str) -> Self {
        let start = [&[MARK], secret.as_bytes()].concat();
        Self { finder: Finder::new(&start).into_owned(), held: Vec::new() }
    }

    /// Takes more of the stream: the code's part of it is appended to `text`, the reports are returned.
    pub fn take(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Vec<Report> {
        let mut reports = Vec::new();
        let mut joined = std::mem::take(&mut self.held);
        let mut rest = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined[..]
        };
        let start = self.finder.needle().len();
        while let Some(at) = self.finder.find(rest) {
            text.extend_from_slice(&rest[..at]);
            let line = &rest[at + start..];
            let Some(end) = memchr::memchr(b'\n', &line[..line.len().min(LONGEST)]) else {
                if line.len() < LONGEST {
                    self.held = rest[at..].to_vec();
                    return reports;
                }
                // Nobody else knows the secret; what is damaged is not shown all the same.
                rest = line;
                continue;
            };
            reports.extend(wire::unframe(&line[..end]));
            rest = &line[end + 1..];
        }
        // The end may be the start of the next one.
        let from = rest.len().saturating_sub(start - 1);
        let candidates = memchr::memchr_iter(MARK, &rest[from..]).map(|at| from + at);
        let held = candidates.into_iter().find(|at| self.finder.needle().starts_with(&rest[*at..]));
        let end = held.unwrap_or(rest.len());
        text.extend_from_slice(&rest[..end]);
        self.held = rest[end..].to_vec();
        reports
    }

    /// The stream is over: what was held was the code's.
    pub fn finish(&mut self, text: &mut Vec<u8>) {
        text.append(&mut self.held);
    }
}

/// Finds the end of a container's standard output, which its shim marks: the last of all lines.
#[derive(Debug)]
pub struct LastLine {
    line: Vec<u8>,
    /// The end of what came, where it may be the start of that line.
    held: Vec<u8>,
    found: bool,
}

impl LastLine {
    /// By the secret in it.
    pub fn new(secret: &str) -> Self {
        Self { line: wire::last_line(secret.as_bytes()), held: Vec::new(), found: false }
    }

    /// Whether it came: there is nothing behind it.
    pub const fn is_found(&self) -> bool {
        self.found
    }

    /// Takes more of the stream and gives the code's part of it.
    pub fn take(&mut self, bytes: Bytes) -> Bytes {
        let bytes = if self.held.is_empty() {
            bytes
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(&bytes);
            joined.into()
        };
        let from = bytes.len().saturating_sub(self.line.len());
        let starts = memchr::memchr_iter(MARK, &bytes[from..]).map(|at| from + at);
        let Some(at) = starts.into_iter().find(|at| self.line.starts_with(&bytes[*at..])) else { return bytes };
        if bytes.len() - at == self.line.len() {
            self.found = true;
        } else {
            self.held = bytes[at..].to_vec();
        }
        bytes.slice(..at)
    }

    /// The stream is over: what was held was the code's.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::wire::{Exit, Sample};

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn ended() -> Report {
        let sample = Sample { elapsed_us: 1, cpu_us: 2, memory: 3, peak: 4, group: 1 };
        Report::Ended(Exit::Code(3), None, true, sample)
    }

    #[test]
    fn reports_come_out_whatever_the_pieces_are() {
        let mut stream = b"one\ntwo".to_vec();
        stream.extend(wire::frame(SECRET.as_bytes(), &Report::Progress(b"{\"step\": 1}\n".to_vec())));
        stream.extend(b"three \x1e0123 \x1e");
        stream.extend(wire::frame(SECRET.as_bytes(), &ended()));
        stream.extend(b"tail\x1e");
        for size in 1..stream.len() {
            let mut reports = Reports::new(SECRET);
            let (mut text, mut found) = (Vec::new(), Vec::new());
            for piece in stream.chunks(size) {
                found.extend(reports.take(piece, &mut text));
            }
            reports.finish(&mut text);
            assert_eq!(text, b"one\ntwothree \x1e0123 \x1etail\x1e", "pieces of {size}");
            assert_eq!(found, [Report::Progress(b"{\"step\": 1}\n".to_vec()), ended()], "pieces of {size}");
        }
    }

    #[test]
    fn without_the_secret_it_is_text() {
        let forged = wire::frame(b"ffffffffffffffffffffffffffffffff", &ended());
        let mut reports = Reports::new(SECRET);
        let mut text = Vec::new();
        assert!(reports.take(&forged, &mut text).is_empty());
        reports.finish(&mut text);
        assert_eq!(text, forged);
    }

    #[test]
    fn the_last_line_is_found_whatever_the_pieces_are() {
        let text = b"one \x1e two \x1e0123456789abcdef three\x1e0123";
        let stream = [&text[..], &wire::last_line(SECRET.as_bytes())].concat();
        for size in 1..=stream.len() {
            let mut last = LastLine::new(SECRET);
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                assert!(!last.is_found());
                found.extend(last.take(Bytes::copy_from_slice(piece)));
            }
            assert!(last.is_found() && last.finish().is_empty(), "pieces of {size}");
            assert_eq!(found, text, "pieces of {size}");
        }
    }

    #[test]
    fn the_start_of_a_last_line_is_text_where_no_more_comes() {
        let line = wire::last_line(SECRET.as_bytes());
        let mut last = LastLine::new(SECRET);
        assert_eq!(last.take(Bytes::copy_from_slice(&line[..20])), b""[..]);
        assert_eq!(last.finish(), line[..20]);
        // Somebody else's.
        let other = wire::last_line(b"ffffffffffffffffffffffffffffffff");
        assert_eq!(last.take(other.clone().into()), other);
        assert!(!last.is_found());
    }

    #[test]
    fn a_report_fits_into_what_a_pipe_takes_in_one_piece() {
        let name = b"files/".repeat(40);
        let rest = vec![b'x'; 1_900 - name.len()];
        for largest in [Report::Progress(vec![b'x'; 1_900]), Report::Output(name, rest)] {
            let largest = wire::frame(SECRET.as_bytes(), &largest);
            assert!(largest.len() <= 4_096, "{}", largest.len());
        }
    }
}
