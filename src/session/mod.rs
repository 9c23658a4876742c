//! What the screen and the command line work with once the program is open: settings, database, store, person.

pub mod agreement;
pub mod calculations;
pub mod identity;
pub mod logging;
#[cfg(test)]
pub(crate) mod testing;

use crate::{
    config::{self, Config},
    db::{self, Db, DbError},
    domain::{store_address::StoreAddress, user::User},
    samples,
    storage::{Store, StoreError},
};
use std::{sync::Arc, time::Duration};

/// An open session; cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    /// The settings.
    pub config: Arc<Config>,
    /// The rows.
    pub db: Db,
    /// The bytes.
    pub store: Store,
    /// Whose they are.
    pub user: User,
}

/// Why a session cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The database.
    #[error("{error}{}", origin(.from.as_deref()))]
    Database {
        /// What it said.
        error: DbError,
        /// Which setting chose it, where it is not the usual one.
        from: Option<String>,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How connections to a server are made and kept.
pub fn database_options(settings: &config::Database) -> db::Options {
    let seconds = |count: u32| Duration::from_secs(count.into());
    db::Options {
        pool_size: settings.pool_size,
        max_overflow: settings.max_overflow,
        pool_timeout: seconds(settings.pool_timeout),
        recycle: seconds(settings.recycle),
        connect_timeout: seconds(settings.connect_timeout),
        statement_timeout: seconds(settings.statement_timeout),
        tls: settings.tls.clone(),
        root_certificate: settings.tls_ca.clone(),
        ..db::Options::default()
    }
}

fn origin(from: Option<&str>) -> String {
    from.map(|from| format!(" (the database was chosen by {from})")).unwrap_or_default()
}

impl Session {
    /// Opens the database and the store, signs in whoever the database's server knows, else the operating system's user,
    /// and puts the sample tools into an
    /// embedded database that has none.
    pub async fn open(config: Arc<Config>) -> Result<Self, SessionError> {
        let (db, from) = match &config.database.url {
            None => {
                let path = config.paths.database();
                (Db::open_embedded(&path).await, None)
            }
            Some(url) => (
                Db::open_with(url.expose(), &database_options(&config.database)).await,
                Some(config.database.url_origin.clone()),
            ),
        };
        let is_embedded = from.is_none();
        let failed = |error| SessionError::Database { error, from: from.clone() };
        let db = db.map_err(failed)?;
        let user = match db.person() {
            // The server knows whose role signed in; who that is was written down when it was made.
            Some(person) => db::users::present(&db, person).await,
            None => db::users::sign_in(&db, &identity::of_process()).await,
        };
        let user = user.map_err(failed)?;
        if is_embedded && db::tools::seed(&db, user.id, samples::samples).await.map_err(failed)? {
            tracing::info!("sample tools installed");
        }
        let store = Store::open(&StoreAddress::Local(config.storage.path.clone()), None)?;
        for note in db.notes() {
            tracing::info!("{note}");
        }
        Ok(Self { config, db, store, user })
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::config, *};
    use crate::domain::page::PageRequest;

    #[tokio::test]
    async fn an_empty_machine_gets_a_database_a_person_and_tools_once() {
        let root = tempfile::tempdir().unwrap();
        let config = config(root.path(), &[]);
        let first = Session::open(config.clone()).await.unwrap();
        let tools = db::tools::list(&first.db, "", &PageRequest::first(100)).await.unwrap().rows;
        assert_eq!(tools.len(), samples::samples().len());
        assert_eq!(tools[0].author_id, first.user.id);
        let second = Session::open(config).await.unwrap();
        assert_eq!(second.user.id, first.user.id);
        assert_eq!(db::tools::list(&second.db, "", &PageRequest::first(100)).await.unwrap().rows, tools);
    }

    #[tokio::test]
    async fn a_chosen_database_gets_no_samples_and_its_failure_names_who_chose_it() {
        let root = tempfile::tempdir().unwrap();
        let url = format!("database.url=sqlite:///{}/chosen.db", root.path().display());
        let session = Session::open(config(root.path(), &[&url])).await.unwrap();
        assert_eq!(db::tools::list(&session.db, "", &PageRequest::first(100)).await.unwrap().rows.len(), 0);

        let url = "database.url=postgresql://ann:s3cret@127.0.0.1:1/mecapy";
        let refusal = Session::open(config(root.path(), &[url])).await.unwrap_err().to_string();
        assert!(refusal.contains("nothing listens") && refusal.contains("flag --set"), "{refusal}");
        assert!(!refusal.contains("s3cret"), "{refusal}");
    }
}
