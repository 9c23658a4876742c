//! Taking a person's file into the store.

use super::{Store, StoreError, content_type, store::open_regular};
use crate::{
    db::{self, Db},
    domain::{
        file::{self, NewFile, UserFile},
        id::FileId,
        user::User,
    },
};
use std::path::Path;

/// What an upload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The row.
    pub file: UserFile,
    /// Whether the person had these bytes already: then this is that row, and nothing was stored.
    pub was_known: bool,
}

/// Stores the file at `path` for `user`, in constant memory, hashing on the way.
///
/// Bytes that the person uploaded before (same hash and size) are not stored again, except where that file is one of
/// `taken`: a calculation takes a file once, so a second input of the same bytes is a file of its own.
pub async fn upload(
    store: &Store,
    db: &Db,
    user: &User,
    path: &Path,
    taken: &[FileId],
) -> Result<Uploaded, StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let from = tokio::fs::File::from_std(open_regular(path)?);
    let key = file::storage_key(&user.identity.keycloak_id, uuid::Uuid::new_v4(), &name);
    let mut same = Ok(None);
    let kept = store
        .put_if(&key, from, async |stored| {
            same = db::files::find_same(db, user.id, &stored.hash, stored.size, taken).await;
            matches!(same, Ok(None))
        })
        .await
        .map_err(|error| error.at(path))?;
    if let Some(file) = same? {
        return Ok(Uploaded { file, was_known: true });
    }
    let Some(stored) = kept else { return Err(StoreError::BadKey(key)) };
    match record(db, user, &name, stored).await {
        Ok(file) => Ok(Uploaded { file, was_known: false }),
        Err(error) => {
            // Without its row nobody would ever find it again.
            let _ = store.remove(&key).await;
            Err(error.into())
        }
    }
}

async fn record(db: &Db, user: &User, name: &str, stored: super::Stored) -> Result<UserFile, db::DbError> {
    let row = NewFile {
        user_id: user.id,
        filename: name.to_owned(),
        original_filename: name.to_owned(),
        file_size: i64::try_from(stored.size).unwrap_or(i64::MAX),
        content_type: content_type(name).to_owned(),
        s3_key: stored.key,
        s3_bucket: stored.bucket,
        s3_url: stored.url,
        file_hash: Some(stored.hash),
        description: None,
    };
    let id: FileId = db::files::insert(db, &row).await?;
    let file = db::files::get(db, user.id, id).await?;
    file.ok_or_else(|| db::DbError::NotFound { what: "file", id: id.to_string() })
}
