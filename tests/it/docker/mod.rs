//! The container engine, against real ones.

mod servers;
