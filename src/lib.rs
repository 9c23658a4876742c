//! The terminal of MecaPy.

pub mod domain;
pub mod sandbox;
