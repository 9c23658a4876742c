//! The container engine, against real ones.

mod doctor;
mod runs;
mod servers;
