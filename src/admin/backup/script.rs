//! SQL for SQLite, statement by statement, from a file that may be larger than memory.

use std::{
    io::{self, BufReader, Bytes, Read},
    iter::Peekable,
};

/// Splits SQL into statements; a semicolon within quotes, comments or the body of a trigger ends none.
pub(super) struct Statements<R: Read> {
    bytes: Peekable<Bytes<BufReader<R>>>,
    line: usize,
}

/// One statement, and the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) line: usize,
    /// Its first words, in capitals.
    pub(super) words: Vec<String>,
    pub(super) sql: String,
}

/// So many words tell what a statement is: `CREATE TEMPORARY TRIGGER`.
const WORDS: usize = 4;

/// What was seen of a statement.
#[derive(Default)]
struct Seen {
    sql: Vec<u8>,
    words: Vec<String>,
    /// The word that is being read, in capitals.
    word: String,
    /// The last two tokens, the newer one last: a body of a trigger ends with `; END ;`.
    last: [String; 2],
    begins: usize,
}

impl Seen {
    fn token(&mut self, token: String) {
        self.last.swap(0, 1);
        self.last[1] = token;
    }

    fn end_word(&mut self) {
        if !self.word.is_empty() {
            let word = std::mem::take(&mut self.word);
            if self.words.len() < WORDS {
                self.words.push(word.clone());
            }
            self.token(word);
        }
    }

    fn is_trigger(&self) -> bool {
        self.words.first().is_some_and(|word| word == "CREATE")
            && self.words.iter().skip(1).take(2).any(|word| word == "TRIGGER")
    }

    fn is_empty(&self) -> bool {
        self.last[1].is_empty() && self.word.is_empty()
    }
}

impl<R: Read> Statements<R> {
    pub(super) fn new(source: R) -> Self {
        Self { bytes: BufReader::new(source).bytes().peekable(), line: 1 }
    }

    /// The next one; `None` at the end. SQL that ends within a statement was cut: an error.
    pub(super) fn next(&mut self) -> io::Result<Option<Statement>> {
        let mut seen = Seen::default();
        while let Some(byte) = self.take(&mut seen)? {
            if seen.is_empty() && !byte.is_ascii_whitespace() {
                seen.begins = self.line;
            }
            match byte {
                b'\'' | b'"' | b'`' | b'[' => {
                    seen.end_word();
                    self.until(&[if byte == b'[' { b']' } else { byte }], &mut seen)?;
                    seen.token("''".to_owned());
                }
                b'-' if self.follows(b'-') => {
                    seen.end_word();
                    self.comment(b"\n", &mut seen)?;
                }
                b'/' if self.follows(b'*') => {
                    seen.end_word();
                    self.take(&mut seen)?;
                    self.until(b"*/", &mut seen)?;
                }
                b';' => {
                    seen.end_word();
                    let is_end = !seen.is_trigger() || (seen.last[0] == ";" && seen.last[1] == "END");
                    if seen.is_empty() {
                        seen = Seen::default();
                    } else if is_end {
                        seen.sql.pop();
                        return statement(seen).map(Some);
                    } else {
                        seen.token(";".to_owned());
                    }
                }
                _ if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 => {
                    seen.word.push(char::from(byte.to_ascii_uppercase()));
                }
                _ => {
                    seen.end_word();
                    if byte == b'.' && seen.is_empty() {
                        let words = format!("line {}: a command of the sqlite3 program, not SQL", self.line);
                        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
                    }
                    if !byte.is_ascii_whitespace() {
                        seen.token(char::from(byte).to_string());
                    }
                }
            }
        }
        if seen.is_empty() { Ok(None) } else { Err(cut(seen.begins)) }
    }

    fn take(&mut self, seen: &mut Seen) -> io::Result<Option<u8>> {
        let byte = self.bytes.next().transpose()?;
        if let Some(byte) = byte {
            seen.sql.push(byte);
            self.line += usize::from(byte == b'\n');
        }
        Ok(byte)
    }

    fn follows(&mut self, byte: u8) -> bool {
        matches!(self.bytes.peek(), Some(Ok(next)) if *next == byte)
    }

    /// Takes everything up to `end`, which must come.
    fn until(&mut self, end: &[u8], seen: &mut Seen) -> io::Result<()> {
        let from = seen.sql.len();
        while self.take(seen)?.is_some() {
            if seen.sql[from..].ends_with(end) {
                return Ok(());
            }
        }
        Err(cut(seen.begins))
    }

    /// The same for what the end of the file ends as well.
    fn comment(&mut self, end: &[u8], seen: &mut Seen) -> io::Result<()> {
        let from = seen.sql.len();
        while self.take(seen)?.is_some() {
            if seen.sql[from..].ends_with(end) {
                break;
            }
        }
        Ok(())
    }
}

fn statement(seen: Seen) -> io::Result<Statement> {
    let sql = String::from_utf8(seen.sql)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("line {}: it is not UTF-8", seen.begins)))?;
    Ok(Statement { line: seen.begins, words: seen.words, sql: sql.trim().to_owned() })
}

fn cut(begins: usize) -> io::Error {
    let words = format!("it is truncated: it ends within the statement that begins on line {begins}");
    io::Error::new(io::ErrorKind::UnexpectedEof, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let mut statements = Statements::new(text.as_bytes());
        std::iter::from_fn(|| statements.next().unwrap()).map(|statement| statement.sql).collect()
    }

    #[test]
    fn semicolons_end_statements_but_not_within_quotes_comments_and_triggers() {
        for text in [
            "SELECT 1",
            "INSERT INTO t VALUES ('a;b', 'it''s;', \"x;y\", `q;`, [r;s])",
            "SELECT 1 -- here; not\n + 2",
            "SELECT /* ; */ 1",
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET x = CASE WHEN 1 THEN 2 END; DELETE FROM u; END",
            "create temp trigger a after insert on t begin select 1; end",
            "CREATE TABLE trigger_like (x TEXT DEFAULT ';')",
            "INSERT INTO t VALUES ('zwei\nZeilen; é')",
        ] {
            let twice = format!("{text};\n ;{text} ;");
            assert_eq!(split(&twice), [text, text], "{twice}");
        }
        assert!(split("-- nothing; here\n/* ; */ ;\n").is_empty());
        assert!(split("").is_empty());
    }

    #[test]
    fn lines_and_first_words_are_told() {
        let mut statements = Statements::new("-- a\n\nPRAGMA x;\n begin transaction;".as_bytes());
        let first = statements.next().unwrap().unwrap();
        assert_eq!(first.words, ["PRAGMA", "X"]);
        let second = statements.next().unwrap().unwrap();
        assert_eq!((second.line, second.words), (4, vec!["BEGIN".to_owned(), "TRANSACTION".to_owned()]));
    }

    #[test]
    fn what_was_cut_is_told() {
        for text in [
            "SELECT 1",
            "SELECT 1;\nINSERT INTO t VALUES ('a",
            "/* no end",
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1;",
        ] {
            let mut statements = Statements::new(text.as_bytes());
            let error = loop {
                match statements.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{text}: taken for whole"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{text}");
        }
        assert!(Statements::new(".read x\n".as_bytes()).next().is_err());
    }
}
