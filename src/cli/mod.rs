//! The command line: what the screen does, without a screen.
//!
//! One file per noun or verb; each command gets an [`Output`] and gives an exit code or a failure. Whatever both the
//! screen and the command line do is one function in the folder that owns its noun, called from here.

mod args;
mod doctor;
mod exit;
mod output;
mod settings;

use crate::config::{Config, Flags, Loaded};
use args::{Cli, Command, ConfigCommand, Global};
use clap::{CommandFactory as _, Parser as _};
use exit::{CommandResult, Exit};
use output::Output;
use std::process::ExitCode;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output with code 0, refusals to standard error with 2.
            error.print().ok();
            return Exit::from_clap(&error).into();
        }
    };
    let output = Output::new(&cli.global);
    match run(cli, output) {
        Ok(exit) => exit.into(),
        Err(failure) if failure.is_closed_output() => Exit::Ok.into(),
        Err(failure) => {
            // `{:#}` gives the causes too, on the same line.
            tracing::error!(exit = failure.exit as u8, "{:#}", failure.error);
            output.always_say(format_args!("mecapy: {:#}", failure.error));
            failure.exit.into()
        }
    }
}

fn run(cli: Cli, output: Output) -> CommandResult {
    // What needs no settings works with broken ones too.
    match cli.command {
        Some(Command::Completions { shell }) => return settings::completions(shell, output),
        Some(Command::Man) => return settings::man(output),
        _ => {}
    }
    let loaded = load(&cli.global, output);
    if let Some(Command::Doctor) = cli.command {
        return doctor::doctor(loaded, output);
    }
    let loaded = loaded?;
    match cli.command {
        Some(Command::Config(ConfigCommand::Show)) => settings::show(&loaded, output),
        Some(Command::Config(ConfigCommand::Path)) => settings::path(&loaded, output),
        Some(Command::Completions { .. } | Command::Man | Command::Doctor) => unreachable!("answered above"),
        None => {
            let mut help = Cli::command().render_help().to_string();
            help.truncate(help.trim_end().len());
            output.line(&help)?;
            Ok(Exit::Usage)
        }
    }
}

/// Reads the settings and starts the log.
fn load(global: &Global, output: Output) -> Result<Loaded, exit::Failure> {
    let flags = Flags {
        config: global.config.clone(),
        profile: global.profile.clone(),
        set: global.set.clone(),
        color: global.color.clone(),
    };
    let loaded = Config::load(&flags)?;
    if let Err(error) = crate::session::logging::start(&loaded.config) {
        // Work goes on without a log, but not in silence.
        output.always_say(format_args!("mecapy: no log in {}: {error}", loaded.config.paths.log().display()));
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
        output.say(format_args!("mecapy: {warning}"));
    }
    Ok(loaded)
}
