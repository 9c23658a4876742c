//! The lines of a log that a filter leaves: in steps and windows, never all of them at once.

use super::runs::{open, reading};
use crate::{
    domain::id::CalculationId,
    runs::log::{LogReader, Needle, Scan},
    session::Session,
    tui::{
        msg::{Failure, LogFiltered, LogLine},
        request::Reply,
    },
};
use std::io;

/// Bytes that one step looks through: what was found so far is shown after each.
const STEP: u64 = 8 << 20;
/// Lines given at once; a window asks for fewer.
const MOST_LINES: usize = 5_000;

/// Which lines have the text, from one line on.
pub async fn step(session: &Session, id: CalculationId, text: &str, from: u64) -> Result<Reply, Failure> {
    let mut log = open(session, id).await?;
    let Some(needle) = Needle::new(text) else {
        let found = LogFiltered { lines: Vec::new(), unfinished: false, next: log.len(), more: false };
        return Ok(Reply::LogFiltered(found));
    };
    reading(move || look(&mut log, &needle, from).map(Reply::LogFiltered)).await
}

/// One step: the lines that surely have it, and whether the last one has, which may grow.
fn look(log: &mut LogReader, needle: &Needle, from: u64) -> io::Result<LogFiltered> {
    let mut found = log.scan(needle, from, STEP)?;
    let more = found.next.is_some();
    let mut next = found.next.unwrap_or(log.len());
    let mut unfinished = false;
    if !more && !log.is_whole() {
        next = next.saturating_sub(1);
        unfinished = found.lines.pop_if(|last| *last == next).is_some();
    }
    Ok(LogFiltered { lines: found.lines, unfinished, next, more })
}

/// Lines that have the text.
pub async fn lines(session: &Session, id: CalculationId, text: &str, parts: Vec<(u64, u32)>) -> Result<Reply, Failure> {
    let mut log = open(session, id).await?;
    let Some(needle) = Needle::new(text) else { return Ok(Reply::LogLines(Vec::new())) };
    reading(move || {
        let mut lines: Vec<LogLine> = Vec::new();
        for (from, count) in parts {
            let room = MOST_LINES.saturating_sub(lines.len());
            let found = log.lines_with(&needle, from, (count as usize).min(room))?;
            lines.extend(found.into_iter().map(LogLine::from));
        }
        Ok(Reply::LogLines(lines))
    })
    .await
}

/// Looks for a text in the lines that have another one, and says which of these it is in.
pub async fn search(
    session: &Session,
    id: CalculationId,
    text: &str,
    limit: u32,
    filter: &str,
) -> Result<Reply, Failure> {
    let mut log = open(session, id).await?;
    let (Some(filter), Some(needle)) = (Needle::new(filter), Needle::new(text)) else {
        return Ok(Reply::LogMatches(Vec::new(), 0));
    };
    let (mut places, mut total, mut left, mut from) = (Vec::new(), 0, 0, 0);
    loop {
        // In steps, so that a newer search stops this one between two.
        let (filter, needle) = (filter.clone(), needle.clone());
        let (given, kept, both) = reading(move || {
            let (kept, both) = look_for_both(&mut log, &filter, &needle, from)?;
            Ok((log, kept, both))
        })
        .await?;
        log = given;
        total += both.len() as u64;
        let room = (limit as usize).saturating_sub(places.len());
        places.extend(both.into_iter().take(room).map(|place| left + place as u64));
        left += kept.lines.len() as u64;
        match kept.next {
            Some(next) => from = next,
            None => return Ok(Reply::LogMatches(places, total)),
        }
    }
}

/// One step: the lines that have the first text, and which of these have the second.
fn look_for_both(log: &mut LogReader, filter: &Needle, needle: &Needle, from: u64) -> io::Result<(Scan, Vec<usize>)> {
    let kept = log.scan(filter, from, STEP)?;
    let mut both = Vec::new();
    let mut next = Some(from);
    while let Some(at) = next.filter(|at| kept.next.is_none_or(|end| *at < end)) {
        let found = log.scan(needle, at, STEP)?;
        both.extend(found.lines.into_iter().filter_map(|line| kept.lines.binary_search(&line).ok()));
        next = found.next;
    }
    Ok((kept, both))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::log::{LogWriter, Stream};
    use std::io::Write as _;

    #[test]
    fn steps_and_windows_of_a_long_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::create(folder.path(), u64::MAX).unwrap();
        let mut block = Vec::new();
        for number in 0..1_000_000 {
            let word = if number % 1_000 == 0 { "Residual" } else { "step" };
            writeln!(block, "{number:07} {word} and the rest of a usual line").unwrap();
            if block.len() > 60_000 {
                writer.write(Stream::Stdout, &block);
                block.clear();
            }
        }
        block.extend(b"residual of an unfinished line");
        writer.write(Stream::Stdout, &block);
        let mut log = LogReader::open(folder.path()).unwrap();
        let filter = Needle::new("residual").unwrap();
        let (mut all, mut from, mut steps) = (Vec::<u64>::new(), 0, 0);
        let last = loop {
            let step = look(&mut log, &filter, from).unwrap();
            all.extend(&step.lines);
            (from, steps) = (step.next, steps + 1);
            if !step.more {
                break step;
            }
        };
        assert!(steps > 3, "in steps: {steps}");
        assert_eq!((last.unfinished, last.next), (true, 1_000_000));
        assert_eq!(all, (0..1_000).map(|n| n * 1_000).collect::<Vec<_>>());
        // A search within the filter counts the lines that it leaves.
        let needle = Needle::new("7000 ").unwrap();
        let (mut places, mut from, mut left) = (Vec::new(), Some(0), 0);
        while let Some(at) = from {
            let (kept, both) = look_for_both(&mut log, &filter, &needle, at).unwrap();
            places.extend(both.into_iter().map(|place| left + place));
            left += kept.lines.len();
            from = kept.next;
        }
        assert_eq!(places.len(), 100, "{places:?}");
        assert_eq!((left, &places[..3]), (1_001, &[7, 17, 27][..]));
    }
}
