//! `calc logs`: the log of a run, now or to its end.

use super::{
    args::Logs,
    follow::{self, Log, Printer},
    show::find,
};
use crate::{
    cli::{
        exit::{CommandResult, Exit},
        output::Output,
    },
    domain::{id::CalculationId, status::Status},
    runs,
    session::Session,
};

/// Lines read at a time.
const LINES: usize = 2_000;

/// Prints the log, or its last lines; with `--follow` until the run ends.
pub async fn logs(session: &Session, args: &Logs, output: Output) -> CommandResult {
    let id = CalculationId(args.id);
    let calculation = find(session, id).await?;
    let reader = runs::open_log(session, id).await?;
    let length = reader.as_ref().map_or(0, runs::log::LogReader::len);
    let first = args.tail.map_or(0, |tail| length.saturating_sub(tail));
    if args.follow {
        return follow::follow(session, id, &Log::From(first), output).await;
    }
    let Some(mut reader) = reader else {
        let why = if calculation.status == Status::Completed { "wrote nothing" } else { "has no log" };
        output.say(format_args!("calculation {id} {why}"));
        return Ok(Exit::Ok);
    };
    let mut printer = Printer::new(session, id, Log::From(first), output);
    let mut from = first;
    while from < length && !printer.is_raw() {
        let lines = reader.lines(from, LINES)?;
        from += lines.len() as u64;
        if lines.is_empty() {
            break;
        }
        printer.lines(&lines).await?;
    }
    Ok(Exit::Ok)
}
