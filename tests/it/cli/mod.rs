//! The real program on the command line: words, codes, shapes.

mod again;
mod databases;
mod general;
mod listing;
mod refusals;
mod running;
mod settings;
mod shared;
mod stats;
mod terminal;
mod times;
