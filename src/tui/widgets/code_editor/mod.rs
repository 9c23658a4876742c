//! A modeless editor of code: colours, undo in words rather than characters, find, go to line, brackets, problems.
//!
//! [`tui_textarea`] holds the text, the selection and the history; what is drawn is drawn here, since characters
//! that hide or reorder their neighbours must be visible and a paste must keep its indentation.

mod apply;
mod edit;
mod find;
mod syntax;
#[cfg(test)]
mod tests;
mod view;

pub use edit::{Edit, Motion};
pub use find::Find;
pub use syntax::{Problem, Token};
pub use view::CodeStyles;

use ratatui::layout::Size;
use std::ops::Range;
use syntax::{Syntax, json_tokens};
use tui_textarea::{CursorMove, TextArea};

/// What the text is, for colours and checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Parsed as it is typed.
    Python,
    /// Coloured; whoever owns the field checks it.
    Json,
}

/// An editor of one text.
pub struct CodeEditor {
    language: Language,
    area: TextArea<'static>,
    /// The lines joined: what everybody else reads.
    text: String,
    characters: usize,
    /// Every change counts it up.
    revision: u64,
    syntax: Syntax,
    history: apply::History,
    find: Find,
    /// The column that moves up and down aim for, in screen columns.
    goal: Option<usize>,
    /// First row and first screen column in the window.
    top: usize,
    left: usize,
    size: Size,
    /// A line to point at: where a run failed (row from 0).
    failed_row: Option<usize>,
    /// The first character that is shown as a mark, and its row.
    hidden: Option<(usize, char)>,
}

impl CodeEditor {
    /// An editor with `text` in it and nothing to undo.
    pub fn new(language: Language, text: &str) -> Self {
        let mut editor = Self {
            language,
            area: TextArea::new(unify_line_ends(text).split('\n').map(str::to_owned).collect()),
            text: String::new(),
            characters: 0,
            revision: 0,
            syntax: Syntax::default(),
            history: apply::History::default(),
            find: Find::default(),
            goal: None,
            top: 0,
            left: 0,
            size: Size::ZERO,
            failed_row: None,
            hidden: None,
        };
        editor.area.set_max_histories(apply::MAX_STEPS);
        editor.changed();
        editor
    }

    /// The text, lines ended by `\n`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How long it is, characters.
    pub fn characters(&self) -> usize {
        self.characters
    }

    /// Grows with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many lines it has, at least one.
    pub fn line_count(&self) -> usize {
        self.area.lines().len()
    }

    /// Row and column (characters) of the cursor, from 0.
    pub fn cursor(&self) -> (usize, usize) {
        let cursor = self.area.cursor();
        (cursor.0, cursor.1)
    }

    /// What Python will not accept, in the order of the text.
    pub fn problems(&self) -> &[Problem] {
        self.syntax.problems()
    }

    /// The problem of the cursor's line, else the first one.
    pub fn problem_to_show(&self) -> Option<&Problem> {
        let row = self.cursor().0;
        self.problems().iter().find(|problem| problem.row == row).or(self.problems().first())
    }

    /// The first character that would be invisible or reorder its neighbours, and its row (from 0).
    pub fn hidden_character(&self) -> Option<(usize, char)> {
        self.hidden
    }

    /// What is being looked for.
    pub fn find(&self) -> &Find {
        &self.find
    }

    /// Tells how large the window is, so that the cursor stays in it.
    pub fn set_size(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.follow_cursor();
        }
    }

    /// Replaces everything, as one step that can be undone. Nothing happens when nothing differs.
    pub fn replace_all(&mut self, text: &str) {
        let text = unify_line_ends(text);
        if text == self.text {
            return;
        }
        let (row, column) = self.cursor();
        self.step(apply::Kind::Other, |area| {
            area.select_all();
            let deleted = usize::from(area.delete_char());
            deleted + usize::from(area.insert_str(&text))
        });
        self.jump(row, column);
    }

    /// Puts the cursor on a line (from 1; beyond the end means the last one), in the middle of the window.
    pub fn go_to_line(&mut self, line: usize) {
        let row = line.saturating_sub(1).min(self.line_count() - 1);
        let indent = self.area.lines()[row].chars().take_while(|c| c.is_whitespace()).count();
        self.jump(row, indent);
        // Before the window is known, some lines above give the place a context.
        let above = if self.size.height == 0 { 8 } else { usize::from(self.size.height) / 2 };
        self.top = row.saturating_sub(above);
        self.follow_cursor();
    }

    /// Points at the line (from 1) where a run failed, and goes there.
    pub fn show_failure(&mut self, line: usize) {
        self.go_to_line(line);
        self.failed_row = (1..=self.line_count()).contains(&line).then(|| line - 1);
    }

    /// Moves the cursor to row and column (characters), dropping the selection.
    fn jump(&mut self, row: usize, column: usize) {
        self.area.cancel_selection();
        self.move_to(row, column);
        self.goal = None;
        self.history.close();
        self.follow_cursor();
    }

    fn move_to(&mut self, row: usize, column: usize) {
        let narrow = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(narrow(row), narrow(column)));
    }

    /// Reads the text anew after a change.
    fn changed(&mut self) {
        self.text.clear();
        for (row, line) in self.area.lines().iter().enumerate() {
            if row > 0 {
                self.text.push('\n');
            }
            self.text.push_str(line);
        }
        self.characters = self.text.chars().count();
        let first = |(row, line): (usize, &String)| line.chars().find(|c| view::is_marked(*c)).map(|c| (row, c));
        self.hidden = self.area.lines().iter().enumerate().find_map(first);
        self.revision += 1;
        self.goal = None;
        self.failed_row = None;
        if self.language == Language::Python {
            self.syntax.update(&self.text);
        }
        self.find.refresh(self.area.lines());
        self.follow_cursor();
    }

    fn follow_cursor(&mut self) {
        (self.top, self.left) = self.window(self.size);
    }

    /// First row and first screen column to show in a window of this size.
    fn window(&self, size: Size) -> (usize, usize) {
        if size == Size::ZERO {
            return (self.top, self.left); // not known yet
        }
        let (row, column) = self.cursor();
        let height = usize::from(size.height).max(1);
        let width = usize::from(size.width).saturating_sub(self.gutter()).max(1);
        let column = view::screen_column(&self.area.lines()[row], column);
        (nearest(self.top, row, height), nearest(self.left, column, width))
    }

    /// Columns left of the text: a mark, the line's number, a space.
    fn gutter(&self) -> usize {
        self.line_count().max(10).ilog10() as usize + 3
    }

    /// The byte of the text where a row and column (characters) stand.
    fn byte_of(&self, row: usize, column: usize) -> usize {
        let lines = self.area.lines();
        let before: usize = lines[..row].iter().map(|line| line.len() + 1).sum();
        before + lines[row].char_indices().nth(column).map_or(lines[row].len(), |(at, _)| at)
    }

    /// Coloured pieces of the rows, as byte ranges of the text.
    fn tokens(&self, rows: Range<usize>) -> Vec<(Range<usize>, Token)> {
        let start = self.byte_of(rows.start, 0);
        match self.language {
            Language::Python => {
                let last = rows.end.saturating_sub(1).max(rows.start);
                self.syntax.tokens(start..self.byte_of(last, usize::MAX) + 1)
            }
            Language::Json => {
                let mut at = start;
                let mut found = Vec::new();
                for line in &self.area.lines()[rows] {
                    found.extend(
                        json_tokens(line).into_iter().map(|(range, token)| (range.start + at..range.end + at, token)),
                    );
                    at += line.len() + 1;
                }
                found
            }
        }
    }
}

/// The first of `length` places to show so that `cursor` is among them, moved as little as possible.
fn nearest(first: usize, cursor: usize, length: usize) -> usize {
    first.min(cursor).max((cursor + 1).saturating_sub(length))
}

/// Terminals send a paste's line ends as `\r`; files may hold `\r\n`. Nothing else of a text is changed.
fn unify_line_ends(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}
