//! `sandbox prune`.

use super::{
    changes::Changes,
    exit::{CommandResult, Exit},
    output::Output,
};
use crate::{
    domain::text::SafeText,
    runs::{Leftover, leftovers},
    session::Session,
};
use serde::Serialize;

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    leftover: &'a Leftover,
    /// Whether it is gone now.
    removed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Removes what is left over by anything, a line for each; a healthy host gives none.
pub async fn prune(session: &Session, changes: Changes, output: Output) -> CommandResult {
    if !changes.dry_run {
        changes.allowed("remove what is left over")?;
    }
    let found = leftovers(session).await;
    let mut exit = Exit::Ok;
    for leftover in &found.leftovers {
        let outcome = if changes.dry_run { None } else { Some(leftover.remove().await) };
        let problem = outcome.as_ref().and_then(|outcome| outcome.as_ref().err().cloned());
        if let Some(problem) = &problem {
            exit = Exit::Error;
            tracing::warn!(name = leftover.name, problem, "a leftover stays");
        }
        if output.json {
            output.json(&Line { leftover, removed: matches!(outcome, Some(Ok(()))), problem })?;
            continue;
        }
        let what = match (&outcome, problem) {
            (None, _) => "would be removed".to_owned(),
            (Some(_), None) => "removed".to_owned(),
            (Some(_), Some(problem)) => format!("stays: {problem}"),
        };
        let line = format!("{what}: {} ({})", leftover.name, leftover.why);
        output.line(SafeText::label(&line).as_str())?;
    }
    for words in &found.looked {
        output.say(format_args!("looked for containers: {words}"));
    }
    for problem in &found.unseen {
        exit = Exit::Error;
        output.always_say(format_args!("mecapy: could not be looked through: {problem}"));
    }
    Ok(exit)
}
