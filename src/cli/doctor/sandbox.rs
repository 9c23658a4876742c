//! What runs the code: the interpreter, and how far it can be shut in.

use super::{Check, Mark};
use crate::{
    config::Config,
    sandbox::{
        builtin::{self, Level},
        python,
    },
};

/// The interpreter and the isolation, both found by trying.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    let mut checks = vec![match python::find(config.sandbox.python.as_deref()) {
        Ok(found) => Check::ok("python", format!("{} ({})", found.path.display(), found.version)),
        Err(error) => Check::new("python", Mark::Error, error.to_string()),
    }];
    let isolation = builtin::probe();
    let mark = match isolation.level {
        Level::E2 => Mark::Ok,
        Level::E0 if !config.sandbox.allow_unisolated => Mark::Error,
        _ => Mark::Warning,
    };
    let words = match (isolation.level, config.sandbox.allow_unisolated) {
        (Level::E0, true) => ": code runs with all your rights (sandbox.allow_unisolated)",
        (Level::E0, false) => ": nothing is run, code would have all your rights",
        _ => "",
    };
    let mut level = Check::new("sandbox", mark, format!("built in, level {}{words}", isolation.level));
    if let Some(advice) = &isolation.advice {
        level = level.advise(advice.clone());
    }
    checks.push(level);
    checks.extend(isolation.holds.iter().map(|words| Check::ok("sandbox", format!("holds: {words}"))));
    checks.extend(isolation.lacks.iter().map(|words| Check::ok("sandbox", format!("does not hold: {words}"))));
    checks
}
