//! The log of a run: stdout and stderr as they came, byte for byte, with a side index of streams and times.
//!
//! The raw log is one file that only grows. Beside it lies `log.index`: fixed-size records that say, for places
//! in the log, how many lines came before, when, and from which stream. So a reader finds any line of any log by
//! a few small reads and keeps nothing in memory, while the run writes and long after.

mod index;
mod pack;
mod reader;
mod scan;
mod writer;

#[cfg(test)]
mod tests;

pub use pack::PackError;
pub(in crate::runs) use pack::{pack, unpack};
pub use reader::{LogLine, LogReader, MAX_LINE};
pub use scan::{Needle, Scan};
pub(crate) use writer::LogWriter;

use serde::{Deserialize, Serialize};

/// The raw log's name in its folder.
pub(in crate::runs) const LOG: &str = "log";
/// The side index's name.
pub(super) const INDEX: &str = "log.index";

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// mecapy itself: what is missing, and why.
    Note,
    /// One of the two; which one was not kept.
    Unknown,
}
