//! The container engine: Docker, or Podman by the same socket.

mod facts;

pub use facts::{Facts, Hole};
