//! People isolated by the server: what is put on, and whether it holds.

mod attack;
mod cast;
mod standing;
