//! Where bytes live: today the local directory, behind the interface that an object store has too.

use super::StoreSecrets;
use crate::domain::{file::UserFile, store_address::StoreAddress};
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload, local::LocalFileSystem, path::Path as Key};
use sha2::{Digest, Sha256};
use std::{
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// Bytes read and sent at a time: the memory a transfer needs, whatever the size of the file.
const PART: usize = 1 << 20;

/// The bucket that rows of the local directory name.
const LOCAL_BUCKET: &str = "local";

/// Keeps objects; a handle to clone.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<LocalFileSystem>,
    root: PathBuf,
}

/// An object as it lies in the store, ready to become a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// Its bucket.
    pub bucket: String,
    /// Its plain URL.
    pub url: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub hash: String,
}

/// Why bytes could not be kept or given back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object is gone.
    #[error("{key} is no longer in the store {root}: it was removed by something other than mecapy")]
    Missing {
        /// The object's key.
        key: String,
        /// The store's folder.
        root: PathBuf,
    },
    /// The object's bytes are not those that were put.
    #[error("{key} changed in the store: SHA-256 {found} where {expected} was stored")]
    Changed {
        /// The object's key.
        key: String,
        /// What the row says.
        expected: String,
        /// What lies there.
        found: String,
    },
    /// A key that cannot be one.
    #[error("{0:?} is no key of the store")]
    BadKey(String),
    /// The disk or the quota is full.
    #[error("no space is left in the store {root}; free some there, or move it (storage.path)")]
    NoSpace {
        /// The store's folder.
        root: PathBuf,
    },
    /// The store's folder.
    #[error("the store {path}: {source}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file being read or written on this side.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The row that belongs to the object.
    #[error(transparent)]
    Row(#[from] crate::db::DbError),
    /// Whatever else the store said.
    #[error("the store: {0}")]
    Store(#[source] object_store::Error),
}

impl StoreError {
    /// The same error, naming the file that was being read rather than its key.
    pub(super) fn at(self, file: &Path) -> Self {
        match self {
            Self::File { source, .. } => Self::File { path: file.to_owned(), source },
            other => other,
        }
    }
}

impl Store {
    /// The store at an address, with what opens it where that takes more than the address.
    ///
    /// A folder of this host takes nothing more.
    pub fn open(address: &StoreAddress, _secrets: Option<&StoreSecrets>) -> Result<Self, StoreError> {
        match address {
            StoreAddress::Local(folder) => Self::local(folder),
        }
    }

    /// Where it is, for whoever opens it in another process.
    pub fn address(&self) -> StoreAddress {
        StoreAddress::Local(self.root.clone())
    }

    /// What opens it beyond its address.
    pub const fn secrets(&self) -> Option<&StoreSecrets> {
        None
    }

    /// The store in a folder of this host, made (only for its owner) where it is missing.
    pub(crate) fn local(root: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Io { path: root.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(failed)?;
        let root = std::fs::canonicalize(root).map_err(failed)?;
        let objects = LocalFileSystem::new_with_prefix(&root)
            .map_err(StoreError::Store)?
            // What was said to be stored is on the disk, its name too.
            .with_fsync(true)
            // Every object has a folder of its own: without this, deleting leaves empty ones.
            .with_automatic_cleanup(true);
        Ok(Self { objects: Arc::new(objects), root })
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps everything `from` gives under `key`, replacing what is there; hashed in the same pass.
    ///
    /// Nothing lies under `key` until all of it does. `keep` sees hash and size when all bytes are there and says
    /// whether they are wanted; otherwise nothing stays and `None` is returned.
    pub async fn put_if<R, F>(&self, key: &str, from: R, keep: F) -> Result<Option<Stored>, StoreError>
    where
        R: AsyncRead + Unpin,
        F: AsyncFnOnce(&Stored) -> bool,
    {
        let location = location(key)?;
        let mut upload = self.objects.put_multipart(&location).await.map_err(|error| self.said(key, error))?;
        match self.send(key, &location, from, &mut *upload).await {
            Ok(stored) if keep(&stored).await => {
                upload.complete().await.map_err(|error| self.said(key, error))?;
                Ok(Some(stored))
            }
            Ok(_) => {
                upload.abort().await.map_err(|error| self.said(key, error))?;
                self.drop_empty_folders(&location);
                Ok(None)
            }
            Err(error) => {
                // The first error is the one to report.
                let _ = upload.abort().await;
                self.drop_empty_folders(&location);
                Err(error)
            }
        }
    }

    /// Keeps the file at `path` under `key`, replacing what is there.
    pub async fn put_file(&self, key: &str, path: &Path) -> Result<Stored, StoreError> {
        let file = open_regular(path)?;
        let stored = self.put_if(key, tokio::fs::File::from_std(file), async |_| true).await?;
        Ok(stored.expect("everything is kept"))
    }

    /// The bytes under `key`, in order.
    pub async fn read(
        &self,
        key: &str,
    ) -> Result<impl Stream<Item = Result<impl AsRef<[u8]> + use<>, StoreError>> + Unpin + use<>, StoreError> {
        let location = location(key)?;
        let found = self.objects.get(&location).await.map_err(|error| self.said(key, error))?;
        Ok(found.into_stream().map_err(StoreError::Store).boxed())
    }

    /// The size in bytes of what lies under `key`.
    pub async fn size(&self, key: &str) -> Result<u64, StoreError> {
        let location = location(key)?;
        Ok(self.objects.head(&location).await.map_err(|error| self.said(key, error))?.size)
    }

    /// Writes a stored file to `to`, which must not exist, and checks its hash on the way.
    ///
    /// `to` appears whole or not at all.
    pub async fn download(&self, file: &UserFile, to: &Path) -> Result<(), StoreError> {
        self.fetch(&file.s3_key, file.file_hash.as_deref(), to).await
    }

    /// The same by key, for whoever has no row at hand; `hash` is checked where it is known.
    pub async fn fetch(&self, key: &str, hash: Option<&str>, to: &Path) -> Result<(), StoreError> {
        let failed = |source| StoreError::File { path: to.to_owned(), source };
        let folder = to.parent().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let partial = Partial(folder.join(format!(".part-{}", uuid::Uuid::new_v4())));
        let found = self.write_partial(key, &partial.0).await?;
        if let Some(expected) = hash.filter(|expected| *expected != found) {
            return Err(StoreError::Changed { key: key.to_owned(), expected: expected.to_owned(), found });
        }
        // Never over somebody's file, even one that appeared meanwhile.
        let (here, flags) = (rustix::fs::CWD, rustix::fs::RenameFlags::NOREPLACE);
        match rustix::fs::renameat_with(here, &partial.0, here, to, flags) {
            // NFS knows no such flag, but a hard link refuses an existing name as well.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                std::fs::hard_link(&partial.0, to).map_err(failed)
            }
            done => done.map_err(|error| failed(error.into())),
        }
    }

    /// Removes what lies under `key`; nothing there is as good as removed.
    pub async fn remove(&self, key: &str) -> Result<(), StoreError> {
        let location = location(key)?;
        match self.objects.delete(&location).await {
            // An object store says yes to this, the local directory does not.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(self.said(key, error)),
        }
        Self::sweep_beside(&self.path_of(&location)?);
        self.drop_empty_folders(&location);
        Ok(())
    }

    async fn send<R: AsyncRead + Unpin>(
        &self,
        key: &str,
        location: &Key,
        mut from: R,
        upload: &mut dyn MultipartUpload,
    ) -> Result<Stored, StoreError> {
        let mut hasher = Sha256::new();
        let mut size = 0;
        loop {
            let mut part = Vec::with_capacity(PART);
            while part.len() < PART {
                let read = (&mut from).take((PART - part.len()) as u64).read_buf(&mut part).await;
                match read {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(source) => return Err(StoreError::File { path: key.into(), source }),
                }
            }
            if part.is_empty() {
                break;
            }
            hasher.update(&part);
            size += part.len() as u64;
            upload.put_part(PutPayload::from(part)).await.map_err(|error| self.said(key, error))?;
        }
        let path = self.path_of(location)?;
        let hash = hexadecimal(&hasher.finalize());
        Ok(Stored { key: key.to_owned(), bucket: LOCAL_BUCKET.to_owned(), url: file_url(&path), size, hash })
    }

    async fn write_partial(&self, key: &str, partial: &Path) -> Result<String, StoreError> {
        let failed = |source| StoreError::File { path: partial.to_owned(), source };
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(partial);
        let mut file = tokio::fs::File::from_std(file.map_err(failed)?);
        let mut hasher = Sha256::new();
        let mut stream = self.read(key).await?;
        while let Some(part) = stream.next().await {
            let part = part?;
            hasher.update(part.as_ref());
            file.write_all(part.as_ref()).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        file.sync_all().await.map_err(failed)?;
        Ok(hexadecimal(&hasher.finalize()))
    }

    /// Where an object lies.
    pub(super) fn path_of(&self, location: &Key) -> Result<PathBuf, StoreError> {
        self.objects.path_to_filesystem(location).map_err(StoreError::Store)
    }

    fn said(&self, key: &str, error: object_store::Error) -> StoreError {
        match error {
            object_store::Error::NotFound { .. } => {
                StoreError::Missing { key: key.to_owned(), root: self.root.clone() }
            }
            error if is_full(&error) => StoreError::NoSpace { root: self.root.clone() },
            error => StoreError::Store(error),
        }
    }

    /// What an abandoned upload made on its way; `rmdir` refuses a folder with something in it.
    fn drop_empty_folders(&self, location: &Key) {
        let Ok(path) = self.objects.path_to_filesystem(location) else { return };
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.root) {
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

/// `Path::from` would silently encode what is no key; a key that does not read as one is refused instead.
pub(super) fn location(key: &str) -> Result<Key, StoreError> {
    let location = Key::parse(key).map_err(|_| StoreError::BadKey(key.to_owned()))?;
    // `parse` trims slashes and takes the empty text: both would be another object than the row names.
    if location.as_ref() != key || key.is_empty() { Err(StoreError::BadKey(key.to_owned())) } else { Ok(location) }
}

/// Opens a regular file for reading; a FIFO or a device would hang or never end.
pub(super) fn open_regular(path: &Path) -> Result<std::fs::File, StoreError> {
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let what = if kind.is_dir() { "it is a folder" } else { "it is not a regular file" };
    Err(failed(io::Error::new(io::ErrorKind::InvalidInput, what)))
}

/// Whether a full disk or quota is behind an error.
fn is_full(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A file being written, gone when dropped unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `file:` URL of an absolute path (RFC 8089): every byte that is not unreserved is percent-encoded.
fn file_url(path: &Path) -> String {
    use std::{fmt::Write, os::unix::ffi::OsStrExt};
    path.as_os_str().as_bytes().iter().fold(String::from("file://"), |mut url, &byte| {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
