//! The built-in engine: Linux namespaces, Landlock and seccomp around one process tree, no daemon and no root.
//!
//! A small static executable, the shim, is built with the program and embedded in it. It sets the sandbox up, is
//! PID 1 in it, holds the clock and enforces the limits; this module starts it, talks to it over one socket and
//! turns what it reports into plain data. See `src/sandbox/shim/main.rs` for the other half.

mod identity;
mod level;
mod plan;
mod ready;
mod running;

pub use super::error::EngineError;
pub use identity::{Identity, Leftover, kill_leftover};
pub use level::{Isolation, Level, probe};
pub use ready::Ready;
pub use running::{Running, start};
