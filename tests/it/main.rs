//! Every integration test, in one binary.

mod cli;
mod db;
mod repository;
mod support;
mod tools;
