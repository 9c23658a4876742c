//! The built-in sandbox: hostile scripts, levels, limits, what is left behind.

mod corpus;
mod ends;
mod harness;
mod levels;
mod limits;
mod runner;
mod traces;
