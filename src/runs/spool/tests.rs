use super::*;
use crate::runs::testing::request;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_spool_is_private_whole_and_locked_by_its_maker() {
    let root = tempfile::tempdir().unwrap();
    let request = request(root.path());
    let locked = LockedSpool::create(&root.path().join("state/spool"), &request).unwrap();
    let spool = Spool::clone(&locked);
    assert_eq!(fs::metadata(spool.folder()).unwrap().permissions().mode() & 0o777, 0o700);
    let spool = Spool::open(spool.folder()).unwrap();
    assert_eq!(spool.request().unwrap(), request);
    assert_eq!(Spool::list(&root.path().join("state/spool")).unwrap(), [request.run]);

    assert!(spool.try_lock().unwrap().is_none());
    drop(locked);
    let locked = spool.try_lock().unwrap().expect("nobody holds it");
    locked.remove().unwrap();
    assert!(Spool::list(&root.path().join("state/spool")).unwrap().is_empty());
    assert!(Spool::list(&root.path().join("nowhere")).unwrap().is_empty());
}

#[test]
fn a_newer_format_is_left_alone_and_a_damaged_one_named() {
    let root = tempfile::tempdir().unwrap();
    let spool = LockedSpool::create(root.path(), &request(root.path())).unwrap();
    fs::write(spool.path(names::FORMAT), "2\n").unwrap();
    let error = Spool::open(spool.folder()).unwrap_err();
    assert!(error.to_string().contains("format 2"), "{error}");
    fs::write(spool.path(names::FORMAT), "one").unwrap();
    assert!(matches!(Spool::open(spool.folder()), Err(SpoolError::Damaged { .. })));
}

#[test]
fn asking_to_stop_twice_is_asking_once() {
    let root = tempfile::tempdir().unwrap();
    let spool = LockedSpool::create(root.path(), &request(root.path())).unwrap();
    assert!(!spool.is_asked_to_stop());
    spool.ask_to_stop().unwrap();
    spool.ask_to_stop().unwrap();
    assert!(spool.is_asked_to_stop());
}
