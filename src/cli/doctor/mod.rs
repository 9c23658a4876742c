//! `mecapy doctor`: what is configured, reachable and isolated, and what to do about the rest.
//!
//! It works where the rest does not: with settings that cannot be read, a database that cannot be opened, a host
//! without a sandbox. Each area of checks is a file; a check is a mark, a fact and, where something is wrong, what
//! to do about it.

mod database;
mod engine;
mod place;
mod sandbox;
mod terminal;

use super::{
    exit::{CommandResult, Exit, Failure},
    output::Output,
};
use crate::{
    config::Loaded,
    domain::text::SafeText,
    runs::{ended_by_logout, spooled},
};
use serde::Serialize;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// As it should be.
    Ok,
    /// Works, with less than there could be.
    Warning,
    /// Keeps mecapy from its main job.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it belongs to: `settings`, `database`, ...
    pub area: &'static str,
    /// How it came out.
    pub mark: Mark,
    /// What was found.
    pub fact: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    fn new(area: &'static str, mark: Mark, fact: impl Into<String>) -> Self {
        Self { area, mark, fact: fact.into(), advice: None }
    }

    fn ok(area: &'static str, fact: impl Into<String>) -> Self {
        Self::new(area, Mark::Ok, fact)
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// Looks at everything; exits with 1 when something keeps mecapy from its main job, with 6 or 7 when that is a
/// container engine that the settings want and that refuses or does not answer.
pub fn doctor(loaded: Result<Loaded, Failure>, output: Output) -> CommandResult {
    let mut checks = Vec::new();
    let mut exit = Exit::Error;
    match loaded {
        Ok(loaded) => {
            checks.extend(settings(&loaded));
            checks.extend(place::checks(&loaded.config));
            checks.extend(super::runtime()?.block_on(database::checks(&loaded.config)));
            let (engine, code) = super::runtime()?.block_on(engine::checks(&loaded.config));
            checks.extend(engine);
            exit = code.unwrap_or(exit);
            checks.extend(sandbox::checks(&loaded.config));
            checks.extend(limits(&loaded));
            checks.extend(runs(&loaded));
        }
        Err(failure) => checks.push(
            Check::new("settings", Mark::Error, failure.sentence())
                .advise("correct it; nothing else can be checked until then"),
        ),
    }
    checks.extend(terminal::checks(&terminal::Facts::of_process()));
    print(&checks, output)?;
    let broken = checks.iter().any(|check| check.mark == Mark::Error);
    Ok(if broken { exit } else { Exit::Ok })
}

fn settings(loaded: &Loaded) -> Vec<Check> {
    let mut checks = Vec::new();
    for file in &loaded.files {
        let found = if file.found { "read" } else { "not there, so the defaults hold" };
        checks.push(Check::ok("settings", format!("{}: {found}", file.path.display())));
    }
    if let Some(profile) = &loaded.config.profile {
        checks.push(Check::ok("settings", format!("profile {profile}")));
    }
    let elsewhere =
        loaded.origins.iter().filter(|origin| !origin.origin.starts_with('/') && origin.origin != "default");
    for origin in elsewhere {
        checks.push(Check::ok("settings", format!("{} = {} by {}", origin.key, origin.value, origin.origin)));
    }
    for warning in &loaded.warnings {
        checks.push(Check::new("settings", Mark::Warning, warning.clone()));
    }
    checks
}

fn limits(loaded: &Loaded) -> Vec<Check> {
    let limits = loaded.config.limits;
    let runs = loaded.config.runs;
    let words = |limits: crate::domain::limits::Limits| {
        format!("{} s, {} MiB, {} cores", limits.timeout, limits.memory_limit, limits.cpu_limit)
    };
    vec![
        Check::ok(
            "limits",
            format!("a calculation takes {}, at most {}", words(limits.default), words(limits.maximum)),
        ),
        Check::ok(
            "limits",
            format!("at most {} runs of one person and {} of this host at once", runs.max_per_user, runs.max_per_host),
        ),
    ]
}

fn runs(loaded: &Loaded) -> Vec<Check> {
    let mut checks = vec![match spooled(&loaded.config.paths.spool()) {
        Ok(runs) => Check::ok("runs", format!("{} waiting, running or not recorded yet on this host", runs.len())),
        Err(error) => Check::new("runs", Mark::Error, error.to_string()),
    }];
    checks.push(match ended_by_logout() {
        Some(words) => Check::new("runs", Mark::Warning, words),
        None => Check::ok("runs", "they go on after logout"),
    });
    checks
}

fn print(checks: &[Check], output: Output) -> Result<(), Failure> {
    for check in checks {
        if output.json {
            output.json(check)?;
            continue;
        }
        let mark = match check.mark {
            Mark::Ok => "✓ ok     ",
            Mark::Warning => "! warning",
            Mark::Error => "✗ error  ",
        };
        for (number, line) in SafeText::lines(&check.fact).iter().enumerate() {
            let (mark, area) = if number == 0 { (mark, check.area) } else { ("         ", "") };
            output.line(&format!("{mark}  {area:<9} {}", line.as_str()))?;
        }
        for line in check.advice.iter().flat_map(|advice| SafeText::lines(advice)) {
            output.line(&format!("{:21} -> {}", "", line.as_str()))?;
        }
    }
    Ok(())
}
