//! The database: one story, the schema's contract, lists, the embedded file and its troubles.

mod lists;
mod schema;
mod story;
