//! The container engine, against real ones.

mod doctor;
mod finding;
mod images;
mod pulling;
mod runs;
mod servers;
