//! Whether a command may change anything.

use super::exit::{Exit, Failure};

/// The flags that hold a command back.
#[derive(Clone, Copy, Debug)]
pub struct Changes {
    /// `--read-only`.
    pub read_only: bool,
    /// `--dry-run`: everything is checked, nothing is done.
    pub dry_run: bool,
}

impl Changes {
    /// Refuses to `do_what` under `--read-only`.
    pub fn allowed(self, do_what: &str) -> Result<(), Failure> {
        if self.read_only {
            return Err(Failure::words(Exit::Denied, format!("--read-only: not allowed to {do_what}")));
        }
        Ok(())
    }
}
