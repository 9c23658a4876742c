//! The command line: what the screen does, without a screen.
//!
//! One file per noun or verb; each command gets an `Output` and gives an exit code or a failure. Whatever both the
//! screen and the command line do is one function in the folder that owns its noun, called from here.

mod admin;
mod args;
mod calc;
mod changes;
mod db;
mod doctor;
mod exit;
mod images;
mod output;
mod sandbox;
mod settings;
mod stats;
mod surroundings;
mod tools;
mod words;

use crate::{
    config::{Config, Flags, Loaded},
    runs,
    session::Session,
};
use args::{Cli, Command, ConfigCommand, Global, Sandbox, Tools};
use changes::Changes;
use clap::{CommandFactory as _, Parser as _};
use exit::{CommandResult, Exit, Failure};
use output::Output;
use std::{process::ExitCode, sync::Arc};

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    surroundings::forget_drivers_variables();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output with code 0, refusals to standard error with 2.
            return refuse(&error).into();
        }
    };
    let output = Output::new(&cli.global);
    match run(cli, output) {
        Ok(exit) => exit.into(),
        Err(failure) if failure.is_closed_output() => Exit::Ok.into(),
        Err(failure) => {
            let words = failure.sentence();
            tracing::error!(exit = failure.exit as u8, "{words}");
            output.always_say(format_args!("mecapy: {words}"));
            failure.exit.into()
        }
    }
}

/// Help and version go to standard output with code 0, refusals to standard error with 2.
fn refuse(error: &clap::Error) -> Exit {
    if error.use_stderr() {
        // What was typed may come from a script or a file name: nothing of it reaches the terminal raw.
        Output::default().always_say(error.render().to_string().trim_end());
        return Exit::Usage;
    }
    error.print().ok();
    Exit::Ok
}

fn run(cli: Cli, output: Output) -> CommandResult {
    let changes = Changes { read_only: cli.global.read_only, dry_run: cli.global.dry_run };
    match cli.command {
        // What needs no settings works with broken ones too.
        Some(Command::Completions { shell }) => settings::completions(shell, output),
        Some(Command::Man) => settings::man(output),
        Some(Command::Doctor) => doctor::doctor(load(&cli.global, output), output),
        Some(Command::Images(verb)) => {
            let loaded = load(&cli.global, output)?;
            runtime()?.block_on(images::images(&loaded.config, &verb, changes, output))
        }
        Some(Command::Sandbox(Sandbox::Prune)) => {
            with_session(&cli.global, output, async |session| sandbox::prune(session, changes, output).await)
        }
        Some(Command::Config(ConfigCommand::Show)) => settings::show(&load(&cli.global, output)?, output),
        Some(Command::Config(ConfigCommand::Path)) => settings::path(&load(&cli.global, output)?, output),
        Some(Command::Calc(verb)) => {
            with_session(&cli.global, output, async |session| calc::calc(session, &verb, changes, output).await)
        }
        Some(Command::Tools(Tools::Ls { search })) => {
            with_session(&cli.global, output, async |session| tools::list(session, &search, output).await)
        }
        Some(Command::Tools(Tools::Samples)) => {
            with_session(&cli.global, output, async |session| tools::samples(session, changes, output).await)
        }
        Some(Command::Tools(Tools::Show { name, code })) => {
            with_session(&cli.global, output, async |session| tools::show(session, &name, code, output).await)
        }
        Some(Command::Db(verb)) => {
            let loaded = load(&cli.global, output)?;
            tell_foreign_database(&loaded.config, output);
            runtime()?.block_on(db::db(&loaded.config, &verb, changes, output))
        }
        Some(Command::Admin(verb)) => {
            let loaded = load(&cli.global, output)?;
            tell_foreign_database(&loaded.config, output);
            runtime()?.block_on(admin::admin(&loaded.config, &verb, changes, output))
        }
        Some(Command::Stats(args)) => {
            with_session(&cli.global, output, async |session| stats::stats(session, args, output).await)
        }
        None => screen(&cli.global, changes, output),
    }
}

/// Opens a session for one command and closes it again.
fn with_session(
    global: &Global,
    output: Output,
    command: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    let loaded = load(global, output)?;
    runtime()?.block_on(async {
        let session = Session::open(Arc::new(loaded.config)).await?;
        tell_shared_database(&session, output);
        for sentence in runs::reconcile(&session).await.sentences() {
            output.say(sentence);
        }
        let done = command(&session).await;
        // What the command did is written; a write-ahead log that stays behind is folded in the next time.
        if let Err(error) = session.db.close().await {
            tracing::warn!(%error, "database not closed");
        }
        done
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A DATABASE_URL left over from another program shall not go unseen.
fn tell_foreign_database(config: &Config, output: Output) {
    if let Some(url) = &config.database.url {
        output.say(format_args!("mecapy: database {url} ({})", config.database.url_origin));
    }
}

/// The same of a database that is open, with what keeps people apart in it.
fn tell_shared_database(session: &Session, output: Output) {
    let config = &session.config.database;
    match &config.url {
        Some(url) if session.db.is_shared() => {
            output.say(format_args!(
                "mecapy: database {url} ({}): {}",
                config.url_origin,
                session.db.isolation().badge()
            ));
        }
        _ => tell_foreign_database(&session.config, output),
    }
}

/// Reads the settings and starts the log.
fn load(global: &Global, output: Output) -> Result<Loaded, Failure> {
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

/// Opens the screen on a terminal; elsewhere prints the help.
fn screen(global: &Global, changes: Changes, output: Output) -> CommandResult {
    use crate::tui::{End, ScreenError};
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        output.say("mecapy: this is not a terminal, so there is no screen; the commands work without one");
        output.line(Cli::command().render_help().to_string().trim_end())?;
        return Ok(Exit::Usage);
    }
    let loaded = load(global, output)?;
    match crate::tui::run(Arc::new(loaded.config), changes.read_only, global.yes) {
        Ok(End::Quit) => Ok(Exit::Ok),
        Ok(End::Signal(signal)) => Ok(Exit::of_signal(signal)),
        Err(error @ ScreenError::Terminal(_)) => Err(exit::Failure::new(Exit::Error, error)),
        Err(error) => Err(exit::Failure::new(Exit::Usage, error)),
    }
}
