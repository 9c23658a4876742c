//! The life of runs, with real supervisors, sandboxes, databases and stores.

mod deletion;
mod faults;
mod hosts;
mod leftovers;
mod life;
mod screens;
mod shared;
mod stopping;
pub mod support;
mod terminal;
