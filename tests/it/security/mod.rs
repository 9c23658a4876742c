//! People isolated by the server: what is put on, whether it holds, who is let in, and mecapy as one of them.

mod attack;
pub mod cast;
mod people;
mod program;
mod python;
mod standing;
