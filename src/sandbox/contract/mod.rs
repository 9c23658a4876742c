//! The runtime contract of a calculation: folders and files in, folders and files out.
//!
//! ```text
//! in/data.json  in/files/<name>  in/main.py        written by `prepare`, read-only for the code
//! out/data.json  out/files/  out/artifacts/        written by the code, read by `collect`
//! out/progress.jsonl                               read while the run lasts by `ProgressReader`
//! out/_runner_error.json  out/_error.json          why it failed, in the code's own words
//! scratch/                                         the code's, gone afterwards
//! ```
//!
//! Nothing the code wrote is trusted: names, links, sizes and text are all checked here, once.

mod collect;
mod failure;
mod open;
mod outputs;
mod prepare;
mod progress;
mod result;
mod scan;
mod verdict;

pub use collect::collect;
pub use prepare::{PrepareError, prepare};
pub use progress::{ProgressReader, ProgressUpdate};
