//! What people ask of runs, through the screen or the command line: submit, follow, read the log, stop, delete, look
//! after what was interrupted.
//!
//! Nothing here works on a run that has a supervisor: it reads its spool, and leaves notes there.

mod cancel;
mod delete;
mod engines;
mod follow;
mod host_runs;
mod leftovers;
mod reconcile;
mod stored_log;
mod submit;
mod watch;

pub use cancel::{Cancel, CancelError, cancel, cancel_now};
pub use delete::{DeleteError, delete, undelivered_end};
pub use follow::{Follow, FollowError, Followed};
pub use host_runs::{HostRun, HostRuns, spooled};
pub use leftovers::{Found, Kind, Leftover, leftovers};
pub use reconcile::{Report, RestoreError, reconcile, reconcile_with};
pub use stored_log::{LogError, open_log};
pub use submit::{RunOptions, SubmitError, submit};
pub use watch::{Event, Watch, folder};
