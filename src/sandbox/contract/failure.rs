//! Why the code failed, in its own words: the runner's account, another program's, the last lines of its log.

use super::open;
use crate::domain::text::{is_hidden, mark};
use serde_json::Value;
use std::os::fd::AsFd;

/// The longest error message, characters.
const MAX_MESSAGE: usize = 2_000;
/// The longest first line, characters: the rest of the room is the traceback's.
const MAX_LINE: usize = 300;
/// The largest account that is read, bytes.
const MAX_ACCOUNT: u64 = 1 << 20;

/// What the code said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The exception's class, where it was one.
    pub exception: Option<String>,
    /// Its message, or the last line of the log.
    pub message: String,
    /// The line of `main.py`, from 1.
    pub line: Option<u32>,
    /// What stands behind the first line.
    pub traceback: String,
}

impl Account {
    /// From the contract's places in their order. Both files are the code's to write: only words are taken from them.
    pub fn read(out: Option<impl AsFd>, log_tail: &str) -> Self {
        let files = [("_runner_error.json", "message"), ("_error.json", "error")];
        let account = out.and_then(|out| files.iter().find_map(|(name, message)| from_file(&out, name, message)));
        account.unwrap_or_else(|| from_log(log_tail))
    }

    /// `line 12: ZeroDivisionError: division by zero`, without a line where none is known.
    pub fn headline(&self) -> String {
        let place = self.line.map_or(String::new(), |line| format!("line {line}: "));
        match (&self.exception, self.message.is_empty()) {
            (Some(exception), true) => format!("{place}{exception}"),
            (Some(exception), false) => format!("{place}{exception}: {}", self.message),
            (None, _) => format!("{place}{}", self.message),
        }
    }
}

fn from_file(out: impl AsFd, name: &str, message: &str) -> Option<Account> {
    let bytes = open::read(out, name, MAX_ACCOUNT).ok()??;
    let Value::Object(object) = serde_json::from_slice(&bytes).ok()? else { return None };
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let line = object.get("line").and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok());
    let exception = Some(text("type")).filter(|name| !name.is_empty());
    let account = Account {
        exception,
        message: text(message),
        line: line.filter(|line| *line > 0),
        traceback: text("traceback"),
    };
    (account != Account::default()).then_some(account)
}

fn from_log(log_tail: &str) -> Account {
    let message = log_tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
    let traceback = log_tail.rfind("Traceback (most recent call last)").map_or("", |at| &log_tail[at..]).to_owned();
    Account { message, traceback, ..Account::default() }
}

/// Where the code was when a signal ended it, as Python's fault handler wrote it to the log: line and frames.
pub fn crash(log_tail: &str) -> (Option<u32>, String) {
    let Some(at) = log_tail.rfind("Fatal Python error: ") else { return (None, String::new()) };
    let frames = log_tail[at..].lines().filter(|line| !line.contains("/runner.py\""));
    let shown = frames.collect::<Vec<_>>().join("\n");
    let line = shown.split_once("/in/main.py\", line ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    (line, shown)
}

/// The first line on one line, the rest behind it, without a character that a terminal obeys, within the column.
pub fn compose(first: &str, rest: &str) -> String {
    let joined = first.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let mut message = cut(&visible(&joined), MAX_LINE);
    let rest = rest.trim_end();
    if !rest.is_empty() {
        message.push('\n');
        // The end of a traceback says more than its beginning.
        let rest: String = rest.lines().map(visible).collect::<Vec<_>>().join("\n");
        let room = MAX_MESSAGE - message.chars().count();
        let length = rest.chars().count();
        if length > room {
            message.push('…');
            message.extend(rest.chars().skip(length - (room - 1)));
        } else {
            message.push_str(&rest);
        }
    }
    message
}

fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => seen.push_str("    "),
            c if is_hidden(c) => seen.push_str(&mark(c)),
            c => seen.push(c),
        }
    }
    seen
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_fits_the_column() {
        let message = compose("ValueError: \u{1b}]0;pwn\u{7}line1\nline2\r\u{202e}x", "");
        assert_eq!(message, "ValueError: ^[]0;pwn^Gline1 line2 <U+202E>x");
        let long = compose(&"é".repeat(5_000), &"traceback 🔥\n".repeat(1_000));
        assert_eq!(long.chars().count(), MAX_MESSAGE);
        assert!(long.ends_with("traceback 🔥"));
        assert_eq!(long.lines().next().unwrap().chars().count(), MAX_LINE);
    }

    #[test]
    fn a_crash_says_where_the_code_was() {
        let log = "noise\nFatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  \
                   File \"/workspace/in/main.py\", line 14 in solve\n  File \"/run/mecapy/runner.py\", line 50 in main\n";
        let (line, shown) = crash(log);
        assert_eq!(line, Some(14));
        assert!(shown.contains("in solve") && !shown.contains("runner"), "{shown}");
        assert_eq!(crash("nothing"), (None, String::new()));
    }

    #[test]
    fn the_log_is_the_last_source() {
        let log = "noise\nTraceback (most recent call last):\n  File \"x\"\nKeyError: 'a'\n\n";
        let account = Account::read(None::<std::fs::File>, log);
        assert_eq!(account.headline(), "KeyError: 'a'");
        assert!(account.traceback.starts_with("Traceback"));
    }
}
