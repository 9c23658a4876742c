//! The tables as sea-orm entities, with every relation of the platform's description.
//!
//! Columns carry the description's names and mean what it says; the types that the rest of the program works with
//! are those of [`crate::domain`], made from these rows by the queries beside this module.
#![expect(missing_docs, reason = "columns and generated items: the description of the schema documents them")]

pub mod calculation;
pub mod calculation_file;
pub mod calculation_run;
pub mod tool;
pub mod tool_version;
pub mod user;
pub mod user_file;
