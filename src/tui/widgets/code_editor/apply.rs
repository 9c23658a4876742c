//! What keys do to the text: every change is one step of the history, typed words are one step together.

use super::{CodeEditor, Edit, Language, Motion, unify_line_ends, view};
use tui_textarea::TextArea;

/// Columns of one level of indentation.
const INDENT: usize = 4;
/// Single changes that can be taken back.
pub(super) const MAX_STEPS: usize = 50_000;

/// What makes neighbouring changes one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Typing,
    Deleting,
    Other,
}

/// How many single changes of the text area make one step of ours.
#[derive(Default)]
pub(super) struct History {
    done: Vec<usize>,
    undone: Vec<usize>,
    /// The kind of the newest step while it may still grow.
    open: Option<Kind>,
}

impl History {
    /// The next change is a step of its own.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    fn record(&mut self, kind: Kind, changes: usize) {
        self.undone.clear();
        match self.done.last_mut() {
            Some(newest) if self.open == Some(kind) && kind != Kind::Other => *newest += changes,
            _ => self.done.push(changes),
        }
        self.open = Some(kind);
    }
}

impl CodeEditor {
    /// Does it. Gives whether the text is another one now.
    pub fn apply(&mut self, command: Edit) -> bool {
        let before = self.revision;
        match command {
            Edit::Type(c) => self.type_character(c),
            Edit::Newline => self.newline(),
            Edit::Indent => self.indent(),
            Edit::Dedent => self.edit_lines(dedented),
            Edit::DeleteBefore => self.delete_before(),
            Edit::DeleteAfter => self.step(Kind::Deleting, |area| usize::from(area.delete_next_char())),
            Edit::DeleteWord => self.step(Kind::Other, |area| usize::from(area.delete_word())),
            Edit::DeleteLine => self.delete_line(),
            Edit::ToggleComment => self.toggle_comment(),
            Edit::Move(motion) => self.go(motion, false),
            Edit::Select(motion) => self.go(motion, true),
            Edit::SelectAll => self.area.select_all(),
            Edit::Undo => self.undo(),
            Edit::Redo => self.redo(),
            Edit::Paste(text) => {
                let text = unify_line_ends(&text);
                self.step(Kind::Other, |area| remove_selection(area) + usize::from(area.insert_str(&text)));
            }
        }
        self.revision != before
    }

    /// The selected text.
    pub fn selected_text(&self) -> Option<&str> {
        let ((row, column), (end_row, end_column)) = self.area.selection_range()?;
        let text = &self.text[self.byte_of(row, column)..self.byte_of(end_row, end_column)];
        (!text.is_empty()).then_some(text)
    }

    /// Deletes the selection and gives it.
    pub fn cut(&mut self) -> Option<String> {
        let text = self.selected_text()?.to_owned();
        self.step(Kind::Other, remove_selection);
        Some(text)
    }

    /// Runs a change of the text area that gives how many single changes it made.
    pub(super) fn step(&mut self, kind: Kind, change: impl FnOnce(&mut TextArea<'static>) -> usize) {
        let changes = change(&mut self.area);
        if changes > 0 {
            self.history.record(kind, changes);
            self.changed();
        }
    }

    fn undo(&mut self) {
        self.history.close();
        if let Some(changes) = self.history.done.pop() {
            (0..changes).for_each(|_| _ = self.area.undo());
            self.history.undone.push(changes);
            self.changed();
        }
    }

    fn redo(&mut self) {
        if let Some(changes) = self.history.undone.pop() {
            (0..changes).for_each(|_| _ = self.area.redo());
            self.history.done.push(changes);
            self.changed();
        }
    }

    fn type_character(&mut self, c: char) {
        if c == '\n' || c == '\r' {
            return self.newline();
        }
        self.step(Kind::Typing, |area| {
            let removed = remove_selection(area);
            area.insert_char(c);
            removed + 1
        });
        if c == ' ' {
            self.history.close(); // undo goes back word by word
        }
    }

    /// A new line starts where the present one does: one level deeper after a colon or an open bracket, one less deep
    /// after what ends a block.
    fn newline(&mut self) {
        let (row, column) = self.area.selection_range().map_or_else(|| self.cursor(), |(start, _)| start);
        let line: String = self.area.lines()[row].chars().take(column).collect();
        let mut indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        let code = line.split('#').next().unwrap_or_default().trim_end();
        let deeper = match self.language {
            Language::Python => code.ends_with([':', '(', '[', '{']),
            Language::Json => code.ends_with(['[', '{']),
        };
        let ends_block = ["return", "pass", "break", "continue", "raise"]
            .iter()
            .any(|word| code.trim_start().strip_prefix(word).is_some_and(|rest| !rest.starts_with(is_word)));
        if deeper {
            indent.push_str(if indent.contains('\t') { "\t" } else { "    " });
        } else if self.language == Language::Python && ends_block && indent.ends_with("    ") {
            indent.truncate(indent.len() - INDENT);
        }
        self.step(Kind::Other, |area| {
            let removed = remove_selection(area);
            area.insert_newline();
            removed + 1 + usize::from(area.insert_str(&indent))
        });
    }

    fn indent(&mut self) {
        let selected_rows = self.area.selection_range().is_some_and(|((first, _), (last, _))| first != last);
        if selected_rows {
            return self.edit_lines(|line| (!line.is_empty()).then(|| format!("{}{line}", " ".repeat(INDENT))));
        }
        let (row, column) = self.area.selection_range().map_or_else(|| self.cursor(), |(start, _)| start);
        let column = view::screen_column(&self.area.lines()[row], column);
        let blanks = " ".repeat(INDENT - column % INDENT);
        self.step(Kind::Other, |area| remove_selection(area) + usize::from(area.insert_str(&blanks)));
    }

    /// In the blanks before a line's text one level goes, elsewhere one character.
    fn delete_before(&mut self) {
        let (row, column) = self.cursor();
        let in_blanks = column > 0 && self.area.lines()[row].chars().take(column).all(|c| c == ' ');
        let count = if in_blanks && !self.area.is_selecting() { (column - 1) % INDENT + 1 } else { 1 };
        self.step(Kind::Deleting, |area| (0..count).filter(|_| area.delete_char()).count());
    }

    fn delete_line(&mut self) {
        let (row, _) = self.cursor();
        let last = row + 1 == self.line_count();
        self.area.cancel_selection();
        self.move_to(row, 0);
        self.step(Kind::Other, |area| {
            let emptied = usize::from(area.delete_line_by_end());
            // At the start of an emptied line: the line end after it, or before it at the text's end.
            emptied + usize::from(if last { area.delete_newline() } else { area.delete_next_char() })
        });
    }

    fn toggle_comment(&mut self) {
        if self.language != Language::Python {
            return;
        }
        let rows = self.rows_of_selection();
        let lines = &self.area.lines()[rows];
        let commented =
            lines.iter().filter(|line| !line.trim().is_empty()).all(|line| line.trim_start().starts_with('#'));
        let shallowest = lines
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| line.len() - line.trim_start().len())
            .min()
            .unwrap_or(0);
        self.edit_lines(|line| {
            if line.trim().is_empty() {
                return None;
            }
            if commented {
                let (blanks, code) = line.split_at(line.find('#')?);
                let code = code.trim_start_matches('#');
                return Some(format!("{blanks}{}", code.strip_prefix(' ').unwrap_or(code)));
            }
            let (blanks, code) = line.split_at(shallowest);
            Some(format!("{blanks}# {code}"))
        });
    }

    fn rows_of_selection(&self) -> std::ops::Range<usize> {
        match self.area.selection_range() {
            // A selection that ends at the start of a line does not mean that line.
            Some(((first, _), (last, column))) => first..if column == 0 && last > first { last } else { last + 1 },
            None => self.cursor().0..self.cursor().0 + 1,
        }
    }

    /// Changes each line of the selection (or the cursor's) as one step; the selection stays on those lines.
    fn edit_lines(&mut self, change: impl Fn(&str) -> Option<String>) {
        let rows = self.rows_of_selection();
        let (cursor, selected) = (self.cursor(), self.area.is_selecting());
        let edited: Vec<(usize, String)> =
            rows.clone().filter_map(|row| Some((row, change(&self.area.lines()[row])?))).collect();
        if edited.is_empty() {
            return;
        }
        let length = |editor: &Self, row: usize| editor.area.lines()[row].chars().count();
        let before = length(self, cursor.0);
        self.area.cancel_selection();
        let mut changes = 0;
        for (row, line) in edited {
            self.move_to(row, 0);
            changes += usize::from(self.area.delete_line_by_end());
            changes += usize::from(self.area.insert_str(&line));
        }
        self.step(Kind::Other, |_| changes);
        self.history.close();
        if selected {
            self.move_to(rows.start, 0);
            self.area.start_selection();
            self.move_to(rows.end - 1, usize::MAX);
        } else {
            let after = length(self, cursor.0);
            self.move_to(cursor.0, (cursor.1 + after).saturating_sub(before));
        }
        self.follow_cursor();
    }

    fn go(&mut self, motion: Motion, select: bool) {
        self.history.close();
        if !select {
            // Left and right of a selection go to its ends, as in every modeless editor.
            if let (Some((start, end)), Motion::Left | Motion::Right) = (self.area.selection_range(), motion)
                && start != end
            {
                let (row, column) = if motion == Motion::Left { start } else { end };
                return self.jump(row, column);
            }
            self.area.cancel_selection();
        } else if !self.area.is_selecting() {
            self.area.start_selection();
        }
        let page = usize::from(self.size.height).saturating_sub(1).max(1);
        match motion {
            Motion::Up => self.go_rows(1, true),
            Motion::Down => self.go_rows(1, false),
            Motion::PageUp => self.go_rows(page, true),
            Motion::PageDown => self.go_rows(page, false),
            _ => {
                let (row, column) = self.target(motion);
                self.move_to(row, column);
                self.goal = None;
            }
        }
        self.follow_cursor();
    }

    fn target(&self, motion: Motion) -> (usize, usize) {
        let (row, column) = self.cursor();
        let lines = self.area.lines();
        let length = |row: usize| lines[row].chars().count();
        match motion {
            Motion::Left if column > 0 => (row, column - 1),
            Motion::Left | Motion::WordLeft if column == 0 => {
                if row > 0 {
                    (row - 1, length(row - 1))
                } else {
                    (0, 0)
                }
            }
            Motion::Right if column < length(row) => (row, column + 1),
            Motion::Right | Motion::WordRight if column >= length(row) => {
                if row + 1 < lines.len() {
                    (row + 1, 0)
                } else {
                    (row, column)
                }
            }
            Motion::WordLeft => (row, word_start(&lines[row], column)),
            Motion::WordRight => (row, word_end(&lines[row], column)),
            Motion::LineStart => {
                let indent = lines[row].chars().take_while(|c| c.is_whitespace()).count();
                (row, if column == indent { 0 } else { indent })
            }
            Motion::LineEnd => (row, length(row)),
            Motion::Start => (0, 0),
            Motion::End => (lines.len() - 1, length(lines.len() - 1)),
            _ => (row, column),
        }
    }

    fn go_rows(&mut self, count: usize, up: bool) {
        let (row, column) = self.cursor();
        let lines = self.area.lines();
        let goal = self.goal.unwrap_or_else(|| view::screen_column(&lines[row], column));
        let last = lines.len() - 1;
        let next = if up { row.saturating_sub(count) } else { (row + count).min(last) };
        let column = if next == row {
            // At the first or last line there is nowhere to go but its end.
            if up { 0 } else { lines[row].chars().count() }
        } else {
            view::column_at(&lines[next], goal)
        };
        self.move_to(next, column);
        self.goal = Some(goal);
    }
}

fn remove_selection(area: &mut TextArea<'static>) -> usize {
    match area.selection_range() {
        Some((start, end)) if start != end => usize::from(area.delete_char()),
        _ => {
            area.cancel_selection();
            0
        }
    }
}

fn dedented(line: &str) -> Option<String> {
    let blanks = line.bytes().take(INDENT).take_while(|byte| *byte == b' ').count();
    let cut = if line.starts_with('\t') { 1 } else { blanks };
    (cut > 0).then(|| line[cut..].to_owned())
}

fn word_start(line: &str, column: usize) -> usize {
    let before: Vec<char> = line.chars().take(column).collect();
    let mut at = before.len();
    while at > 0 && !is_word(before[at - 1]) {
        at -= 1;
    }
    while at > 0 && is_word(before[at - 1]) {
        at -= 1;
    }
    at
}

fn word_end(line: &str, column: usize) -> usize {
    let mut at = column;
    let mut rest = line.chars().skip(column).peekable();
    while rest.next_if(|c| !is_word(*c)).is_some() {
        at += 1;
    }
    while rest.next_if(|c| is_word(*c)).is_some() {
        at += 1;
    }
    at
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
