//! The built-in sandbox: hostile scripts, levels, limits, what is left behind.

pub mod corpus;
mod ends;
pub mod harness;
mod levels;
mod limits;
mod runner;
mod traces;
