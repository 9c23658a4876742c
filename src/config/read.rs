//! Values that mean more than they say: how the fields of the model are read from them.

use serde::{Deserialize, Deserializer};

/// Nothing where the text is empty.
pub(super) fn if_given<'de, D: Deserializer<'de>, T: From<String>>(from: D) -> Result<Option<T>, D::Error> {
    Ok(Some(String::deserialize(from)?).filter(|text| !text.is_empty()).map(T::from))
}

/// Nothing where the word is `auto`.
pub(super) fn unless_auto<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Some(String::deserialize(from)?).filter(|word| word != "auto"))
}

/// MiB as bytes.
pub(super) fn mib<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(u64::deserialize(from)? << 20)
}

/// As many as this host has cores where it is 0.
pub(super) fn cores_unless_given<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    Ok(match u32::deserialize(from)? {
        0 => cores(),
        bound => bound,
    })
}
