//! Where a database is, so that another process can open it: a path, or what leads to a server.

use super::{Db, DbError, Options, url};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Names a database without telling a secret; equal for the same database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Address {
    /// The path of a SQLite file.
    File(PathBuf),
    /// A database on a server.
    Server {
        /// `user@host:port/database`.
        server: String,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server { server } => f.write_str(server),
        }
    }
}

/// What opens a shared database, password and all: handed to a supervisor through a pipe, never kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    url: String,
    options: Options,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Access {
    pub(super) fn new(url: &str, options: &Options) -> Self {
        Self { url: url.to_owned(), options: options.clone() }
    }

    /// How the connections are made and kept.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }
}

impl Address {
    /// Opens the database, which must be there: a new empty one in its place would know nothing of what is looked
    /// for. A server is opened with what was handed over, by few connections.
    pub async fn open(&self, access: Option<&Access>) -> Result<Db, DbError> {
        match (self, access) {
            (Self::File(path), _) => {
                if let Err(error) = std::fs::metadata(path) {
                    return Err(DbError::Open { place: path.display().to_string(), problem: error.to_string() });
                }
                Db::open_embedded(path).await
            }
            (Self::Server { .. }, Some(access)) => {
                let options = Options { pool_size: 1, max_overflow: 1, ..access.options.clone() };
                Db::open_with(&access.url, &options).await
            }
            (Self::Server { server }, None) => Err(DbError::Unreachable {
                place: server.clone(),
                problem: "only a mecapy that works with this database can reach it; start one".to_owned(),
            }),
        }
    }
}

impl Db {
    /// What names this database to another process; `None` for one in memory.
    pub fn address(&self) -> Option<Address> {
        if self.0.access.is_some() {
            return Some(Address::Server { server: self.place().to_owned() });
        }
        let path = std::path::absolute(Path::new(self.place())).ok()?;
        path.is_file().then_some(Address::File(path))
    }

    /// What opens this database in another process, where a name is not enough.
    pub fn access(&self) -> Option<&Access> {
        self.0.access.as_ref()
    }

    /// What keeps the database from answering, asked of its server directly; `None` where nothing does.
    pub async fn trouble(&self) -> Option<DbError> {
        let access = self.access()?;
        match url::parse(&access.url) {
            Ok(url::DatabaseUrl::Server(server)) => super::open::trouble(&server, &access.options).await,
            _ => None,
        }
    }

    /// Whether other hosts work with it too.
    pub fn is_shared(&self) -> bool {
        self.0.access.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_requests_of_the_first_layout_held() {
        let file = Address::File("/srv/mecapy.db".into());
        assert_eq!(serde_json::to_string(&file).unwrap(), "\"/srv/mecapy.db\"");
        assert_eq!(serde_json::from_str::<Address>("\"/srv/mecapy.db\"").unwrap(), file);
        let server = Address::Server { server: "ann@db/mecapy".into() };
        assert_eq!(serde_json::from_str::<Address>(&serde_json::to_string(&server).unwrap()).unwrap(), server);
    }

    #[test]
    fn access_is_handed_over_whole_and_shown_without_its_secret() {
        let access = Access::new("postgresql://ann:s3cret@db/mecapy", &Options::default());
        let text = serde_json::to_string(&access).unwrap();
        assert_eq!(serde_json::from_str::<Access>(&text).unwrap(), access);
        assert!(!format!("{access:?}").contains("s3cret"));
    }
}
