//! The whole screen without a terminal.
