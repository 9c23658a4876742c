//! What several integration tests use.

pub mod home;

pub mod user;
