//! A line under construction: columns that can be written over, as a carriage return and a backspace ask.

use super::{
    MAX_COLUMNS, MAX_COMBINING, TAB,
    mark::{columns, is_hidden, mark},
};

/// A colour as SGR sequences name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// One of the terminal's 256, the first 16 being its palette.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How a span looks. What could hide text (concealed, blinking, reversed) is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TextStyle {
    /// Text colour.
    pub foreground: Option<Colour>,
    /// Background colour; never the text colour.
    pub background: Option<Colour>,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
}

/// A piece of one line in one style.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SafeSpan {
    /// Safe to send to a terminal.
    pub text: String,
    /// Its looks.
    pub style: TextStyle,
    /// Whether it stands for hidden characters rather than being text itself.
    pub mark: bool,
}

/// One line, safe to show.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SafeLine {
    /// From left to right.
    pub spans: Vec<SafeSpan>,
    /// Columns that it takes.
    pub width: usize,
}

impl SafeLine {
    /// The line without its looks.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// One column.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// `None` is the right half of a wide character.
    base: Option<char>,
    combining: [Option<char>; MAX_COMBINING],
    style: TextStyle,
    mark: bool,
}

const BLANK: Cell = Cell { base: Some(' '), combining: [None; MAX_COMBINING], style: PLAIN, mark: false };
const PLAIN: TextStyle =
    TextStyle { foreground: None, background: None, bold: false, dim: false, italic: false, underline: false };

/// A line that is being written, at most [`MAX_COLUMNS`] columns of it kept.
#[derive(Clone, Debug, Default)]
pub(super) struct FoldedLine {
    cells: Vec<Cell>,
    /// The next column to write; may lie beyond what is kept.
    column: usize,
    /// Where the newest character stands, for the combining marks that follow it.
    newest: Option<usize>,
    /// Whether something did not fit.
    cut: bool,
    pub(super) style: TextStyle,
}

impl FoldedLine {
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty() && !self.cut
    }

    /// The whole next line, where nothing was written yet and it holds printable ASCII only.
    pub(super) fn plain(&self, text: &str) -> Option<SafeLine> {
        let fresh = self.is_empty() && self.column == 0;
        if !fresh || text.len() > MAX_COLUMNS || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return None;
        }
        let span = SafeSpan { text: text.to_owned(), style: self.style, mark: false };
        let spans = if text.is_empty() { Vec::new() } else { vec![span] };
        Some(SafeLine { spans, width: text.len() })
    }

    pub(super) fn carriage_return(&mut self) {
        (self.column, self.newest) = (0, None);
    }

    pub(super) fn backspace(&mut self) {
        (self.column, self.newest) = (self.column.saturating_sub(1), None);
    }

    pub(super) fn tab(&mut self) {
        let stop = (self.column / TAB + 1) * TAB;
        while self.column < stop {
            self.write(' ', 1, false);
        }
    }

    /// Erases from the column to the end (0), from the start to the column (1), or all (2).
    pub(super) fn erase(&mut self, which: u8) {
        self.newest = None;
        match which {
            0 => self.truncate(self.column),
            1 => {
                let end = (self.column + 1).min(self.cells.len());
                (0..end).for_each(|at| self.blank(at));
            }
            _ => self.truncate(0),
        }
    }

    fn truncate(&mut self, length: usize) {
        if length < self.cells.len() {
            self.blank(length);
            self.cells.truncate(length);
        }
    }

    /// Writes a character, or its mark where it is a hidden one.
    pub(super) fn put_literal(&mut self, c: char) {
        if is_hidden(c) {
            self.put_mark(&mark(c));
        } else {
            match columns(c) {
                0 => self.combine(c),
                width => self.write(c, width, false),
            }
        }
    }

    /// Writes text that stands for something hidden.
    pub(super) fn put_mark(&mut self, text: &str) {
        text.chars().for_each(|c| self.write(c, 1, true));
        self.newest = None;
    }

    /// Puts a combining mark on the newest character; without one, or past the bound, it becomes visible itself.
    fn combine(&mut self, c: char) {
        if self.column > MAX_COLUMNS {
            self.cut = true;
            return;
        }
        let Some(cell) = self.newest.and_then(|at| self.cells.get_mut(at)) else {
            return self.put_mark(&mark(c));
        };
        if cell.mark {
            return; // the mark below already says that more follows
        }
        if let Some(free) = cell.combining.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(c);
            return;
        }
        self.put_mark("<more marks>");
        self.newest = Some(self.column - 1);
    }

    fn write(&mut self, c: char, width: usize, mark: bool) {
        let at = self.column;
        self.column = self.column.saturating_add(width);
        self.newest = None;
        if self.column > MAX_COLUMNS {
            self.cut = true;
            return;
        }
        while self.cells.len() < self.column {
            self.cells.push(BLANK);
        }
        (at..self.column).for_each(|place| self.blank(place));
        self.cells[at] = Cell { base: Some(c), combining: [None; MAX_COMBINING], style: self.style, mark };
        if width == 2 {
            self.cells[at + 1] = Cell { base: None, ..self.cells[at] };
        }
        self.newest = Some(at);
    }

    /// Blanks a column, and the other half of a wide character that stood on it.
    fn blank(&mut self, at: usize) {
        if self.cells[at].base.is_none() && at > 0 {
            self.cells[at - 1] = BLANK;
        }
        if let Some(next) = self.cells.get_mut(at + 1)
            && next.base.is_none()
        {
            *next = BLANK;
        }
        self.cells[at] = BLANK;
    }

    /// The line as it stands.
    pub(super) fn snapshot(&self) -> SafeLine {
        let mut line = SafeLine { spans: Vec::new(), width: self.cells.len() };
        for cell in &self.cells {
            let Some(base) = cell.base else { continue };
            if line.spans.last().is_none_or(|span| (span.style, span.mark) != (cell.style, cell.mark)) {
                line.spans.push(SafeSpan { text: String::new(), style: cell.style, mark: cell.mark });
            }
            if let Some(span) = line.spans.last_mut() {
                span.text.push(base);
                span.text.extend(cell.combining.iter().flatten());
            }
        }
        if self.cut {
            let text = "…<line cut>";
            line.width += columns('…') + text.len() - '…'.len_utf8();
            line.spans.push(SafeSpan { text: text.to_owned(), style: PLAIN, mark: true });
        }
        line
    }

    /// Ends the line: gives it and starts the next one, in the same style.
    pub(super) fn finish(&mut self) -> SafeLine {
        let line = self.snapshot();
        self.cells.clear();
        (self.column, self.newest, self.cut) = (0, None, false);
        line
    }
}
