//! Attacks on row security by people with a role of their own and any client.

mod groups;
mod partitions;
mod rows;
mod ways_round;
