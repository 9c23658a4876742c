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
    domain::{id::CalculationId, status::Status, text::SafeText},
    runs::{self, RunOptions, SubmitError},
    sandbox::{EngineError, docker::Reference},
    session::Session,
};
use clap::ValueEnum as _;
use std::{fmt::Write as _, path::Path};

/// Runs a calculation that is there, or makes one from a file or a tool and runs that.
pub async fn run(session: &Session, args: &Run, changes: Changes, output: Output) -> CommandResult {
    changes.allowed("run a calculation")?;
    args.how.check()?;
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

impl How {
    /// Refuses what cannot be meant, before anything is made.
    pub fn check(&self) -> Result<(), Failure> {
        let Some(image) = &self.image else { return Ok(()) };
        Reference::parse(image).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(())
    }

    /// The flags that say again what runs it, each with a blank before it.
    fn flags(&self) -> String {
        let python = self.python.as_ref().map(|path| ("python", path.display().to_string()));
        let engine = self.engine.and_then(|engine| Some(("engine", engine.to_possible_value()?.get_name().to_owned())));
        let image = self.image.clone().map(|image| ("image", image));
        let mut flags = String::new();
        for (flag, value) in [python, engine, image].into_iter().flatten() {
            let _ = write!(flags, " --{flag} {}", SafeText::label(&quoted_for_shell(&value)));
        }
        flags
    }
}

/// As a POSIX shell reads it as one word.
fn quoted_for_shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@=+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
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
            let how = how.flags();
            output.always_say(format_args!("calculation {id} was made; run it with: mecapy calc run {id}{how}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_run_can_be_run_as_it_was_meant() {
        let how = How {
            python: Some("/opt/my python".into()),
            engine: Some(crate::config::Engine::Docker),
            image: Some("fem:2".to_owned()),
            pull: false,
            follow: true,
            wait: false,
        };
        assert_eq!(how.flags(), " --python '/opt/my python' --engine docker --image fem:2");
        assert!(how.check().is_ok());
        let wrong = How { image: Some("Bad Name".to_owned()), ..how };
        assert_eq!(wrong.check().unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn words_for_a_shell_stay_one() {
        for (word, quoted) in [("a/b:1", "a/b:1"), ("", "''"), ("it's", r"'it'\''s'"), ("$HOME", "'$HOME'")] {
            assert_eq!(quoted_for_shell(word), quoted);
        }
    }
}
