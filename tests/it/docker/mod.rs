//! The container engine, against real ones.

mod corpus;
mod doctor;
mod fetching;
mod finding;
mod images;
mod life;
mod pulling;
mod runs;
mod servers;
