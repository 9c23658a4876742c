//! What a supervisor needs to open database and store and must not stand in any file, argument or environment.

use super::spool::Request;
use crate::{db::Access, session::Session, storage::StoreSecrets};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is handed to a supervisor through the pipe at its standard input, as a JSON object.
///
/// Each part is optional and unknown ones are passed over, so that another one can be added without a change of what
/// is understood by either side.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Secrets {
    /// What opens a database on a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) database: Option<Access>,
    /// What opens a store that is no folder of this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) store: Option<StoreSecrets>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Those that a run needs and the session has: it may be one of another database, or with another store.
    pub(super) fn of(session: &Session, request: &Request) -> Self {
        let is_same_store = session.store.address() == request.store;
        Self {
            database: session.db.access().filter(|_| request.belongs_to(&session.db)).cloned(),
            store: session.store.secrets().filter(|_| is_same_store).cloned(),
        }
    }

    /// Whether there is nothing to hand over.
    pub(super) const fn is_empty(&self) -> bool {
        self.database.is_none() && self.store.is_none()
    }

    /// As it goes through the pipe.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What came through the pipe; nothing where that cannot be read.
    pub(super) fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_handed_over_whole_and_shown_to_nobody() {
        let access = r#"{"url":"postgresql://ann:s3cret@db/mecapy","options":OPTIONS}"#;
        let options = serde_json::to_string(&crate::db::Options::default()).unwrap();
        let access = serde_json::from_str(&access.replace("OPTIONS", &options)).unwrap();
        let secrets = Secrets { database: Some(access), store: Some(StoreSecrets::default()) };
        assert_eq!(Secrets::from_text(&secrets.to_text()), secrets);
        assert_eq!(format!("{secrets:?}"), "Secrets { .. }");
        assert!(!secrets.is_empty());
    }

    #[test]
    fn parts_that_are_not_known_are_passed_over_and_missing_ones_are_none() {
        let newer = r#"{"store":{"key":"K","secret":"S"},"queue":{"password":"P"}}"#;
        let secrets = Secrets::from_text(newer);
        assert_eq!((secrets.database.is_none(), secrets.store), (true, Some(StoreSecrets::default())));
        assert!(Secrets::from_text("").is_empty() && Secrets::from_text("{}").is_empty());
    }
}
