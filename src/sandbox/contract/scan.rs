//! One pass over JSON text for what a parser says badly or not at all: depth, NaN and Infinity with their key,
//! numbers that no double can hold.

/// What is wrong with a text that may otherwise be JSON.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// `NaN`, `Infinity` or `-Infinity`, and where.
    NotFinite {
        /// As written.
        token: &'static str,
        /// `a.b[3]`; empty at the top.
        path: String,
    },
    /// A decimal number beyond the range of a double, and where.
    OutOfRange {
        /// As [`Fault::NotFinite::path`].
        path: String,
    },
    /// Nested deeper than allowed.
    TooDeep,
}

enum Level<'a> {
    Object { key: &'a str },
    Array { index: usize },
}

/// The first fault of `text`. Text that is no JSON may give none: the parser's turn comes next.
pub fn fault(text: &str, most_depth: usize) -> Option<Fault> {
    let bytes = text.as_bytes();
    let mut levels: Vec<Level> = Vec::new();
    let mut expects_key = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at)?;
                if expects_key && let Some(Level::Object { key }) = levels.last_mut() {
                    *key = &text[at + 1..end];
                    expects_key = false;
                }
                at = end;
            }
            b'{' | b'[' => {
                let is_object = *byte == b'{';
                levels.push(if is_object { Level::Object { key: "" } } else { Level::Array { index: 0 } });
                expects_key = is_object;
                if levels.len() > most_depth {
                    return Some(Fault::TooDeep);
                }
            }
            b'}' | b']' => {
                levels.pop();
                expects_key = false;
            }
            b',' => match levels.last_mut() {
                Some(Level::Array { index }) => *index += 1,
                Some(Level::Object { .. }) => expects_key = true,
                None => {}
            },
            b'-' | b'0'..=b'9' | b'N' | b'I' => {
                let rest = &text[at..];
                for token in ["NaN", "Infinity", "-Infinity"] {
                    if rest.starts_with(token) {
                        return Some(Fault::NotFinite { token, path: path(&levels) });
                    }
                }
                let length = rest
                    .bytes()
                    .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
                    .count();
                let number = &rest[..length];
                // A whole number of any length stays exact text; one with a point or an exponent is meant as a double.
                if number.contains(['.', 'e', 'E']) && number.parse::<f64>().is_ok_and(f64::is_infinite) {
                    return Some(Fault::OutOfRange { path: path(&levels) });
                }
                at += length.max(1) - 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The place of the closing quote of the string that opens at `start`.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn path(levels: &[Level]) -> String {
    levels.iter().fold(String::new(), |path, level| match level {
        Level::Object { key } if path.is_empty() => (*key).to_owned(),
        Level::Object { key } => format!("{path}.{key}"),
        Level::Array { index } => format!("{path}[{index}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finite_is_named_by_its_key() {
        let not_finite = |token, path: &str| Some(Fault::NotFinite { token, path: path.into() });
        assert_eq!(fault("{\"x\": NaN}", 64), not_finite("NaN", "x"));
        assert_eq!(fault("{\"a\": 1, \"b\": {\"c\": [0, -Infinity]}}", 64), not_finite("-Infinity", "b.c[1]"));
        assert_eq!(
            fault("{\"NaN\": \"Infinity \\\" NaN\", \"d\": [1, {\"e\": Infinity}]}", 64),
            not_finite("Infinity", "d[1].e")
        );
        assert_eq!(fault("{\"NaN\": \"Infinity\", \"a\": [1.5, -2, true]}", 64), None);
    }

    #[test]
    fn whole_numbers_of_any_length_pass_and_doubles_must_fit() {
        assert_eq!(fault(&format!("{{\"big\": 1{}}}", "0".repeat(400)), 64), None);
        assert_eq!(fault("{\"c\": 1e999}", 64), Some(Fault::OutOfRange { path: "c".into() }));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(fault(&nested(64), 64), None);
        assert_eq!(fault(&nested(65), 64), Some(Fault::TooDeep));
        assert_eq!(fault(&"{\"a\":".repeat(100_000), 64), Some(Fault::TooDeep));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "[\\PC\"{}\\[\\],:NI\\\\-]{0,200}") {
            let _ = fault(&text, 64);
        }
    }
}
