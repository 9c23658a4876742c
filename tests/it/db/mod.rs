//! The database: one story, the schema's contract, relations, lists, runs, bad input.

mod contract;
pub mod engines;
mod health;
mod input;
mod listening;
mod lists;
mod live;
mod pool;
mod relations;
mod runs;
mod schema;
mod server;
pub mod size;
mod statements;
pub mod story;
