//! Running code that nobody vouches for.
//!
//! An engine turns a [`Job`] into a running sandbox; the runtime contract (folders, files, signals) is the
//! same in every engine, so [`contract`] reads the outcome whatever ran it.

pub mod job;

pub use job::{Ended, Exit, Interpreter, Job, Program, Stopped};
