//! The life of a run: submitted, waiting its turn, supervised, collected, delivered.
//!
//! One detached supervisor process a run does the work and writes into the run's spool folder; every other
//! program only reads there. What the spool's final record says is what happened, whoever delivers it.

pub mod live;
pub mod log;
pub mod spool;

mod notify;
mod queue;
mod request;
mod trash;

#[cfg(test)]
mod testing;

pub use request::{Bounds, Input, Request};
