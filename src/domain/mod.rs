//! Pure data and rules: what a calculation, a tool, a file, a person and a run are.
//!
//! Nothing here does input or output, and nothing here names a library that does.

pub mod calculation;
pub mod change;
pub mod detail;
pub mod file;
pub mod format;
pub mod id;
pub mod isolation;
pub mod limits;
pub mod page;
pub mod parameters;
pub mod property;
pub mod pull;
pub mod run;
pub mod run_state;
pub mod statistics;
pub mod status;
pub mod store_address;
pub mod text;
pub mod time;
pub mod tool;
pub mod user;
pub mod word;

mod field;

pub use field::{FieldError, check_length, check_text};
