//! The container engine: Docker, or Podman by the same socket.

mod client;
mod facts;
mod search;

pub use client::{ConnectError, Connection, connect, find};
pub use facts::{Facts, Hole};
pub use search::{Address, Endpoint, Search, SearchError};
