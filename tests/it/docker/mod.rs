//! The container engine, against real ones.

mod corpus;
mod doctor;
mod finding;
mod images;
mod pulling;
mod runs;
mod servers;
