//! One module a pane: `mod.rs` holds state and update, `view.rs` draws. No pane names another.

pub mod calculations;
pub mod editor;
pub mod monitor;
pub mod stats;
pub mod tools;
