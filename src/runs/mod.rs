//! The life of a run: submitted, waiting its turn, supervised, collected, delivered.
//!
//! One detached supervisor process a run does the work and writes into the run's spool folder; every other
//! program only reads there. What the spool's final record says is what happened, whoever delivers it.
//!
//! ```text
//! client        the verbs of people: submit, follow, cancel, delete, reconcile
//!    \-> supervisor   the process of one run; `client` only starts it
//!            \-> ending   collecting what a run left, recording how it ended: `client` does it where nobody supervises
//!                   \-> queue   whose turn it is
//!                          \-> spool   the format: every file of a run's folder, who may write it, the log
//! ```
//!
//! Each floor names those below it and none above; `removal`, `notify`, `host` and `secrets` are tools of all of them.

mod client;
mod ending;
mod host;
mod queue;
mod removal;
mod secrets;
mod spool;
mod supervisor;

pub(crate) mod notify;

#[cfg(test)]
mod testing;

pub use client::{
    Cancel, CancelError, DeleteError, Event, Follow, FollowError, Followed, Found, HostRun, HostRuns, Kind, Leftover,
    LogError, Report, RestoreError, RunOptions, SubmitError, Watch, cancel, cancel_now, delete, folder, leftovers,
    open_log, reconcile, reconcile_with, spooled, submit, undelivered_end,
};
pub use host::name as host_name;
pub use spool::{Input, SpoolError, log};
pub use supervisor::{ended_by_logout, requested};
