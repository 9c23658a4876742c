//! `calc rm`: named confirmation for one, a count for many; running ones are refused before anything goes.

use super::{args::Many, show::find};
use crate::{
    cli::{
        Changes,
        exit::{CommandResult, Exit, Failure},
        output::Output,
    },
    domain::{id::CalculationId, status::Status, text::SafeText},
    runs,
    session::Session,
};

/// Deletes calculations with their outputs and logs.
pub async fn remove(session: &Session, args: &Many, changes: Changes, output: Output) -> CommandResult {
    changes.allowed("delete calculations")?;
    let mut ids: Vec<_> = args.ids.iter().copied().map(CalculationId).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let calculation = find(session, id).await?;
        if calculation.status == Status::Running && runs::undelivered_end(session, id).await?.is_none() {
            return Err(Failure::words(
                Exit::Error,
                format!("calculation {id} is running; nothing was deleted. Stop it first: mecapy calc cancel {id}"),
            ));
        }
        found.push(calculation);
    }
    let what = match found.as_slice() {
        [one] => format!("calculation {} \"{}\"", one.id, SafeText::label(&one.name).as_str()),
        many => format!("{} calculations", many.len()),
    };
    if changes.dry_run {
        output.always_say(format_args!("would delete {what} with outputs and logs"));
        return Ok(Exit::Ok);
    }
    output.confirm(&format!("Delete {what} with outputs and logs?"))?;
    for calculation in &found {
        runs::delete(session, calculation.id).await?;
        if output.json {
            output.json(&serde_json::json!({ "id": calculation.id, "deleted": true }))?;
        }
    }
    output.say(format_args!("deleted {what}"));
    Ok(Exit::Ok)
}
