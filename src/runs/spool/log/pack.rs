//! A log as a file to keep: gzip, with its side index inside.
//!
//! The file is a plain gzip (RFC 1952) that `zcat` reads. Behind the member that holds the log follow empty
//! members whose extra field `MX` carries the index: deflated, in pieces, as one number (LEB128) after the other:
//! bytes and lines since the record before, time since then (microseconds), stream.

use super::{
    INDEX, LOG, Stream,
    index::{Index, RECORD, Record, code, stream},
    writer::STRIDE,
};
use flate2::{Compression, GzBuilder, bufread::GzDecoder, read::ZlibDecoder, write::ZlibEncoder};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The subfield's name.
const FIELD: [u8; 2] = *b"MX";

/// Bytes of the index in one extra field, which holds at most 65,535.
const PIECE: usize = 60_000;

/// Why a stored log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The system refused, or the bytes are no gzip.
    #[error("the log cannot be unpacked: {0}")]
    Io(#[from] io::Error),
    /// More than a log may hold.
    #[error("the log is larger than {limit} bytes when unpacked: it was not made by mecapy")]
    TooLarge {
        /// The most that is unpacked.
        limit: u64,
    },
}

/// Writes the log in `folder` as the file `to`, which is replaced.
pub fn pack(folder: &Path, to: &Path) -> io::Result<()> {
    let mut log = File::open(folder.join(LOG))?;
    let size = log.metadata()?.len();
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    // No name and no time inside: the same log makes the same bytes.
    let mut gzip = GzBuilder::new().write(BufWriter::new(file), Compression::fast());
    io::copy(&mut log, &mut gzip)?;
    let mut out = gzip.finish()?;
    for piece in encode(folder, size)?.chunks(PIECE) {
        let mut field = FIELD.to_vec();
        field.extend((piece.len() as u16).to_le_bytes());
        field.extend(piece);
        out = GzBuilder::new().extra(field).write(out, Compression::none()).finish()?;
    }
    out.flush()
}

/// Writes log and index of the gzip file `from` into `folder`; at most `limit` bytes of log.
///
/// A gzip of another program has no index inside: streams and times are unknown then.
pub fn unpack(from: &Path, folder: &Path, limit: u64) -> Result<(), PackError> {
    let create = |name| OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name));
    let mut log = BufWriter::with_capacity(STRIDE as usize, create(LOG)?);
    let mut index = BufWriter::new(create(INDEX)?);
    let mut source = BufReader::new(File::open(from)?);
    let (mut offset, mut lines) = (0, 0);
    let mut kept = Vec::new();
    let mut buffer = vec![0; STRIDE as usize];
    while !source.fill_buf()?.is_empty() {
        let mut member = GzDecoder::new(source);
        loop {
            let read = member.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            index.write_all(&Record { offset, lines, ..Record::START }.to_bytes())?;
            log.write_all(&buffer[..read])?;
            lines += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
            offset += read as u64;
            if offset > limit {
                return Err(PackError::TooLarge { limit });
            }
        }
        if let Some(extra) = member.header().and_then(|header| header.extra())
            && let Some(piece) = piece_of(extra)
        {
            kept.extend_from_slice(piece);
            if kept.len() as u64 > limit {
                return Err(PackError::TooLarge { limit });
            }
        }
        source = member.into_inner();
    }
    log.flush()?;
    index.flush()?;
    if !kept.is_empty() {
        decode(&kept, folder, offset)?;
    }
    Ok(())
}

/// Our subfield of an extra field.
fn piece_of(mut extra: &[u8]) -> Option<&[u8]> {
    while let [first, second, low, high, rest @ ..] = extra {
        let size = usize::from(u16::from_le_bytes([*low, *high]));
        let piece = rest.get(..size)?;
        if [*first, *second] == FIELD {
            return Some(piece);
        }
        extra = &rest[size..];
    }
    None
}

fn encode(folder: &Path, size: u64) -> io::Result<Vec<u8>> {
    let mut index = Index::new(File::open(folder.join(INDEX))?);
    index.refresh(size)?;
    let mut out = ZlibEncoder::new(Vec::new(), Compression::fast());
    let mut before = Record::START;
    for place in 0..index.count() {
        let record = index.get(place)?;
        for number in [
            record.offset.saturating_sub(before.offset),
            record.lines.saturating_sub(before.lines),
            // The clock may have been set back: a difference of two's complement comes out right again.
            record.time.wrapping_sub(before.time),
            u64::from(code(record.stream)),
        ] {
            write_number(&mut out, number)?;
        }
        before = record;
    }
    out.finish()
}

fn decode(kept: &[u8], folder: &Path, size: u64) -> io::Result<()> {
    let mut numbers = BufReader::new(ZlibDecoder::new(kept));
    // Beside the plain one, and in its place when all of it made sense.
    let path = folder.join("log.index.new");
    let mut out = BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?);
    let mut record = Record::START;
    let mut written = 0;
    while !numbers.fill_buf()?.is_empty() {
        record.offset = record.offset.saturating_add(read_number(&mut numbers)?);
        record.lines = record.lines.saturating_add(read_number(&mut numbers)?);
        record.time = record.time.wrapping_add(read_number(&mut numbers)?) & (u64::MAX >> 8);
        record.stream = stream(read_number(&mut numbers)? as u8);
        written += RECORD as u64;
        // Neither a place behind the log's end nor more index than the writer makes.
        if record.offset >= size || written > (2 << 20) + size * 2 {
            break;
        }
        out.write_all(&record.to_bytes())?;
    }
    out.flush()?;
    std::fs::rename(path, folder.join(INDEX))
}

fn write_number(out: &mut impl Write, mut number: u64) -> io::Result<()> {
    let mut bytes = [0; 10];
    let mut size = 0;
    loop {
        bytes[size] = (number & 0x7f) as u8 | if number > 0x7f { 0x80 } else { 0 };
        size += 1;
        number >>= 7;
        if number == 0 {
            return out.write_all(&bytes[..size]);
        }
    }
}

fn read_number(from: &mut impl Read) -> io::Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(number);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a number of the index has no end"))
}

/// The stream of bytes whose origin is not known, for the index made while unpacking.
const _: () = assert!(matches!(Record::START.stream, Stream::Unknown));
