//! Every integration test, in one binary.

mod admin;
mod away;
mod cli;
mod db;
mod docker;
mod keys;
mod live;
mod pty;
mod repository;
mod runs;
mod sandbox;
mod security;
mod spool;
mod support;
mod tools;
mod working;
