//! The database: one story, the schema's contract, lists, the embedded file and its troubles.

mod story;
