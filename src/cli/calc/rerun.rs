//! `calc rerun`: a copy of a calculation, changed where it is asked for, and its run.

use super::{args::Rerun, content, new, run};
use crate::{
    cli::{
        Changes,
        exit::{CommandResult, Exit},
        output::Output,
    },
    domain::id::CalculationId,
    session::{Session, calculations},
};

/// Copies everything (code, parameters, limits, tool version, inputs with their roles and names) and runs the copy.
pub async fn rerun(session: &Session, args: &Rerun, changes: Changes, output: Output) -> CommandResult {
    changes.allowed("run a calculation")?;
    args.how.check()?;
    let (mut copy, known) = calculations::copy_of(session, CalculationId(args.id)).await?;
    let inputs = content::change(&mut copy, &known, &args.settings, &session.config.limits)?;
    if changes.dry_run {
        output.always_say(format_args!("would make and run {}", new::words(&copy, &inputs)));
        return Ok(Exit::Ok);
    }
    let id = new::make(session, copy, &inputs).await?;
    run::start(session, id, &args.how, true, output).await
}
