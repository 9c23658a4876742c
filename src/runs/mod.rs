//! The life of a run: submitted, waiting its turn, supervised, collected, delivered.
//!
//! One detached supervisor process a run does the work and writes into the run's spool folder; every other
//! program only reads there. What the spool's final record says is what happened, whoever delivers it.

pub mod live;
pub mod log;
pub mod spool;
pub mod supervisor;

mod beat;
mod cancel;
mod claim;
mod delete;
mod deliver;
mod detach;
mod drain;
mod engines;
mod fetch;
mod follow;
mod host;
mod leftovers;
mod meter;
pub(crate) mod notify;
mod pause;
mod pump;
mod queue;
mod reconcile;
mod recover;
mod request;
mod stored;
mod submit;
mod trash;
mod watch;
mod work;

#[cfg(test)]
mod testing;

pub use cancel::{Cancel, CancelError, cancel, cancel_now};
pub use delete::{DeleteError, delete, undelivered_end};
pub use detach::ended_by_logout;
pub use follow::{Follow, FollowError, Followed};
pub use host::name as host_name;
pub use leftovers::{Found, Kind, Leftover, leftovers};
pub use live::{LiveState, Phase};
pub use reconcile::{Report, RestoreError, reconcile, reconcile_with};
pub use request::{Bounds, Input, Request};
pub use stored::{LogError, open_log};
pub use submit::{RunOptions, SubmitError, submit};
pub use watch::{Event, Watch, folder};
