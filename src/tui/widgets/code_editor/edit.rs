//! What an editor can be told, and which keys say it.

use crate::tui::keymap::Key;
use crossterm::event::{KeyCode, KeyModifiers};

/// What an editor can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A character was typed.
    Type(char),
    /// Enter: a new line, indented as Python wants it.
    Newline,
    /// Tab: to the next level, or the selected lines one level in.
    Indent,
    /// Shift-Tab: the line or the selected lines one level out.
    Dedent,
    /// Backspace.
    DeleteBefore,
    /// Delete.
    DeleteAfter,
    /// From the start of the word to the cursor.
    DeleteWord,
    /// The whole line.
    DeleteLine,
    /// Comment sign in front of the line or the selected lines, or away from it.
    ToggleComment,
    /// The cursor goes there.
    Move(Motion),
    /// The cursor goes there and what it passes is selected.
    Select(Motion),
    /// Everything is selected.
    SelectAll,
    /// One step back.
    Undo,
    /// One step forward again.
    Redo,
    /// Text from outside, inserted as it is.
    Paste(String),
}

impl Edit {
    /// What a key asks for, where it asks an editor for anything.
    pub fn of_key(key: Key) -> Option<Self> {
        let with = |flag| key.modifiers.contains(flag);
        let (ctrl, alt) = (with(KeyModifiers::CONTROL), with(KeyModifiers::ALT));
        let motion = match key.code {
            KeyCode::Char(c) if !ctrl && !alt => return Some(Self::Type(c)),
            KeyCode::Enter => return Some(Self::Newline),
            KeyCode::Tab => return Some(if with(KeyModifiers::SHIFT) { Self::Dedent } else { Self::Indent }),
            KeyCode::Backspace if ctrl || alt => return Some(Self::DeleteWord),
            KeyCode::Backspace => return Some(Self::DeleteBefore),
            KeyCode::Delete => return Some(Self::DeleteAfter),
            KeyCode::Left if ctrl => Motion::WordLeft,
            KeyCode::Right if ctrl => Motion::WordRight,
            KeyCode::Home if ctrl => Motion::Start,
            KeyCode::End if ctrl => Motion::End,
            KeyCode::Left => Motion::Left,
            KeyCode::Right => Motion::Right,
            KeyCode::Up => Motion::Up,
            KeyCode::Down => Motion::Down,
            KeyCode::Home => Motion::LineStart,
            KeyCode::End => Motion::LineEnd,
            KeyCode::PageUp => Motion::PageUp,
            KeyCode::PageDown => Motion::PageDown,
            _ => return None,
        };
        Some(if with(KeyModifiers::SHIFT) { Self::Select(motion) } else { Self::Move(motion) })
    }
}

/// Where the cursor can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One character back.
    Left,
    /// One character on.
    Right,
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// To the start of the word.
    WordLeft,
    /// Past the end of the word.
    WordRight,
    /// To the first character that is not blank, then to the start.
    LineStart,
    /// To the end of the line.
    LineEnd,
    /// A window up.
    PageUp,
    /// A window down.
    PageDown,
    /// To the start of the text.
    Start,
    /// To its end.
    End,
}
