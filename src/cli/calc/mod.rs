//! `calc new|ls|show|run|rerun|logs|cancel|result|rm`.

pub mod args;

mod cancel;
mod content;
mod follow;
mod list;
mod logs;
mod new;
mod remove;
mod rerun;
mod result;
mod run;
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
        Calc::Run(args) => run::run(session, args, changes, output).await,
        Calc::Rerun(args) => rerun::rerun(session, args, changes, output).await,
        Calc::Logs(args) => logs::logs(session, args, output).await,
        Calc::Cancel(args) => cancel::cancel(session, args, changes, output).await,
        Calc::Result(args) => result::result(session, args, output).await,
        Calc::Rm(args) => remove::remove(session, args, changes, output).await,
    }
}
