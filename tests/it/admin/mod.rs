//! The operator's verbs on real databases of both engines: migrations, what differs, adoption, copies.

mod adopt;
mod catalogue;
mod copies;
mod migrate;
mod partition;
mod place;
pub mod python;
