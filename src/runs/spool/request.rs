//! What a run was asked to do: everything its supervisor needs to know, as it was when it was submitted.

use crate::{
    db::{Address, Db},
    domain::{
        file::{FileRole, UserFile},
        id::{CalculationId, RunId, UserId},
        limits::{Caps, Limits},
        run_state::RunState,
        store_address::StoreAddress,
    },
    sandbox::{Asked, Chosen},
};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The file `request.json` of a spool folder. It holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The run.
    pub run: RunId,
    /// What is run.
    pub calculation: CalculationId,
    /// Who asked.
    pub user: UserId,
    /// The owner's key in the store.
    pub keycloak_id: String,
    /// The host that asked: it alone runs it.
    pub host: String,
    /// UTC.
    pub submitted_at: NaiveDateTime,
    /// Python.
    pub code: String,
    /// A JSON object as text.
    pub parameters: String,
    /// Files for `in/files`.
    pub inputs: Vec<Input>,
    /// What it may use.
    pub limits: Limits,
    /// The host's bounds.
    pub caps: Caps,
    /// How many run at a time.
    pub bounds: Bounds,
    /// The interpreter asked for; the one of the PATH where none is.
    pub python: Option<PathBuf>,
    /// Whether a host without any isolation may run it all the same.
    pub allow_unisolated: bool,
    /// What runs it; requests of the first layout named none.
    #[serde(default)]
    pub engine: Chosen,
    /// What is to be told with the result.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The database; what opens one on a server is handed to the supervisor, and is not here.
    pub database: Address,
    /// The store; what opens one beyond its address is handed to the supervisor, and is not here.
    #[serde(flatten, with = "store_keys")]
    pub store: StoreAddress,
    /// The folder of the user's queue on this host.
    pub queue: PathBuf,
}

/// An input file of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its name under `in/files`: one path segment.
    pub name: String,
    /// Its key in the store.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, where the row knows it.
    pub hash: Option<String>,
    /// What it is to the code.
    pub role: FileRole,
}

/// How many runs may go on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Of one user on this host.
    pub per_user: u32,
    /// Of all users on this host.
    pub per_host: u32,
}

impl Request {
    /// The state of the run while it waits for its turn.
    pub(in crate::runs) fn first_state(&self) -> RunState {
        RunState::new(Some(self.run), self.calculation, self.limits, self.caps)
    }

    /// What it asks of its engine.
    pub(in crate::runs) fn asked(&self) -> Asked {
        Asked { python: self.python.clone(), allow_unisolated: self.allow_unisolated }
    }

    /// Whether the run is one of this database's.
    pub fn belongs_to(&self, db: &Db) -> bool {
        db.address().as_ref() == Some(&self.database)
    }
}

impl Input {
    /// What `file` is called by the code: its alias keeps the file's extension, so that the stem is the alias.
    pub fn name_of(file: &UserFile, alias: Option<&str>) -> String {
        let own = segment(&file.filename);
        let Some(alias) = alias else { return own };
        match own.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => format!("{}.{extension}", segment(alias)),
            _ => segment(alias),
        }
    }
}

/// The store under two keys: `store_address` is its address. Programs before addresses read the path of a folder from
/// the key `store`, and wrote nothing else; where the store is no folder they find none, and leave the run alone.
mod store_keys {
    use super::{Deserialize, PathBuf, Serialize, StoreAddress};
    use serde::{Deserializer, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    struct Keys {
        #[serde(default)]
        store_address: Option<StoreAddress>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        store: Option<PathBuf>,
    }

    pub(super) fn serialize<S: Serializer>(store: &StoreAddress, serializer: S) -> Result<S::Ok, S::Error> {
        let StoreAddress::Local(folder) = store;
        Keys { store_address: Some(store.clone()), store: Some(folder.clone()) }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StoreAddress, D::Error> {
        let Keys { store_address, store } = Keys::deserialize(deserializer)?;
        store_address.or_else(|| store.map(StoreAddress::Local)).ok_or_else(|| D::Error::missing_field("store_address"))
    }
}

/// One path segment that means what it says: no separator, no control character, not `.` or `..`, at most 255 bytes.
fn segment(name: &str) -> String {
    let mut clean: String = name.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    while clean.len() > 255 {
        clean.pop();
    }
    match clean.as_str() {
        "" | "." | ".." => "_".repeat(clean.len().max(1)),
        _ => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::testing::request;

    /// What a program wrote that knew no addresses.
    #[test]
    fn a_request_with_a_plain_path_is_read_and_programs_that_write_it_read_this_one() {
        let request = request("/home/ann".as_ref());
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(written["store_address"], "local:/home/ann/objects");
        assert_eq!(written["store"], "/home/ann/objects");
        let mut older = written.clone();
        older.as_object_mut().unwrap().remove("store_address");
        assert_eq!(serde_json::from_value::<Request>(older.clone()).unwrap(), request);
        assert_eq!(serde_json::from_value::<Request>(written).unwrap(), request);
        older.as_object_mut().unwrap().remove("store");
        assert!(serde_json::from_value::<Request>(older).unwrap_err().to_string().contains("store_address"));
    }

    /// A whole file as the version before addresses left it in a spool.
    #[test]
    fn a_file_of_the_version_before_addresses_is_read() {
        let request: Request = serde_json::from_str(include_str!("request_before_addresses.json")).unwrap();
        assert_eq!(request.store, StoreAddress::Local("/home/ann/.local/share/mecapy/objects".into()));
        assert_eq!(request.database, Address::File("/home/ann/.local/share/mecapy/mecapy.db".into()));
        assert_eq!((request.calculation, request.inputs.len()), (CalculationId(12), 1));
    }

    #[test]
    fn segments_stay_in_their_folder() {
        assert_eq!(segment("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(segment(".."), "__");
        assert_eq!(segment(""), "_");
        assert_eq!(segment("maillage é.csv"), "maillage é.csv");
        assert_eq!(segment(&"é".repeat(200)).len(), 254);
    }
}
