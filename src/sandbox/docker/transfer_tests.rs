use super::*;

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o777);
    header
}

/// Puts a name into a header as it is, which a builder would refuse.
fn raw(tar: &mut Vec<u8>, name: &[u8], kind: EntryType, content: &[u8]) {
    let mut header = header(kind, content.len() as u64);
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
        header.set_size(0);
    }
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    if header.size().unwrap() > 0 {
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
}

#[test]
fn files_and_folders_come_out_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let into = home.path().join("out");
    let mut tar = Vec::new();
    raw(&mut tar, b"out/", EntryType::Directory, b"");
    raw(&mut tar, b"out/files/", EntryType::Directory, b"");
    raw(&mut tar, b"out/files/a.csv", EntryType::Regular, b"1,2");
    raw(&mut tar, b"out/files/\xff\x1b[2J", EntryType::Regular, b"odd");
    raw(&mut tar, b"out/files/link", EntryType::Symlink, b"");
    raw(&mut tar, b"out/files/link/below", EntryType::Regular, b"no");
    raw(&mut tar, b"out/files/hard", EntryType::Link, b"");
    raw(&mut tar, b"out/files/pipe", EntryType::Fifo, b"");
    raw(&mut tar, b"out/files/disk", EntryType::Block, b"");
    raw(&mut tar, b"out/../../escape", EntryType::Regular, b"no");
    raw(&mut tar, b"out/files/a.csv", EntryType::Regular, b"again");
    raw(&mut tar, b"out/files/a.csv/below", EntryType::Regular, b"no");
    raw(&mut tar, b"/out/absolute", EntryType::Regular, b"is below out");
    raw(&mut tar, b"data.json", EntryType::Regular, b"not below out");
    raw(&mut tar, b"out/data.json", EntryType::Symlink, b"");
    let taken = unpack(&tar[..], &into, 1 << 20).unwrap();
    assert_eq!(fs::read(into.join("files/a.csv")).unwrap(), b"1,2");
    assert_eq!(fs::read(into.join(OsStr::from_bytes(b"files/\xff\x1b[2J"))).unwrap(), b"odd");
    assert_eq!(fs::read(into.join("absolute")).unwrap(), b"is below out");
    // A name that the code made a link is a folder of ours where something lies below it.
    assert_eq!(fs::read(into.join("files/link/below")).unwrap(), b"no");
    assert!(!home.path().join("escape").exists());
    // What stands in the result's place is told by whoever reads the result; it leads nowhere.
    assert_eq!(fs::read_link(into.join("data.json")).unwrap(), Path::new("nowhere"));
    let notes = taken.notes.join("\n");
    for words in
        ["symbolic link: files/link", "hard link", "no regular file: files/pipe, files/disk", "twice", "name that"]
    {
        assert!(notes.contains(words), "{words}: {notes}");
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += buffer.len();
            assert!(self.0 < 1 << 20, "it is read all the same");
            buffer.fill(0);
            Ok(buffer.len())
        }
    }
    let home = tempfile::tempdir().unwrap();
    let mut tar = Vec::new();
    raw(&mut tar, b"out/small", EntryType::Regular, b"kept");
    let mut huge = header(EntryType::Regular, 1 << 40);
    huge.set_path("out/sparse").unwrap();
    huge.set_cksum();
    tar.extend_from_slice(huge.as_bytes());
    let taken = unpack((&tar[..]).chain(Endless(0)), &home.path().join("out"), 64 << 20).unwrap();
    assert_eq!(fs::read(home.path().join("out/small")).unwrap(), b"kept");
    assert!(taken.notes[0].contains("larger than they may be: sparse"), "{:?}", taken.notes);
}

#[test]
fn a_stream_that_breaks_off_keeps_what_came() {
    let home = tempfile::tempdir().unwrap();
    let mut tar = Vec::new();
    raw(&mut tar, b"out/first", EntryType::Regular, b"kept");
    raw(&mut tar, b"out/second", EntryType::Regular, &[b'x'; 4_000]);
    tar.truncate(tar.len() - 700);
    let taken = unpack(&tar[..], &home.path().join("out"), 1 << 20).unwrap();
    assert!(taken.broken && taken.notes[0].contains("only in part"), "{taken:?}");
    assert_eq!(fs::read(home.path().join("out/first")).unwrap(), b"kept");
    tar.truncate(1_024 + 100);
    let taken = unpack(&tar[..], &home.path().join("again"), 1 << 20).unwrap();
    assert!(taken.broken && taken.notes[0].contains("only in part"), "{taken:?}");
    assert_eq!(fs::read(home.path().join("again/first")).unwrap(), b"kept");
}

#[test]
fn what_goes_in_belongs_to_whom_it_should() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("in/files")).unwrap();
    fs::write(home.path().join("in/main.py"), "x = 1").unwrap();
    let long = "é".repeat(120);
    fs::write(home.path().join("in/files").join(&long), "input").unwrap();
    let mut packed = Vec::new();
    pack(&mut packed, home.path(), b"plan").unwrap();
    let mut seen = Vec::new();
    for entry in tar::Archive::new(&packed[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        seen.push((name, entry.header().uid().unwrap(), entry.header().mode().unwrap()));
    }
    for expected in [
        (".mecapy/shim", 0, 0o755),
        ("in/main.py", 0, 0o644),
        (&*format!("in/files/{long}"), 0, 0o644),
        ("out/", USER, 0o755),
        ("scratch/", USER, 0o755),
        ("scratch/.plan", USER, 0o600),
    ] {
        let found = seen.iter().any(|(name, user, mode)| (&**name, *user, *mode) == expected);
        assert!(found, "{expected:?} is not in {seen:?}");
    }
}

#[test]
fn outputs_that_were_told_are_read_as_those_of_an_engine() {
    let home = tempfile::tempdir().unwrap();
    let long = [b"artifacts/".to_vec(), vec![b'n'; 250]].concat();
    let odd = b"files/a\n\xff.csv".to_vec();
    let told = [(b"data.json".to_vec(), b"{}".to_vec()), (odd, b"1,2".to_vec()), (long, Vec::new())];
    let taken = unpack(&pack_outputs(&told).unwrap()[..], &home.path().join("out"), 1 << 20).unwrap();
    assert_eq!(taken, Taken::default());
    for (name, content) in &told {
        let path = home.path().join("out").join(OsStr::from_bytes(name));
        assert_eq!(fs::read(&path).unwrap(), *content, "{}", path.display());
    }
}
