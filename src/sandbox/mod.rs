//! Running code that nobody vouches for.
//!
//! An engine turns a [`Job`] into a running sandbox; the runtime contract (folders, files, signals) is the
//! same in every engine, so [`contract`] reads the outcome whatever ran it.

pub mod builtin;
mod choose;
pub mod contract;
pub mod docker;
pub mod engine;
mod error;
mod filter;
mod from_shim;
pub mod job;
mod parts;
pub mod python;

#[expect(dead_code, reason = "the shim's half of the codec is in the same file")]
mod wire;

pub use choose::{Offer, Wish, choose, offer};
pub use engine::{About, Adopted, Asked, Chosen, Created, Engine, Identity, Outputs, Running};
pub use error::EngineError;
pub use job::{Belongs, Ended, Exit, Interpreter, Job, Program, Stopped};
