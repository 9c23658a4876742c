//! Objects: the bytes of input files, output files and logs.
//!
//! A [`Store`] keeps bytes under keys; which person owns them and what they are called is the database's. Names
//! from outside never become paths: keys are made by [`crate::domain::file::storage_key`].

mod media;
mod secrets;
mod store;
mod sweep;
mod upload;

pub use media::content_type;
pub use secrets::StoreSecrets;
pub use store::{Store, StoreError, Stored};
pub use sweep::ABANDONED;
pub use upload::{Uploaded, upload};
