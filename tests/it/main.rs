//! Every integration test, in one binary.

mod repository;
mod tools;
