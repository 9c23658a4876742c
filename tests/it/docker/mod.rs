//! The container engine, against real ones.

mod corpus;
mod doctor;
mod finding;
mod images;
mod life;
mod pulling;
mod runs;
mod servers;
