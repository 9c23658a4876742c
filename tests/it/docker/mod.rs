//! The container engine, against real ones.

mod broken;
mod corpus;
mod doctor;
mod fetching;
mod finding;
mod gone;
mod images;
mod life;
mod pulling;
pub mod runs;
mod screens;
mod servers;
mod shapes;
