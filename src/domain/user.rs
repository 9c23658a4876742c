//! People.

use super::id::UserId;
use serde::{Deserialize, Serialize};

/// Who is at the keyboard: the operating system's user, or (signed in) a person known to Keycloak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Keycloak's `sub`, or `local:<machine-id>:<uid>`.
    pub keycloak_id: String,
    /// The login name.
    pub username: String,
    /// Empty for a local identity.
    pub email: String,
    /// Given name, where known.
    pub first_name: Option<String>,
    /// Family name, where known.
    pub last_name: Option<String>,
    /// What the screen shows, where known.
    pub display_name: Option<String>,
}

/// A row of `users`: an identity that owns things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The row.
    pub id: UserId,
    /// Who it is.
    #[serde(flatten)]
    pub identity: Identity,
    /// Whether this person may work here.
    pub is_active: bool,
}

impl User {
    /// The name to show.
    pub fn shown_name(&self) -> &str {
        self.identity.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.identity.username)
    }
}
