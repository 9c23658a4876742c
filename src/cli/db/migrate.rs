//! `db upgrade`, `db downgrade` and `db secure`: told, printed as SQL, or done.

use crate::{
    admin::{Admin, AdminError, Down, Plan, Up},
    cli::{
        Changes,
        exit::{CommandResult, Exit, Failure},
        output::Output,
    },
    domain::format,
};
use serde_json::json;

/// Upgrades to `target`.
pub(super) async fn upgrade(admin: &Admin, target: &str, sql: bool, changes: Changes, output: Output) -> CommandResult {
    let target: Up = target.parse()?;
    if sql || changes.dry_run {
        let plan = admin.plan_upgrade(target).await.map_err(|error| listed(error, output))?;
        return preview(admin, &plan, sql, "apply", output);
    }
    let (plan, copy) = admin.upgrade(target).await.map_err(|error| listed(error, output))?;
    tell(&plan, "applied", false, output)?;
    if let Some(copy) = copy {
        output.say(format_args!("mecapy: as it was before: {}", copy.display()));
    }
    if plan.pieces.is_empty() {
        output.say(format_args!("mecapy: {} has every migration", admin.place()));
    }
    Ok(Exit::Ok)
}

/// Downgrades to `target`, after a question that names what is lost.
pub(super) async fn downgrade(
    admin: &Admin,
    target: &str,
    sql: bool,
    changes: Changes,
    output: Output,
) -> CommandResult {
    let target: Down = target.parse()?;
    let plan = admin.plan_downgrade(target).await?;
    let losses: Vec<String> = admin
        .losses(&plan)
        .await?
        .iter()
        .map(|loss| format!("{} ({} rows)", loss.what, format::count(loss.rows)))
        .collect();
    if sql || changes.dry_run {
        if !losses.is_empty() {
            output.say(format_args!("mecapy: this would throw away {}", losses.join(", ")));
        }
        return preview(admin, &plan, sql, "take back", output);
    }
    if plan.pieces.is_empty() {
        output.say("mecapy: nothing to take back");
        return Ok(Exit::Ok);
    }
    if !losses.is_empty() {
        output.confirm(&format!("Throw away {} of {}?", losses.join(", "), admin.place()))?;
    }
    let (done, copy) = admin.downgrade(target).await?;
    tell(&done, "taken back", false, output)?;
    if let Some(copy) = copy {
        output.say(format_args!("mecapy: as it was before: {}", copy.display()));
    }
    Ok(Exit::Ok)
}

/// Puts row security on or takes it off, after a question about the latter.
pub(super) async fn secure(admin: &Admin, on: bool, sql: bool, changes: Changes, output: Output) -> CommandResult {
    let (verb, done) = if on { ("put on", "put on") } else { ("take off", "taken off") };
    let plan = admin.plan_secure(on).await?;
    if sql || changes.dry_run {
        return preview(admin, &plan, sql, verb, output);
    }
    if plan.pieces.is_empty() {
        let state = if on { "is on, and as it should be" } else { "is not on" };
        output.say(format_args!("mecapy: row security {state} in {}", admin.place()));
        return Ok(Exit::Ok);
    }
    if !on {
        output.confirm(&format!("Stop isolating people in {}?", admin.place()))?;
    }
    tell(&admin.secure(on).await?, done, false, output)?;
    Ok(Exit::Ok)
}

fn preview(admin: &Admin, plan: &Plan, sql: bool, verb: &str, output: Output) -> CommandResult {
    if sql {
        output.text(&admin.script(plan))?;
        return Ok(Exit::Ok);
    }
    tell(plan, &format!("would {verb}"), true, output)?;
    if plan.pieces.is_empty() {
        output.say("mecapy: nothing to do");
    }
    Ok(Exit::Ok)
}

fn tell(plan: &Plan, done: &str, dry_run: bool, output: Output) -> Result<(), Failure> {
    for note in &plan.notes {
        output.say(format_args!("mecapy: {note}"));
    }
    for piece in &plan.pieces {
        if output.json {
            output.json(&json!({ "migration": piece.name, "dry_run": dry_run }))?;
        } else {
            output.line(&format!("{done} {}", piece.name))?;
        }
    }
    Ok(())
}

/// Rows that break a rule are data: each on standard output.
fn listed(error: AdminError, output: Output) -> Failure {
    if let AdminError::Rows { violations, .. } = &error {
        for violation in violations {
            let told = if output.json { output.json(violation) } else { output.line(&violation.to_string()) };
            if let Err(failure) = told {
                return failure;
            }
        }
    }
    Failure::from(error)
}
