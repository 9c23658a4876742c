//! Every integration test, in one binary.

mod db;
mod repository;
mod tools;
