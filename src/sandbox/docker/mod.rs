//! The container engine: Docker, or Podman by the same socket.

mod client;
mod credentials;
mod facts;
mod images;
mod pull;
mod reference;
mod search;

pub use client::{ConnectError, Connection, connect, find};
pub use facts::{Facts, Hole};
pub use images::{Image, ImageError, PROBE, python_in};
pub use pull::{Layer, Progress, PullError, Step};
pub use reference::{Reference, ReferenceError};
pub use search::{Address, Endpoint, Search, SearchError};
