//! Files of people, and what a calculation uses them for.

use super::id::{FileId, UserId};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// What a file is to a calculation: the column `calculation_files.file_role`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum FileRole {
    /// Read by the code under `in/files`.
    Input,
    /// Configuration read by the code, also under `in/files`.
    Config,
    /// Written to `out/files`, or a result too large for its column.
    Output,
    /// Written to `out/artifacts`.
    Artifact,
    /// Standard output and error, gzip.
    Log,
    /// A role of another program.
    Other(String),
}

impl FileRole {
    /// The stored name, at most 50 characters.
    pub fn name(&self) -> &str {
        match self {
            Self::Input => "input",
            Self::Config => "config",
            Self::Output => "output",
            Self::Artifact => "artifact",
            Self::Log => "log",
            Self::Other(name) => name,
        }
    }

    /// Whether the code reads the file.
    pub const fn is_read(&self) -> bool {
        !matches!(self, Self::Output | Self::Artifact | Self::Log)
    }
}

impl From<String> for FileRole {
    fn from(name: String) -> Self {
        match name.as_str() {
            "input" => Self::Input,
            "config" => Self::Config,
            "output" => Self::Output,
            "artifact" => Self::Artifact,
            "log" => Self::Log,
            _ => Self::Other(name),
        }
    }
}

impl From<FileRole> for String {
    fn from(role: FileRole) -> Self {
        role.name().to_owned()
    }
}

/// A row of `user_files` to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// The owner.
    pub user_id: UserId,
    /// The present name, at most 255 characters.
    pub filename: String,
    /// The name as it was given; never changes.
    pub original_filename: String,
    /// Bytes.
    pub file_size: i64,
    /// Media type, at most 100 characters.
    pub content_type: String,
    /// Key of the object, unique, at most 500 characters.
    pub s3_key: String,
    /// Bucket; `local` for the local directory.
    pub s3_bucket: String,
    /// Plain URL of the object, never a presigned one.
    pub s3_url: String,
    /// SHA-256 in lower-case hexadecimal.
    pub file_hash: Option<String>,
    /// What the owner says of it.
    pub description: Option<String>,
}

/// A row of `user_files`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserFile {
    /// The row.
    pub id: FileId,
    /// The owner.
    pub user_id: UserId,
    /// The present name.
    pub filename: String,
    /// The name as it was given.
    pub original_filename: String,
    /// Bytes.
    pub file_size: i64,
    /// Media type.
    pub content_type: String,
    /// Key of the object.
    pub s3_key: String,
    /// Bucket.
    pub s3_bucket: String,
    /// Plain URL of the object.
    pub s3_url: String,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub uploaded_at: NaiveDateTime,
    /// Whether everybody may read it.
    pub is_public: bool,
    /// What the owner says of it.
    pub description: Option<String>,
    /// SHA-256 in lower-case hexadecimal.
    pub file_hash: Option<String>,
}

/// A file as a calculation sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkedFile {
    /// The file.
    #[serde(flatten)]
    pub file: UserFile,
    /// What it is to the calculation.
    pub file_role: FileRole,
    /// The name the code knows it by (the stem under `in/files`), where it is not the file's own.
    pub alias: Option<String>,
}

/// The longest safe name inside a storage key, bytes.
const MAX_SAFE_NAME: usize = 100;

/// A name that is one harmless path segment of printable ASCII, at most 100 bytes, keeping the extension where it can.
pub fn safe_name(name: &str) -> String {
    let cleaned: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' }).collect();
    let cleaned = cleaned.trim_start_matches(['.', '-']);
    if cleaned.is_empty() {
        return "file".to_owned();
    }
    if cleaned.len() <= MAX_SAFE_NAME {
        return cleaned.to_owned();
    }
    match cleaned.rsplit_once('.') {
        Some((stem, extension)) if extension.len() < 16 => {
            let room = (MAX_SAFE_NAME - extension.len() - 1).min(stem.len());
            format!("{}.{extension}", &stem[..room])
        }
        _ => cleaned[..MAX_SAFE_NAME].to_owned(),
    }
}

/// The storage key of a private file: `users/<keycloak_id>/files/<uuid>/<safe name>`.
pub fn storage_key(keycloak_id: &str, id: uuid::Uuid, name: &str) -> String {
    format!("users/{keycloak_id}/files/{id}/{}", safe_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_names_are_one_segment() {
        assert_eq!(safe_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(safe_name("..."), "file");
        assert_eq!(safe_name("maillage fin é.csv"), "maillage_fin__.csv");
        assert_eq!(safe_name("\u{202e}gpj.exe\u{1b}[31m"), "_gpj.exe__31m");
        let long = safe_name(&format!("{}.vtk", "x".repeat(300)));
        assert_eq!((long.len(), long.ends_with("x.vtk")), (100, true));
    }
}
