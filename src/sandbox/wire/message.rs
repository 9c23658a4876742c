//! Messages on a stream, with their length in front, and as lines of a container's log.

use super::{MARK, Report};
use std::io::{self, Read};

/// The longest message either side accepts, bytes.
const MAX_MESSAGE: u64 = 4 << 20;

/// A report as a line of a container's log.
pub fn frame(secret: &[u8], report: &Report) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = vec![MARK];
    line.extend_from_slice(secret);
    for byte in report.encode() {
        line.push(DIGITS[usize::from(byte >> 4)]);
        line.push(DIGITS[usize::from(byte & 15)]);
    }
    line.push(b'\n');
    line
}

/// The last line of a container's standard output: nothing follows.
pub fn last_line(secret: &[u8]) -> Vec<u8> {
    [&[MARK], secret, b"\n"].concat()
}

/// A report from its line without mark, secret and newline.
pub fn unframe(digits: &[u8]) -> Option<Report> {
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?)).collect();
    // The first eight are the length.
    Report::decode(bytes?.get(8..)?)
}

/// The length of the next message, from its first eight bytes.
pub fn message_length(head: [u8; 8]) -> io::Result<usize> {
    let length = u64::from_le_bytes(head);
    if length > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message without measure"));
    }
    Ok(length as usize)
}

/// One message without its length.
pub fn read_message(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = [0; 8];
    from.read_exact(&mut head)?;
    let mut bytes = vec![0; message_length(head)?];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
