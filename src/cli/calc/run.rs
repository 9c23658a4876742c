//! `calc run`: starts a run, and on request waits for its end or follows its log.

use super::{
    args::{Content, How, Run},
    follow::{self, Log},
    new::{make, prepare, print_id, words},
    show::find,
};
use crate::{
    cli::{
        Changes,
        exit::{CommandResult, Exit, Failure},
        output::Output,
    },
    domain::{id::CalculationId, status::Status},
    runs::{self, RunOptions, SubmitError},
    sandbox::EngineError,
    session::Session,
};
use std::path::Path;

/// Runs a calculation that is there, or makes one from a file or a tool and runs that.
pub async fn run(session: &Session, args: &Run, changes: Changes, output: Output) -> CommandResult {
    changes.allowed("run a calculation")?;
    let known = args.target.as_ref().and_then(|target| target.to_str()?.parse().ok()).map(CalculationId);
    let id = if let Some(id) = known {
        startable(session, id, &args.content).await?;
        if changes.dry_run {
            output.always_say(format_args!("would run calculation {id}"));
            return Ok(Exit::Ok);
        }
        id
    } else {
        let (calculation, inputs) = prepare(session, args.target.as_deref().map(Path::new), &args.content).await?;
        if changes.dry_run {
            output.always_say(format_args!("would make and run {}", words(&calculation, &inputs)));
            return Ok(Exit::Ok);
        }
        make(session, calculation, &inputs).await?
    };
    start(session, id, &args.how, known.is_none(), output).await
}

/// Starts the run of a calculation, `made` just now or not, and does until its end what was asked for.
pub async fn start(session: &Session, id: CalculationId, how: &How, made: bool, output: Output) -> CommandResult {
    let options = RunOptions {
        python: how.python.clone(),
        engine: how.engine,
        image: how.image.clone(),
        pull: how.pull,
        ..RunOptions::default()
    };
    let mut submitted = runs::submit(session, id, &options).await;
    if let Err(SubmitError::Engine(EngineError::ImageMissing { image, .. })) = &submitted
        && agreed_to_fetch(image, output)?
    {
        submitted = runs::submit(session, id, &RunOptions { pull: true, ..options }).await;
    }
    if let Err(error) = submitted {
        if made {
            output.always_say(format_args!("calculation {id} was made; run it with: mecapy calc run {id}"));
        }
        return Err(error.into());
    }
    if how.follow {
        output.say(format_args!("calculation {id} is queued"));
        return follow::follow(session, id, &Log::From(0), output).await;
    }
    if how.wait {
        if !output.json {
            print_id(id, output)?;
        }
        return follow::follow(session, id, &Log::Hidden, output).await;
    }
    print_id(id, output)?;
    Ok(Exit::Ok)
}

/// An image may be a gigabyte: it is fetched where somebody says so, by `--pull`, `--yes` or an answer.
fn agreed_to_fetch(image: &str, output: Output) -> Result<bool, Failure> {
    if !output.yes && !output.can_ask() {
        return Ok(false);
    }
    output.confirm(&format!("The image {image} is not on this host. Fetch it from its registry and run?"))?;
    Ok(true)
}

/// Only what has not been started can be; what it is made of was said when it was made.
async fn startable(session: &Session, id: CalculationId, content: &Content) -> Result<(), Failure> {
    let calculation = find(session, id).await?;
    if !content.is_empty() {
        return Err(Failure::usage(format!(
            "calculation {id} is made already: options such as --params go with a file or a tool"
        )));
    }
    if calculation.status != Status::Pending {
        return Err(Failure::words(
            Exit::Error,
            format!(
                "calculation {id} is {}; what has run stays as it ran. Run a copy of it: mecapy calc rerun {id}",
                calculation.status
            ),
        ));
    }
    Ok(())
}
