//! Who is to be provisioned, and what was done.

use super::password::Password;

/// Somebody to be provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name of the role, and of the person where `username` says nothing else.
    pub role: String,
    /// The id that the platform knows the person by.
    pub sub: String,
    /// The e-mail address; where there is none a known person keeps hers.
    pub email: Option<String>,
    /// The name in the platform.
    pub username: Option<String>,
    /// What is shown.
    pub display_name: Option<String>,
    /// Whether the person is an administrator; as it is where nothing is said.
    pub is_admin: Option<bool>,
}

/// What a verb did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// A sentence for each thing; nothing where nothing was to be done.
    pub done: Vec<String>,
    /// The password that the role has from now on, where it is a new one.
    pub password: Option<Password>,
}
