//! The supervisor: one process a run, from its turn to its delivery.
//!
//! Two doors: [`requested`], by which this program becomes one, and [`fn@start`], by which another program makes one.

mod claim;
mod course;
mod delivery;
mod drain;
mod execute;
mod heartbeat;
mod image;
mod life;
mod meter;
mod output;
mod start;
mod state_file;
mod turn;
mod waiting;

pub use start::ended_by_logout;
pub(super) use start::start;

use super::spool::{LockedSpool, Spool, SpoolError};
use crate::sandbox::builtin;
use life::{Life, Trouble};
use std::{
    ffi::OsStr,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

/// How long another process may look at the spool before this one gives up: whoever has it longer supervises it.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Becomes a supervisor where the arguments of this process ask for one: `mecapy supervise FOLDER`.
///
/// Looked at before anything else: a supervisor has no settings but its request.
pub fn requested() -> Option<ExitCode> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.iter().map(AsRef::as_ref).collect::<Vec<&OsStr>>()[..] {
        [word, folder] if word == start::SUPERVISE => Some(report(leave(Path::new(folder)))),
        [word, detached, folder] if word == start::SUPERVISE && detached == start::DETACHED => {
            Some(main(Path::new(folder)))
        }
        _ => None,
    }
}

/// Supervises the run in `folder` in this process, to its end.
fn main(folder: &Path) -> ExitCode {
    log_to_stderr();
    let _ = rustix::thread::set_name(c"mecapy-run");
    report(supervise(folder))
}

fn leave(folder: &Path) -> Result<(), Trouble> {
    log_to_stderr();
    Ok(start::detach(&Spool::open(folder)?)?)
}

/// Its standard error is a file in the spool. Where that cannot be written (a full disk), silence is better than the
/// panic with which a subscriber would say so.
fn log_to_stderr() {
    let _ =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).log_internal_errors(false).try_init();
}

fn report(done: Result<(), Trouble>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn supervise(folder: &Path) -> Result<(), Trouble> {
    let secrets = start::handed_over();
    let spool = Spool::open(folder)?;
    crate::faults::at("awake");
    let Some(spool) = lock(&spool)? else {
        tracing::info!("another process supervises this run");
        return Ok(());
    };
    spool.write_supervisor(&builtin::Identity::of(rustix::process::getpid().as_raw_pid())?)?;
    // One thread does all of it; the few things that block have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Box::pin(course::live(Life::open(spool, secrets)?)).await })
}

fn lock(spool: &Spool) -> Result<Option<LockedSpool>, SpoolError> {
    let began = Instant::now();
    loop {
        if let Some(locked) = spool.try_lock()? {
            return Ok(Some(locked));
        }
        if began.elapsed() > LOCK_PATIENCE {
            return Ok(None);
        }
        #[expect(clippy::disallowed_methods, reason = "the supervisor has no runtime yet")]
        std::thread::sleep(Duration::from_millis(20));
    }
}
