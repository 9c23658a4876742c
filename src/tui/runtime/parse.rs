//! The bytes that a terminal sends, as events: keys, pastes, focus, the mouse.
//!
//! A parser of our own, as the one of crossterm is reached only through its reader, which blocks: it needs a thread,
//! and each key then two changes of threads.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

const PASTE_END: &[u8] = b"\x1b[201~";

/// Turns bytes into events; what is incomplete is kept for the next bytes.
#[derive(Debug, Default)]
pub struct Parser {
    bytes: Vec<u8>,
    /// Inside a paste, whose text begins with the bytes kept: how far its end was looked for.
    pasting: Option<usize>,
}

impl Parser {
    /// Takes what one read gave. An escape character that ends it is the key: nothing tells it from the first byte of
    /// a sequence but that the sequence comes in one piece.
    pub fn push(&mut self, bytes: &[u8], mut event: impl FnMut(Event)) {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            if let Some(searched) = self.pasting {
                let text = &self.bytes[at..];
                let Some(end) = memchr::memmem::find(&text[searched..], PASTE_END).map(|end| searched + end) else {
                    self.pasting = Some(text.len().saturating_sub(PASTE_END.len() - 1));
                    break;
                };
                event(Event::Paste(String::from_utf8_lossy(&text[..end]).into_owned()));
                at += end + PASTE_END.len();
                self.pasting = None;
            }
            let Some((length, found)) = first(&self.bytes[at..]) else { break };
            at += length;
            match found {
                Found::Event(found) => event(found),
                Found::Paste => self.pasting = Some(0),
                Found::Nothing => {}
            }
        }
        self.bytes.drain(..at);
        if self.pasting.is_none() && self.bytes == b"\x1b" {
            self.bytes.clear();
            event(key(KeyCode::Esc, KeyModifiers::NONE));
        }
    }
}

/// What stands at the beginning of the bytes.
enum Found {
    Event(Event),
    Paste,
    /// A sequence that means nothing to us.
    Nothing,
}

/// The first event and its length; `None` while it is not whole.
fn first(bytes: &[u8]) -> Option<(usize, Found)> {
    match bytes {
        [] | [0x1b] => None,
        [0x1b, 0x1b, ..] => Some((1, Found::Event(key(KeyCode::Esc, KeyModifiers::NONE)))),
        [0x1b, b'[', ..] => control_sequence(bytes),
        [0x1b, b'O', rest @ ..] => rest.first().map(|last| (3, found(letter(*last), KeyModifiers::NONE))),
        [0x1b, rest @ ..] => {
            let (length, code, modifiers) = character(rest)?;
            Some((length + 1, found(code, modifiers | KeyModifiers::ALT)))
        }
        _ => character(bytes).map(|(length, code, modifiers)| (length, found(code, modifiers))),
    }
}

const fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
    Event::Key(KeyEvent::new(code, modifiers))
}

fn found(code: Option<KeyCode>, modifiers: KeyModifiers) -> Found {
    code.map_or(Found::Nothing, |code| Found::Event(key(code, modifiers)))
}

/// The key of one character or control byte; no key where the bytes are no text.
fn character(bytes: &[u8]) -> Option<(usize, Option<KeyCode>, KeyModifiers)> {
    let control = |c: u8| (1, Some(KeyCode::Char(c.into())), KeyModifiers::CONTROL);
    let plain = |code| (1, Some(code), KeyModifiers::NONE);
    Some(match *bytes.first()? {
        b'\r' => plain(KeyCode::Enter),
        b'\t' => plain(KeyCode::Tab),
        0x7f => plain(KeyCode::Backspace),
        0 => control(b' '),
        c @ 0x01..=0x1a => control(c - 1 + b'a'),
        c @ 0x1b..=0x1f => control(c - 0x1c + b'4'),
        first => {
            let length = match first {
                0..=0x7f => 1,
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Some((1, None, KeyModifiers::NONE)),
            };
            let whole = &bytes[..length.min(bytes.len())];
            match std::str::from_utf8(whole).map(|text| text.chars().next()) {
                Ok(Some(c)) => {
                    let shift = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
                    (length, Some(KeyCode::Char(c)), shift)
                }
                Err(error) if error.error_len().is_none() => return None,
                _ => (1, None, KeyModifiers::NONE),
            }
        }
    })
}

/// `ESC [`, parameters, a last letter.
fn control_sequence(bytes: &[u8]) -> Option<(usize, Found)> {
    // The console of Linux for its first function keys; a mouse without SGR reports.
    match bytes.get(2)? {
        b'[' => {
            let number = bytes.get(3)?.wrapping_sub(b'A').wrapping_add(1);
            return Some((4, found((number <= 5).then_some(KeyCode::F(number)), KeyModifiers::NONE)));
        }
        b'M' => {
            let [kind, column, row] = *bytes.get(3..6)? else { return None };
            let [kind, column, row] = [kind, column, row].map(|byte| u16::from(byte.saturating_sub(32)));
            return Some((6, mouse(kind, column, row, kind & 3 == 3)));
        }
        _ => {}
    }
    let end = bytes[2..].iter().position(|byte| !(0x20..=0x3f).contains(byte))? + 2;
    let (length, last) = (end + 1, bytes[end]);
    if !(0x40..=0x7e).contains(&last) {
        // Cut off by a control character, which is read again on its own.
        return Some((end, Found::Nothing));
    }
    let (mark, parameters) = match &bytes[2..end] {
        [mark @ b'<'..=b'?', rest @ ..] => (Some(*mark), rest),
        parameters => (None, parameters),
    };
    // Behind a colon stands what only terminals say that were asked to.
    let numbers: Vec<u16> = parameters
        .split(|byte| *byte == b';')
        .map(|part| part.split(|byte| *byte == b':').next().unwrap_or_default())
        .map(|part| std::str::from_utf8(part).ok().and_then(|part| part.parse().ok()).unwrap_or(0))
        .collect();
    let number = |at: usize| numbers.get(at).copied().unwrap_or(0);
    let modifiers = modifiers(number(1));
    let what = match (mark, last) {
        (Some(b'<'), b'M' | b'm') => mouse(number(0), number(1), number(2), last == b'm'),
        (Some(_), _) => Found::Nothing,
        (None, b'I') => Found::Event(Event::FocusGained),
        (None, b'O') => Found::Event(Event::FocusLost),
        (None, b'~') if number(0) == 200 => Found::Paste,
        (None, b'~') => found(numbered(number(0)), modifiers),
        (None, b'u') => found(coded(number(0)), modifiers),
        (None, b'Z') => found(Some(KeyCode::BackTab), modifiers | KeyModifiers::SHIFT),
        (None, last) => found(letter(last), modifiers),
    };
    Some((length, what))
}

/// The keys whose sequence ends in a letter of their own.
const fn letter(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'M' => KeyCode::Enter, // of the keypad
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

/// The keys whose sequence is a number and `~`.
const fn numbered(number: u16) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23..=26 => KeyCode::F(number as u8 - 12),
        28 | 29 => KeyCode::F(number as u8 - 13),
        31..=34 => KeyCode::F(number as u8 - 14),
        _ => return None,
    })
}

/// The keys whose sequence is the code of their character and `u`.
fn coded(code: u16) -> Option<KeyCode> {
    match code {
        9 => Some(KeyCode::Tab),
        13 => Some(KeyCode::Enter),
        27 => Some(KeyCode::Esc),
        127 => Some(KeyCode::Backspace),
        _ => char::from_u32(code.into()).filter(|c| !c.is_control()).map(KeyCode::Char),
    }
}

/// Modifiers as sequences number them: bits, and one more.
fn modifiers(number: u16) -> KeyModifiers {
    let bits = number.saturating_sub(1);
    [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)]
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .fold(KeyModifiers::NONE, |modifiers, (_, modifier)| modifiers | modifier)
}

/// A mouse report; columns and rows count from 1.
fn mouse(kind: u16, column: u16, row: u16, released: bool) -> Found {
    let kind = match (kind & 0b1110_0011, released) {
        (0, false) => MouseEventKind::Down(MouseButton::Left),
        (64, false) => MouseEventKind::ScrollUp,
        (65, false) => MouseEventKind::ScrollDown,
        _ => return Found::Nothing,
    };
    let (column, row) = (column.saturating_sub(1), row.saturating_sub(1));
    Found::Event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
