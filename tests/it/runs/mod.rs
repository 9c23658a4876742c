//! The life of runs, with real supervisors, sandboxes, databases and stores.

mod deletion;
mod faults;
mod leftovers;
mod hosts;
mod life;
mod shared;
pub mod support;
mod terminal;
