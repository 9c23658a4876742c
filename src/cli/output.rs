//! Data on standard output, words on standard error; what others wrote never reaches a terminal raw.

#![expect(clippy::print_stderr, reason = "the one place where words are printed")]

use super::exit::{ClosedOutput, Exit, Failure};
use crate::domain::text::{SafeText, is_hidden};
use serde::Serialize;
use std::io::{self, BufRead, IsTerminal, Write};

/// How a command talks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output {
    /// Data as JSON.
    pub json: bool,
    /// Errors only on standard error.
    pub quiet: bool,
    /// Never ask.
    pub no_input: bool,
    /// Every question is answered with yes.
    pub yes: bool,
}

impl Output {
    /// As the flags say.
    pub fn new(flags: &super::args::Global) -> Self {
        Self { json: flags.json, quiet: flags.quiet, no_input: flags.no_input, yes: flags.yes }
    }

    /// A line of data.
    pub fn line(self, line: &str) -> Result<(), Failure> {
        self.raw(format!("{line}\n").as_bytes())
    }

    /// Bytes of data as they are, at once. The caller knows them to be harmless, or that this is no terminal.
    #[expect(clippy::unused_self, reason = "all data goes through the value that says how to talk")]
    pub fn raw(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Exit::Ok, ClosedOutput),
            _ => Failure::new(Exit::Error, anyhow::Error::new(error).context("cannot write to standard output")),
        })
    }

    /// A text that others wrote: as it is into a file or a pipe, with its control characters made visible on a
    /// terminal. Ends with a line end.
    pub fn text(self, text: &str) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            return SafeText::lines(text).iter().try_for_each(|line| self.line(line.as_str()));
        }
        self.raw(text.as_bytes())?;
        if text.is_empty() || text.ends_with('\n') { Ok(()) } else { self.raw(b"\n") }
    }

    /// A value as one line of JSON, safe on a terminal.
    pub fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(&json(value)?)
    }

    /// A word on what goes on.
    pub fn say(self, words: impl std::fmt::Display) {
        if !self.quiet {
            self.always_say(words);
        }
    }

    /// A word that `--quiet` does not silence.
    #[expect(clippy::unused_self, reason = "see `raw`")]
    pub fn always_say(self, words: impl std::fmt::Display) {
        // A closed standard error is no reason to fail, so `eprintln!`, which panics then, is not used.
        let text: Vec<_> = SafeText::lines(&words.to_string()).into_iter().map(SafeText::into_string).collect();
        writeln!(io::stderr().lock(), "{}", text.join("\n")).ok();
    }

    /// Whether there is somebody to ask.
    pub fn can_ask(self) -> bool {
        !self.no_input && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks before something that cannot be undone. Without a terminal, or with `--no-input`, only `--yes` passes.
    pub fn confirm(self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !self.can_ask() {
            return Err(Failure::words(Exit::Denied, format!("{question} Nothing was done: confirm with --yes")));
        }
        eprint!("{} [y/N] ", SafeText::label(question).as_str());
        io::stderr().flush().ok();
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Failure::words(Exit::Denied, "Nothing was done")),
        }
    }
}

/// How many columns standard error has, where it is a terminal.
pub fn stderr_width() -> usize {
    rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |size| size.ws_col.into())
}

/// JSON on one line whose strings hold no character that a terminal obeys or that hides others: those are escaped.
pub fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    if !text.chars().any(is_hidden) {
        return Ok(text);
    }
    let mut escaped = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                use std::fmt::Write as _;
                write!(escaped, "\\u{unit:04x}").ok();
            }
        } else {
            escaped.push(c);
        }
    }
    Ok(escaped)
}

/// Columns of text, each as wide as its widest cell; the last one is not padded.
pub fn table(rows: &[Vec<String>], right: &[usize]) -> String {
    use unicode_width::UnicodeWidthStr as _;
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column].saturating_sub(cell.width()));
            let gap = if column == 0 { "" } else { "  " };
            line.push_str(gap);
            if right.contains(&column) {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_never_carries_what_a_terminal_obeys() {
        let text = json(&"a\u{1b}[31m\u{202e}\u{9b}\u{e0041}é").unwrap();
        assert_eq!(text, "\"a\\u001b[31m\\u202e\\u009b\\udb40\\udc41é\"");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), "a\u{1b}[31m\u{202e}\u{9b}\u{e0041}é");
    }

    #[test]
    fn columns_align() {
        let rows = [vec!["ID".into(), "NAME".into()], vec!["7".into(), "é".into()], vec!["123".into(), "b".into()]];
        assert_eq!(table(&rows, &[0]), " ID  NAME\n  7  é\n123  b\n");
    }
}
