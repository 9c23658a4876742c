use super::*;
use crate::domain::id::{FileId, UserId};

const KEY: &str = "users/local:abc:1000/files/0b7e/mesh.csv";

fn row(key: &str, hash: Option<&str>) -> UserFile {
    UserFile {
        id: FileId(1),
        user_id: UserId(1),
        filename: "mesh.csv".into(),
        original_filename: "mesh.csv".into(),
        file_size: 3,
        content_type: "text/csv".into(),
        s3_key: key.into(),
        s3_bucket: "local".into(),
        s3_url: String::new(),
        uploaded_at: chrono::NaiveDateTime::default(),
        is_public: false,
        description: None,
        file_hash: hash.map(Into::into),
    }
}

fn count_entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn the_same_bytes_are_stored_once_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(&folder.path().join("objects")).unwrap();
    let db = crate::db::Db::open_embedded(&folder.path().join("mecapy.db")).await.unwrap();
    let mut users = Vec::new();
    for name in ["ann", "bob"] {
        let identity = crate::domain::user::Identity {
            keycloak_id: format!("local:test:{name}"),
            username: name.into(),
            email: String::new(),
            first_name: None,
            last_name: None,
            display_name: None,
        };
        users.push(crate::db::users::sign_in(&db, &identity).await.unwrap());
    }
    let (a, b) = (folder.path().join("mesh \u{202e}é.csv"), folder.path().join("copy"));
    std::fs::write(&a, vec![7; 3 << 20]).unwrap();
    std::fs::copy(&a, &b).unwrap();
    let first = crate::storage::upload(&store, &db, &users[0], &a, &[]).await.unwrap();
    assert!(!first.was_known);
    assert_eq!((first.file.file_size, first.file.content_type.as_str()), (3 << 20, "text/csv"));
    assert_eq!(first.file.original_filename, "mesh \u{202e}é.csv", "the name is kept as it is");
    assert!(first.file.s3_key.ends_with("/mesh___.csv"), "and the key is harmless: {}", first.file.s3_key);
    let again = crate::storage::upload(&store, &db, &users[0], &b, &[]).await.unwrap();
    assert!(again.was_known && again.file == first.file);
    let second = crate::storage::upload(&store, &db, &users[0], &b, &[first.file.id]).await.unwrap();
    assert!(!second.was_known && second.file.id != first.file.id && second.file.file_hash == first.file.file_hash);
    let third = crate::storage::upload(&store, &db, &users[0], &a, &[first.file.id]).await.unwrap();
    assert!(third.was_known && third.file == second.file);
    let other = crate::storage::upload(&store, &db, &users[1], &a, &[]).await.unwrap();
    assert!(!other.was_known && other.file.s3_key != first.file.s3_key);
    assert_eq!(count_entries(&store.root().join("users/local:test:ann/files")), 2);
    let error = crate::storage::upload(&store, &db, &users[0], &folder.path().join("gone.csv"), &[]).await.unwrap_err();
    assert!(error.to_string().contains("gone.csv: No such file"), "{error}");
}

#[tokio::test]
async fn put_read_download_remove() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(&folder.path().join("a b/objects")).unwrap();
    let source = folder.path().join("source");
    std::fs::write(&source, b"abc").unwrap();
    let stored = store.put_file(KEY, &source).await.unwrap();
    // SHA-256 of "abc": FIPS 180-2, appendix B.1.
    assert_eq!(stored.hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!((stored.size, stored.bucket.as_str()), (3, "local"));
    assert!(stored.url.starts_with("file:///") && stored.url.contains("a%20b/"), "{}", stored.url);
    assert_eq!(store.size(KEY).await.unwrap(), 3);

    let target = folder.path().join("target");
    store.download(&row(KEY, Some(&stored.hash)), &target).await.unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"abc");

    store.remove(KEY).await.unwrap();
    store.remove(KEY).await.expect("a missing key is as good as removed");
    assert!(matches!(store.size(KEY).await, Err(StoreError::Missing { .. })));
    assert_eq!(count_entries(store.root()), 0, "no empty folders stay behind");
}

#[tokio::test]
async fn a_download_never_replaces_a_file_and_never_leaves_half_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(&folder.path().join("objects")).unwrap();
    let source = folder.path().join("source");
    std::fs::write(&source, b"abc").unwrap();
    let stored = store.put_file(KEY, &source).await.unwrap();

    let error = store.download(&row(KEY, Some(&stored.hash)), &source).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists),
        "{error}"
    );
    let target = folder.path().join("target");
    let error = store.download(&row(KEY, Some("00")), &target).await.unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    let error = store.download(&row("users/x/files/gone", None), &target).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert_eq!(count_entries(folder.path()), 2, "only the store and the source are there");
}

#[tokio::test]
async fn refused_bytes_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(folder.path()).unwrap();
    assert_eq!(store.put_if(KEY, &b"abc"[..], async |_| false).await.unwrap(), None);
    assert_eq!(count_entries(folder.path()), 0);
}

#[tokio::test]
async fn an_object_is_there_whole_or_not_at_all() {
    struct Breaks(u32);
    impl AsyncRead for Breaks {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            self.0 += 1;
            if self.0 > 5 {
                return std::task::Poll::Ready(Err(io::Error::other("the stick was pulled out")));
            }
            buffer.put_slice(&[0; 1_024]);
            std::task::Poll::Ready(Ok(()))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(folder.path()).unwrap();
    let error = store.put_if(KEY, Breaks(0), async |_| true).await.unwrap_err();
    assert!(error.to_string().contains("pulled out"), "{error}");
    assert_eq!(count_entries(folder.path()), 0);
}

#[tokio::test]
async fn what_is_no_key_is_refused_not_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(folder.path()).unwrap();
    for key in ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\n/b"] {
        assert!(matches!(store.put_if(key, &b""[..], async |_| true).await, Err(StoreError::BadKey(_))), "{key:?}");
    }
}

#[tokio::test]
async fn only_regular_files_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::local(&folder.path().join("objects")).unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    for (path, words) in [(fifo, "not a regular file"), (folder.path().to_owned(), "it is a folder")] {
        let error = store.put_file(KEY, &path).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = store.put_file(KEY, &folder.path().join("nowhere")).await.unwrap_err();
    assert!(error.to_string().contains("nowhere: No such file"), "{error}");
}

#[tokio::test]
async fn the_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("objects");
    Store::local(&root).unwrap();
    assert_eq!(std::fs::metadata(root).unwrap().permissions().mode() & 0o777, 0o700);
}
