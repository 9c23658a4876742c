//! The shim's reports, taken out of the container's standard error again.

use crate::sandbox::wire::{self, MARK, Report};
use memchr::memmem::Finder;

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
    fn a_report_fits_into_what_a_pipe_takes_in_one_piece() {
        let largest = wire::frame(SECRET.as_bytes(), &Report::Progress(vec![b'x'; 1_900]));
        assert!(largest.len() <= 4_096, "{}", largest.len());
    }
}
