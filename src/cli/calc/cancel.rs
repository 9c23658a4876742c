//! `calc cancel`: stops runs, or takes them out of the queue.

use super::{args::Many, show::find};
use crate::{
    cli::{
        Changes,
        exit::{CommandResult, Exit},
        output::Output,
    },
    domain::id::CalculationId,
    runs::{self, Cancel},
    session::Session,
};
use serde_json::json;

/// Stops each of them; all ids are looked up before the first is touched.
pub async fn cancel(session: &Session, args: &Many, changes: Changes, output: Output) -> CommandResult {
    changes.allowed("stop runs")?;
    let ids: Vec<_> = args.ids.iter().copied().map(CalculationId).collect();
    for id in &ids {
        find(session, *id).await?;
    }
    for id in ids {
        if changes.dry_run {
            output.always_say(format_args!("would stop calculation {id}"));
            continue;
        }
        let done = runs::cancel(session, id).await?;
        let (word, sentence) = match done {
            Cancel::Cancelled => ("cancelled", "taken out of the queue".to_owned()),
            Cancel::Asked => ("asked", format!("told to stop; what it wrote is kept: mecapy calc show {id}")),
            Cancel::AlreadyOver(status) => ("over", format!("was over already: {status}")),
        };
        if output.json {
            output.json(&json!({ "id": id, "cancel": word }))?;
        }
        output.say(format_args!("calculation {id} {sentence}"));
    }
    Ok(Exit::Ok)
}
