//! `calc new|ls|show|result|rm`.

pub mod args;

mod content;
mod list;
mod new;
mod remove;
mod result;
mod show;

use super::{Changes, exit::CommandResult, output::Output};
use crate::{domain::id::CalculationId, session::Session};
use args::Calc;

/// Runs one verb.
pub async fn calc(session: &Session, verb: &Calc, changes: Changes, output: Output) -> CommandResult {
    match verb {
        Calc::New(args) => new::new(session, args, changes, output).await,
        Calc::Ls(args) => list::list(session, args, output).await,
        Calc::Show(args) => show::show(session, CalculationId(args.id), output).await,
        Calc::Result(args) => result::result(session, args, output).await,
        Calc::Rm(args) => remove::remove(session, args, changes, output).await,
    }
}
