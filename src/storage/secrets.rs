//! What opens a store beyond its address.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The keys of a store: handed to a supervisor through a pipe, never written down and never shown.
///
/// A folder of this host needs none, so there is nothing in it yet. A field that is added has to have a default:
/// what is handed over may come from another version of the program.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSecrets {}

impl fmt::Debug for StoreSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSecrets").finish_non_exhaustive()
    }
}
