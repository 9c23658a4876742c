use super::*;
use proptest::prelude::*;
use std::{fs, io::Write, path::Path};

fn log(folder: &Path, limit: u64) -> LogWriter {
    LogWriter::create(folder, limit).unwrap()
}

fn text(reader: &mut LogReader) -> Vec<String> {
    let count = reader.len() as usize;
    reader.lines(0, count).unwrap().into_iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
}

/// The same lines by splitting the whole file.
fn split(folder: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(folder.join(LOG)).unwrap();
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

#[test]
fn lines_know_number_stream_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), 1 << 20);
    let mut reader = LogReader::open(folder.path()).unwrap();
    assert!(reader.is_empty());
    writer.write(Stream::Stdout, b"one\ntwo\n");
    writer.write(Stream::Stderr, b"three\nfo");
    assert!(reader.refresh().unwrap());
    assert!(!reader.refresh().unwrap());
    let lines = reader.lines(1, 10).unwrap();
    let seen: Vec<_> = lines.iter().map(|line| (line.number, line.stream, line.bytes.as_slice(), line.whole)).collect();
    assert_eq!(
        seen,
        [
            (1, Stream::Stdout, &b"two"[..], true),
            (2, Stream::Stderr, b"three", true),
            (3, Stream::Stderr, b"fo", false)
        ]
    );
    assert!(lines.iter().all(|line| line.time.is_some()));
    assert_eq!(writer.open_line(), Some(Stream::Stderr));
    writer.write(Stream::Stderr, b"ur\n");
    reader.refresh().unwrap();
    assert_eq!(text(&mut reader), ["one", "two", "three", "four"]);
}

#[test]
fn a_million_lines_are_found_without_reading_them_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), u64::MAX);
    let mut block = Vec::new();
    for number in 0..1_000_000 {
        writeln!(block, "line {number}").unwrap();
        if block.len() > 50_000 {
            writer.write(Stream::Stdout, &block);
            block.clear();
        }
    }
    writer.write(Stream::Stdout, &block);
    let mut reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(reader.len(), 1_000_000);
    for number in [0, 1, 7_777, 123_456, 500_000, 999_999] {
        let lines = reader.lines(number, 2).unwrap();
        assert_eq!(lines[0].bytes, format!("line {number}").into_bytes());
        assert_eq!(lines.len(), if number == 999_999 { 1 } else { 2 });
    }
    assert!(reader.lines(1_000_000, 5).unwrap().is_empty());
    // 12 MB of log: a record each 64 KiB or 10 ms.
    assert!(reader.records() < 1_000, "{}", reader.records());
}

#[test]
fn a_long_line_is_cut_and_one_that_redraws_itself_shows_its_newest_state() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), u64::MAX);
    writer.write(Stream::Stdout, &vec![b'x'; 3 * MAX_LINE]);
    writer.write(Stream::Stdout, b"\n");
    for step in 0..20_000 {
        writer.write(Stream::Stdout, format!("\rstep {step}").as_bytes());
    }
    writer.write(Stream::Stdout, b"\nend\n");
    let mut reader = LogReader::open(folder.path()).unwrap();
    let lines = reader.lines(0, 3).unwrap();
    assert_eq!((lines[0].bytes.len(), lines[0].size), (MAX_LINE, 3 * MAX_LINE as u64));
    assert!(lines[1].bytes.ends_with(b"\rstep 19999") && lines[1].bytes.len() <= MAX_LINE);
    assert!(lines[1].bytes.starts_with(b"step "), "begins with a whole state");
    assert_eq!(lines[2].bytes, b"end");
}

#[test]
fn past_the_limit_the_size_of_the_gap_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), 10);
    writer.write(Stream::Stdout, b"0123456789");
    assert!(!writer.is_over(), "exactly the limit is allowed");
    writer.write(Stream::Stdout, b"abcd");
    assert!(writer.is_over());
    writer.finish();
    let mut reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(text(&mut reader), ["0123456789", "[mecapy: 4 B of output not kept: the limit is 10 B]"]);
    assert_eq!(reader.lines(1, 1).unwrap()[0].stream, Stream::Note);
}

#[test]
fn streams_that_alternate_do_not_make_an_index_larger_than_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), u64::MAX);
    for _ in 0..200_000 {
        writer.write(Stream::Stdout, b"a\n");
        writer.write(Stream::Stderr, b"b\n");
    }
    let index = fs::metadata(folder.path().join(INDEX)).unwrap().len();
    let size = fs::metadata(folder.path().join(LOG)).unwrap().len();
    assert!(index < (1 << 20) + size, "{index} for {size}");
    let mut reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(reader.len(), 400_000);
    assert_eq!(reader.lines(0, 2).unwrap()[1].stream, Stream::Stderr);
    assert_eq!(reader.lines(399_999, 1).unwrap()[0].bytes, b"b");
}

#[test]
fn a_log_goes_on_after_its_writer_died() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), 1 << 20);
    writer.write(Stream::Stdout, b"one\ntw");
    drop(writer);
    let mut writer = LogWriter::append(folder.path()).unwrap();
    writer.note("the supervisor is gone");
    let mut reader = LogReader::open(folder.path()).unwrap();
    assert_eq!(text(&mut reader), ["one", "tw", "[mecapy: the supervisor is gone]"]);
    assert_eq!(reader.lines(2, 1).unwrap()[0].stream, Stream::Note);
}

#[test]
fn a_packed_log_comes_back_with_streams_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let (live, back) = (folder.path().join("live"), folder.path().join("back"));
    fs::create_dir(&live).unwrap();
    fs::create_dir(&back).unwrap();
    let mut writer = log(&live, u64::MAX);
    for number in 0..30_000 {
        let stream = if number % 3 == 0 { Stream::Stderr } else { Stream::Stdout };
        writer.write(stream, format!("{number} {}\n", "é".repeat(number % 50)).as_bytes());
    }
    pack(&live, &folder.path().join("log.gz")).unwrap();
    unpack(&folder.path().join("log.gz"), &back, 1 << 30).unwrap();
    assert_eq!(fs::read(live.join(LOG)).unwrap(), fs::read(back.join(LOG)).unwrap());
    let (mut a, mut b) = (LogReader::open(&live).unwrap(), LogReader::open(&back).unwrap());
    assert_eq!(a.lines(0, 30_000).unwrap(), b.lines(0, 30_000).unwrap());
    assert!(matches!(
        unpack(&folder.path().join("log.gz"), &fresh(folder.path()), 1_000),
        Err(PackError::TooLarge { .. })
    ));
}

#[test]
fn other_programs_read_the_packed_log_and_theirs_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), u64::MAX);
    writer.write(Stream::Stdout, b"hello\nworld\n");
    let packed = folder.path().join("log.gz");
    pack(folder.path(), &packed).unwrap();
    let mut plain = Vec::new();
    let file = fs::File::open(&packed).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(file), &mut plain).unwrap();
    assert_eq!(plain, b"hello\nworld\n");

    let mut theirs = flate2::write::GzEncoder::new(fs::File::create(&packed).unwrap(), flate2::Compression::best());
    theirs.write_all(b"from\nelsewhere").unwrap();
    theirs.finish().unwrap();
    let back = fresh(folder.path());
    unpack(&packed, &back, 1 << 20).unwrap();
    let mut reader = LogReader::open(&back).unwrap();
    assert_eq!(text(&mut reader), ["from", "elsewhere"]);
    let line = &reader.lines(0, 1).unwrap()[0];
    assert_eq!((line.stream, line.time), (Stream::Unknown, None));
    fs::write(&packed, "no gzip").unwrap();
    assert!(unpack(&packed, &fresh(folder.path()), 1 << 20).is_err());
}

#[test]
fn needles_fold_case_unless_they_hold_a_capital() {
    let any = Needle::new("error").unwrap();
    assert_eq!(any.matches(b"Error: ERROR"), [0..5, 7..12]);
    assert!(Needle::new("Error").unwrap().matches(b"error").is_empty());
    assert!(Needle::new("").is_none() && Needle::new("a\nb").is_none());
}

fn fresh(folder: &Path) -> std::path::PathBuf {
    tempfile::tempdir_in(folder).unwrap().keep()
}

fn all(reader: &mut LogReader, needle: &Needle, budget: u64) -> Vec<u64> {
    let (mut lines, mut from) = (Vec::new(), 0);
    loop {
        let step = reader.scan(needle, from, budget).unwrap();
        lines.extend(step.lines);
        match step.next {
            Some(next) => from = next,
            None => return lines,
        }
    }
}

#[test]
fn a_match_over_the_edge_of_a_block_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), u64::MAX);
    // One line longer than any block, the needle over the edge at every shift.
    for shift in 0..6 {
        writer.write(Stream::Stdout, &vec![b'.'; (64 << 10) - shift]);
        writer.write(Stream::Stdout, b"needle....\n");
    }
    let mut reader = LogReader::open(folder.path()).unwrap();
    let needle = Needle::new("needle").unwrap();
    assert_eq!(all(&mut reader, &needle, 1), [0, 1, 2, 3, 4, 5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is written, every line comes back as splitting the file gives it, from anywhere, and search finds
    /// what a plain search finds.
    #[test]
    fn reading_agrees_with_splitting(
        chunks in prop::collection::vec((any::<bool>(), "[ab\\n\\r]{0,40}", 1usize..3_000), 1..12),
        from in 0u64..200,
        budget in prop::sample::select(vec![1u64, 100, 70_000, 1 << 30]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = log(folder.path(), u64::MAX);
        for (err, text, times) in &chunks {
            writer.write(if *err { Stream::Stderr } else { Stream::Stdout }, text.repeat(*times).as_bytes());
        }
        let mut reader = LogReader::open(folder.path()).unwrap();
        let lines = split(folder.path());
        prop_assert_eq!(reader.len(), lines.len() as u64);
        let from = from.min(lines.len() as u64);
        for (line, wanted) in reader.lines(from, 50).unwrap().iter().zip(&lines[from as usize..]) {
            prop_assert_eq!(line.size, wanted.len() as u64);
            if wanted.len() <= MAX_LINE {
                prop_assert_eq!(&line.bytes, wanted);
            }
        }
        let needle = Needle::new("ab").unwrap();
        let wanted: Vec<u64> = (0..).zip(&lines).filter(|(_, line)| memchr::memmem::find(line, b"ab").is_some()).map(|(at, _)| at).collect();
        prop_assert_eq!(&all(&mut reader, &needle, budget), &wanted);
    }
}

#[test]
fn the_lines_with_a_text_are_given_from_any_line_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = log(folder.path(), u64::MAX);
    let mut block = Vec::new();
    for number in 0..30_000 {
        writeln!(block, "{number} {}", if number % 1_000 == 7 { "Found" } else { "else" }).unwrap();
    }
    block.extend(b"long ".repeat(50_000));
    block.extend(b"found at its end\nand found unfinished");
    writer.write(Stream::Stdout, &block);
    let mut reader = LogReader::open(folder.path()).unwrap();
    let needle = Needle::new("found").unwrap();
    let numbers = |lines: Vec<LogLine>| lines.into_iter().map(|line| line.number).collect::<Vec<_>>();
    assert_eq!(numbers(reader.lines_with(&needle, 0, 3).unwrap()), [7, 1_007, 2_007]);
    assert_eq!(numbers(reader.lines_with(&needle, 1_007, 1).unwrap()), [1_007]);
    assert_eq!(numbers(reader.lines_with(&needle, 28_008, 99).unwrap()), [29_007, 30_000, 30_001]);
    assert_eq!(numbers(reader.lines_with(&needle, 30_002, 99).unwrap()), [0; 0]);
}
