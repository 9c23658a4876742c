//! The real program on the command line: words, codes, shapes.

mod general;
mod refusals;
mod settings;
