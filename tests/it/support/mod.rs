//! What several integration tests use.

pub mod home;
