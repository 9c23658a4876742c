//! `admin`: people and programs on a server that keeps people apart.

pub mod args;

use super::{
    Changes, db,
    exit::{CommandResult, Exit, Failure},
    output::{Output, table},
};
use crate::{
    admin::{Admin, Kind, Listed, Password, Person, Provisioned},
    config::Config,
    domain::text::SafeText,
};
use args::Admin as Verb;
use rustix::termios::{self, LocalModes, OptionalActions};
use serde_json::json;
use std::io::{self, BufRead as _, IsTerminal as _};

/// Runs one verb.
pub async fn admin(config: &Config, verb: &Verb, changes: Changes, output: Output) -> CommandResult {
    if !matches!(verb, Verb::List) && !changes.dry_run {
        changes.allowed("change who may do what")?;
    }
    let admin = db::open(config, false).await?;
    let done = run(&admin, verb, changes.dry_run, output).await;
    if let Err(error) = admin.close().await {
        tracing::warn!(%error, "database not closed");
    }
    done
}

async fn run(admin: &Admin, verb: &Verb, dry: bool, output: Output) -> CommandResult {
    match verb {
        Verb::Provision { name, sub, email, username, display_name, admin: is_admin, no_admin, password } => {
            let person = Person {
                role: name.clone(),
                sub: sub.clone(),
                email: email.clone(),
                username: username.clone(),
                display_name: display_name.clone(),
                is_admin: if *is_admin { Some(true) } else { no_admin.then_some(false) },
            };
            let password = given(*password, name, output)?;
            tell(name, &admin.provision(&person, password, dry).await?, dry, output)
        }
        Verb::Service { name, password } => {
            let password = given(*password, name, output)?;
            tell(name, &admin.service(name, password, dry).await?, dry, output)
        }
        Verb::Password { name, password } => {
            let password = given(*password, name, output)?;
            tell(name, &admin.new_password(name, password, dry).await?, dry, output)
        }
        Verb::On { name } => tell(name, &admin.switch(name, true, dry).await?, dry, output),
        Verb::Off { name, end_sessions } => {
            let done = tell(name, &admin.switch(name, false, dry).await?, dry, output)?;
            if *end_sessions && !dry {
                let count = admin.end_sessions(name).await.map_err(|error| {
                    let failure = Failure::from(error);
                    let words =
                        format!("{name} is off; its connections stay open, and see nothing: {}", failure.sentence());
                    Failure::words(failure.exit, words)
                })?;
                output.say(format_args!("mecapy: {count} connections of {name} ended"));
            }
            Ok(done)
        }
        Verb::List => list(&admin.people().await?, output),
    }
}

/// What was done; the password of a new role alone on standard output.
fn tell(name: &str, change: &Provisioned, dry: bool, output: Output) -> CommandResult {
    let password = change.password.as_ref().filter(|_| !dry).map(Password::expose);
    if output.json {
        output.json(&json!({ "role": name, "dry_run": dry, "done": change.done, "password": password }))?;
    } else if let Some(password) = password {
        output.line(password)?;
    }
    let prefix = if dry { "would be: " } else { "" };
    for sentence in &change.done {
        output.say(format_args!("mecapy: {prefix}{sentence}"));
    }
    if change.done.is_empty() {
        output.say(format_args!("mecapy: {name} is as it should be"));
    }
    if password.is_some() && !output.json {
        output.say("mecapy: the password is shown this once and kept nowhere");
    }
    Ok(Exit::Ok)
}

fn list(people: &[Listed], output: Output) -> CommandResult {
    let mut rows = Vec::new();
    for listed in people {
        if output.json {
            output.json(listed)?;
            continue;
        }
        let kind = match listed.kind {
            Kind::Person => "person",
            Kind::Admin => "admin",
            Kind::Service => "service",
        };
        let last = listed.last_login.map(super::words::local).unwrap_or_default();
        let label = |text: &str| SafeText::label(text).into_string();
        rows.push(vec![
            label(&listed.role),
            kind.to_owned(),
            if listed.is_active { "on" } else { "off" }.to_owned(),
            label(listed.sub.as_deref().unwrap_or_default()),
            label(listed.email.as_deref().unwrap_or_default()),
            last,
            listed.problems.iter().map(|problem| label(problem)).collect::<Vec<_>>().join("; "),
        ]);
    }
    if !rows.is_empty() {
        rows.insert(0, ["ROLE", "KIND", "STATE", "SUB", "E-MAIL", "LAST SEEN", "PROBLEMS"].map(str::to_owned).to_vec());
    }
    output.raw(table(&rows, &[]).as_bytes())?;
    if people.is_empty() {
        output.say("mecapy: nobody yet; mecapy admin provision makes a person");
    }
    Ok(if people.iter().any(|listed| !listed.problems.is_empty()) { Exit::Error } else { Exit::Ok })
}

/// A password from the terminal, unseen, or the first line of standard input.
fn given(from: args::PasswordFrom, name: &str, output: Output) -> Result<Option<Password>, Failure> {
    if !from.ask_password {
        return Ok(None);
    }
    let read = || -> io::Result<String> {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    };
    let stdin = io::stdin();
    let password = if output.can_ask() {
        let ask = |words: &str| -> io::Result<String> {
            let _unseen = Unseen::on(&stdin)?;
            output.always_say(words);
            read()
        };
        let password = ask(&format!("Password of {name}:"))?;
        if ask("Again:")? != password {
            return Err(Failure::usage("the two passwords differ; nothing was changed"));
        }
        password
    } else if stdin.is_terminal() {
        return Err(Failure::usage("--no-input: the password comes from standard input, which is a terminal"));
    } else {
        read()?
    };
    Password::given(&password).map(Some).map_err(Failure::usage)
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Unseen<'a> {
    terminal: &'a io::Stdin,
    before: termios::Termios,
}

impl<'a> Unseen<'a> {
    fn on(terminal: &'a io::Stdin) -> io::Result<Self> {
        let before = termios::tcgetattr(terminal)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        termios::tcsetattr(terminal, OptionalActions::Flush, &unseen)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
