//! Words of the database's columns that are enumerations here and text there.

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IntoDeserializer, value::Error},
};
use std::fmt;

/// A word of the enumeration `W`, or another one: a newer version or another program may have stored it, and it is
/// shown and printed as it is.
///
/// The spelling is that of serde, for the column, for `--json` and on the screen alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word<W> {
    /// A word of the enumeration.
    Known(W),
    /// Any other; untrusted.
    Unknown(String),
}

impl<W: DeserializeOwned> From<String> for Word<W> {
    fn from(text: String) -> Self {
        match W::deserialize(IntoDeserializer::<Error>::into_deserializer(text.as_str())) {
            Ok(word) => Self::Known(word),
            Err(_) => Self::Unknown(text),
        }
    }
}

impl<W: Copy> Word<W> {
    /// The word, where it is one of the enumeration.
    pub const fn known(&self) -> Option<W> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Unknown(_) => None,
        }
    }
}

impl<W: Serialize> fmt::Display for Word<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Accounting, EngineKind, ErrorKind};
    use proptest::prelude::*;

    #[test]
    fn words_are_spelled_as_they_are_stored() {
        assert_eq!(Word::Known(ErrorKind::OutputLimit).to_string(), "output_limit");
        assert_eq!(Word::Known(Accounting::CgroupV2).to_string(), "cgroup_v2");
        assert_eq!(Word::Known(EngineKind::Builtin).to_string(), "builtin");
        assert_eq!(Word::from("oom".to_owned()).known(), Some(ErrorKind::Oom));
        assert_eq!(Word::from("OOM".to_owned()).known(), None::<ErrorKind>);
    }

    proptest! {
        #[test]
        fn any_text_survives_column_and_json(text in prop_oneof![".*", "[a-z_]{1,12}", Just("timeout".to_owned())]) {
            let word = Word::<ErrorKind>::from(text.clone());
            prop_assert_eq!(word.to_string(), text.as_str());
            let json = serde_json::to_string(&word).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(serde_json::from_str::<Word<ErrorKind>>(&json).unwrap(), word);
        }
    }
}
