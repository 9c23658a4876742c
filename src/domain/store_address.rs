//! Where a store is: an address that can be written down, without any secret.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::{fmt, path::PathBuf, str::FromStr};

/// Names a store; equal for the same store. Its text is its kind, a colon, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAddress {
    /// `local:/absolute/path`: a folder of this host.
    Local(PathBuf),
}

/// A text that names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address of a store: local:/absolute/path is one")]
pub struct NoStoreAddress(pub String);

/// What the text of a folder begins with.
const LOCAL: &str = "local:";

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{LOCAL}{}", path.display()),
        }
    }
}

impl FromStr for StoreAddress {
    type Err = NoStoreAddress;

    fn from_str(text: &str) -> Result<Self, NoStoreAddress> {
        match text.strip_prefix(LOCAL).map(PathBuf::from) {
            Some(path) if path.is_absolute() => Ok(Self::Local(path)),
            _ => Err(NoStoreAddress(text.to_owned())),
        }
    }
}

impl Serialize for StoreAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // A path that is no text cannot be read back from one.
            Self::Local(path) if path.to_str().is_none() => {
                Err(ser::Error::custom(format!("the store's folder {} is no UTF-8", path.display())))
            }
            Self::Local(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for StoreAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let address = StoreAddress::Local("/srv/a b:c/objects".into());
        assert_eq!(address.to_string(), "local:/srv/a b:c/objects");
        assert_eq!(address.to_string().parse(), Ok(address.clone()));
        let json = serde_json::to_string(&address).unwrap();
        assert_eq!(json, "\"local:/srv/a b:c/objects\"");
        assert_eq!(serde_json::from_str::<StoreAddress>(&json).unwrap(), address);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "/srv/objects", "local:objects", "local:", "s3:bucket", "Local:/srv"] {
            assert_eq!(text.parse::<StoreAddress>(), Err(NoStoreAddress(text.to_owned())), "{text:?}");
        }
        use std::os::unix::ffi::OsStringExt as _;
        let path = std::ffi::OsString::from_vec(b"/srv/\xff".to_vec());
        assert!(serde_json::to_string(&StoreAddress::Local(path.into())).is_err());
    }
}
