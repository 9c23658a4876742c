//! The runtime.
pub mod painter;
