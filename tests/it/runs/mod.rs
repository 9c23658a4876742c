//! The life of runs, with real supervisors, sandboxes, databases and stores.

mod faults;
mod life;
pub mod support;
mod terminal;
