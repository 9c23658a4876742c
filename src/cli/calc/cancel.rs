//! `calc cancel`: stops runs, or takes them out of the queue.

use super::{args::Stop, show::find};
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

/// Stops each of them, gently at first and at once where that was asked for before; all ids are looked up before the
/// first is touched.
pub async fn cancel(session: &Session, args: &Stop, changes: Changes, output: Output) -> CommandResult {
    changes.allowed("stop runs")?;
    let ids: Vec<_> = args.which.ids.iter().copied().map(CalculationId).collect();
    for id in &ids {
        find(session, *id).await?;
    }
    for id in ids {
        if changes.dry_run {
            output.always_say(format_args!("would stop calculation {id}"));
            continue;
        }
        let done = if args.now { Cancel::Stopping } else { runs::cancel(session, id).await? };
        // The second time there is no grace any more.
        let done = if done == Cancel::Stopping { runs::cancel_now(session, id).await? } else { done };
        let (word, sentence) = match done {
            Cancel::Cancelled => ("cancelled", "taken out of the queue".to_owned()),
            Cancel::Asked => (
                "asked",
                format!("told to stop (once more: killed at once); what it wrote is kept: mecapy calc show {id}"),
            ),
            Cancel::Stopping | Cancel::Killed => {
                ("killed", format!("killed; what it wrote is kept: mecapy calc show {id}"))
            }
            Cancel::AlreadyOver(status) => ("over", format!("was over already: {status}")),
        };
        if output.json {
            output.json(&json!({ "id": id, "cancel": word }))?;
        }
        output.say(format_args!("calculation {id} {sentence}"));
    }
    Ok(Exit::Ok)
}
