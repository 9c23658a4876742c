//! Waiting for the end of a run, with its log or without.
//!
//! A terminal gets each line with control characters made visible; a file or a pipe gets the bytes as they came;
//! `--json` gives an object a line. Ctrl-C and SIGTERM leave the run alone.

use super::show;
use crate::{
    cli::{
        exit::{CommandResult, Exit, Failure},
        images::Bar,
        output::Output,
    },
    domain::{id::CalculationId, text::log_line, time::rfc3339},
    runs::{
        self, Follow, Followed,
        log::{LogLine, LogReader},
    },
    session::Session,
};
use serde_json::json;
use std::io::IsTerminal as _;
use tokio::signal::unix::{SignalKind, signal};

/// How much of the log to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Nothing.
    Hidden,
    /// From this line on, counted from 0.
    From(u64),
}

/// Follows a run to its end and says how it ended, in the exit code too.
pub async fn follow(session: &Session, id: CalculationId, log: &Log, output: Output) -> CommandResult {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut follow = Follow::open(session, id).await?;
    let mut printer = Printer::new(session, id, *log, output);
    let mut reason = None;
    // Words even beside JSON: standard output is for the log and the end.
    let mut bar = Bar::new(Output { json: false, ..output });
    if follow.is_elsewhere() {
        output.say(format_args!("calculation {id} is on another host; its log is read when it is over"));
    }
    loop {
        let left = tokio::select! {
            event = follow.next() => Ok(event?),
            _ = interrupt.recv() => Err(Exit::Interrupted),
            _ = terminate.recv() => Err(Exit::Terminated),
        };
        let event = match left {
            Ok(event) => event,
            Err(exit) => {
                bar.end();
                return Ok(detached(id, exit, output));
            }
        };
        match event {
            Some(Followed::Lines(lines)) => {
                bar.end();
                printer.lines(&lines).await?;
            }
            Some(Followed::State(state)) if state.waiting_reason != reason => {
                reason = state.waiting_reason;
                bar.end();
                if let Some(reason) = &reason {
                    output.say(format_args!("calculation {id} waits: {reason}"));
                }
            }
            Some(Followed::State(state)) => match &state.pull {
                Some(progress) => bar.take(progress),
                None => bar.end(),
            },
            Some(Followed::Trouble(error)) => {
                bar.end();
                return Err(error.into());
            }
            Some(Followed::Ended(_) | Followed::LogLength(_)) => bar.end(),
            None => break,
        }
    }
    let detail = show::load(session, id).await?;
    if output.json {
        output.json(&detail)?;
    }
    output.say(show::sentence(&detail.calculation));
    Ok(show::exit(&detail))
}

/// The run goes on; this process does not.
fn detached(id: CalculationId, exit: Exit, output: Output) -> Exit {
    output.always_say(format_args!(
        "\ncalculation {id} goes on. Follow it: mecapy calc logs {id} --follow. Stop it: mecapy calc cancel {id}"
    ));
    exit
}

/// Prints a log as it grows.
pub struct Printer<'a> {
    session: &'a Session,
    id: CalculationId,
    log: Log,
    output: Output,
    is_terminal: bool,
    /// The log as bytes, and how many of them were printed.
    raw: Option<(LogReader, u64)>,
}

impl<'a> Printer<'a> {
    /// Prints the log of `id`, as much of it as `log` says.
    pub fn new(session: &'a Session, id: CalculationId, log: Log, output: Output) -> Self {
        Self { session, id, log, output, is_terminal: std::io::stdout().is_terminal(), raw: None }
    }

    /// Whether all there is of the log was printed with the first lines, as bytes.
    pub fn is_raw(&self) -> bool {
        self.raw.is_some()
    }

    /// Prints these lines, which follow those before.
    pub async fn lines(&mut self, lines: &[LogLine]) -> Result<(), Failure> {
        let Log::From(first) = self.log else { return Ok(()) };
        let wanted = lines.iter().filter(|line| line.number >= first);
        if self.output.json {
            return wanted.into_iter().try_for_each(|line| self.output.json(&object(line)));
        }
        if self.is_terminal {
            let text: String = wanted.map(|line| log_line(&line.bytes).text() + "\n").collect();
            return self.output.raw(text.as_bytes());
        }
        // Lines are cut to what a screen shows; a file wants all of them, byte for byte.
        if self.raw.is_none() {
            let Some(mut reader) = runs::open_log(self.session, self.id).await? else { return Ok(()) };
            let from = offset_of(&mut reader, first)?;
            self.raw = Some((reader, from));
        }
        self.rest()
    }

    fn rest(&mut self) -> Result<(), Failure> {
        let Some((reader, at)) = &mut self.raw else { return Ok(()) };
        reader.refresh()?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = reader.bytes(*at, &mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.output.raw(&buffer[..read])?;
            *at += read as u64;
        }
    }
}

/// Where the line begins.
fn offset_of(reader: &mut LogReader, line: u64) -> Result<u64, Failure> {
    const CHUNK: usize = 2_000;
    if line == 0 {
        return Ok(0);
    }
    // From the end backwards: the lines wanted are the last ones.
    let mut size = 0;
    let mut from = line;
    loop {
        let lines = reader.lines(from, CHUNK)?;
        size += lines.iter().map(|line| line.size + u64::from(line.whole)).sum::<u64>();
        from += lines.len() as u64;
        if lines.is_empty() {
            return Ok(reader.size().saturating_sub(size));
        }
    }
}

fn object(line: &LogLine) -> serde_json::Value {
    let time = line.time.and_then(|time| chrono::DateTime::from_timestamp_micros(i64::try_from(time).ok()?));
    json!({
        "line": line.number + 1,
        "stream": line.stream,
        "time": time.map(|time| rfc3339(time.naive_utc())),
        "text": String::from_utf8_lossy(&line.bytes),
    })
}
