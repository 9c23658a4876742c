//! The container engine: Docker, or Podman by the same socket.

mod client;
mod credentials;
mod ending;
mod facts;
mod identity;
mod images;
mod leftovers;
mod profile;
mod pull;
mod reader;
mod ready;
mod reference;
mod reports;
mod running;
mod search;
mod transfer;

pub use client::{ConnectError, Connection, connect, find};
pub use facts::{Facts, Hole};
pub use identity::{Found, Identity, Name};
pub use images::{Image, ImageError, PROBE};
pub use leftovers::{Thing, ThingKind};
pub use profile::{DEADLINE, HOST, OWNER, RUN};
pub use pull::PullError;
pub use ready::{Choice, Created, DatedFacts, Ready};
pub use reference::{Reference, ReferenceError};
pub use running::Running;
pub use search::{Address, Endpoint, Search, SearchError};

use super::EngineError;
use bollard::errors::Error;

/// An error of the engine, at a step.
fn failed(step: &'static str) -> impl FnOnce(Error) -> EngineError {
    move |error| EngineError::Container(format!("cannot {step}: {}", client::words(&error)))
}
