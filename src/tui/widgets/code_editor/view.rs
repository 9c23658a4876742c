//! Draws an editor: line numbers, coloured code, marks for what would be invisible.

use super::{CodeEditor, Token};
use crate::domain::text::{is_hidden, mark};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};
use std::ops::Range;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns between tab stops.
const TAB: usize = 4;

/// How the parts of code look.
#[derive(Clone, Copy, Debug, Default)]
pub struct CodeStyles {
    /// Code that is nothing else.
    pub text: Style,
    /// [`Token::Keyword`].
    pub keyword: Style,
    /// [`Token::String`].
    pub string: Style,
    /// [`Token::Escape`].
    pub escape: Style,
    /// [`Token::Comment`].
    pub comment: Style,
    /// [`Token::Number`].
    pub number: Style,
    /// [`Token::Constant`].
    pub constant: Style,
    /// [`Token::Function`].
    pub function: Style,
    /// [`Token::Type`].
    pub kind: Style,
    /// [`Token::Key`].
    pub key: Style,
    /// Marks of hidden characters and tabs.
    pub mark: Style,
    /// What Python will not accept.
    pub problem: Style,
    /// The sign and the number of a line with a problem.
    pub sign: Style,
    /// The two brackets of a pair.
    pub bracket: Style,
    /// Selected text.
    pub selection: Style,
    /// Places of what is looked for.
    pub found: Style,
    /// Line numbers.
    pub line_number: Style,
    /// The number of the cursor's line.
    pub current_line: Style,
}

impl CodeStyles {
    fn of(&self, token: Token) -> Style {
        match token {
            Token::Keyword => self.keyword,
            Token::String => self.string,
            Token::Escape => self.escape,
            Token::Comment => self.comment,
            Token::Number => self.number,
            Token::Constant => self.constant,
            Token::Function => self.function,
            Token::Type => self.kind,
            Token::Key => self.key,
        }
    }
}

impl CodeEditor {
    /// Draws the window of the text. Gives where the terminal's cursor belongs.
    pub fn render(&self, area: Rect, buffer: &mut Buffer, styles: &CodeStyles) -> Option<Position> {
        if area.is_empty() {
            return None;
        }
        let (top, left) = self.window(area.as_size());
        let gutter = self.gutter();
        let lines = self.area.lines();
        let rows = top..(top + usize::from(area.height)).min(lines.len());
        let (cursor_row, cursor_column) = self.cursor();
        let tokens = self.tokens(rows.clone());
        let pair = self.bracket_bytes();
        let selection = self.area.selection_range();
        let mut token = tokens.iter().peekable();
        let mut start = self.byte_of(rows.start, 0);
        for (row, y) in rows.zip(area.top()..) {
            let line = &lines[row];
            self.render_gutter(row, Rect { y, height: 1, ..area }, buffer, styles);
            let found: Vec<Range<usize>> = self.find.on_row(row).collect();
            let selected = selected_columns(selection, row, line.chars().count());
            let text_area =
                Rect { x: area.x + (gutter as u16).min(area.width), y, height: 1, ..area }.intersection(area);
            let mut column = 0;
            for (index, (offset, c)) in line.char_indices().enumerate() {
                let byte = start + offset;
                while token.next_if(|(range, _)| range.end <= byte).is_some() {}
                let mut style = token
                    .peek()
                    .filter(|(range, _)| range.contains(&byte))
                    .map_or(styles.text, |(_, token)| styles.text.patch(styles.of(*token)));
                if self.problems().iter().any(|problem| problem.range.contains(&byte)) {
                    style = style.patch(styles.problem);
                }
                if pair.contains(&Some(byte)) {
                    style = style.patch(styles.bracket);
                }
                if found.iter().any(|place| place.contains(&index)) {
                    style = style.patch(styles.found);
                }
                if selected.contains(&index) {
                    style = style.patch(styles.selection);
                }
                column += put(c, column, left, style, styles.mark, text_area, buffer);
            }
            // A selected line end shows as one selected blank, so that an empty line can be seen to be selected.
            if selected.end > line.chars().count() {
                put(' ', column, left, styles.selection, styles.mark, text_area, buffer);
            }
            start += line.len() + 1;
        }
        let column = screen_column(&lines[cursor_row], cursor_column).checked_sub(left)? + gutter;
        let position = Position {
            x: area.x + u16::try_from(column).ok()?,
            y: area.y + u16::try_from(cursor_row.checked_sub(top)?).ok()?,
        };
        area.contains(position).then_some(position)
    }

    /// Where in the text (row, column) a cell of the window stands; for the mouse.
    pub fn place_at(&self, area: Rect, position: Position) -> Option<(usize, usize)> {
        if !area.contains(position) {
            return None;
        }
        let (top, left) = self.window(area.as_size());
        let row = (top + usize::from(position.y - area.y)).min(self.line_count() - 1);
        let column = usize::from(position.x - area.x).saturating_sub(self.gutter()) + left;
        Some((row, column_at(&self.area.lines()[row], column)))
    }

    /// Puts the cursor where the mouse was pressed.
    pub fn click(&mut self, area: Rect, position: Position) {
        if let Some((row, column)) = self.place_at(area, position) {
            self.jump(row, column);
        }
    }

    fn render_gutter(&self, row: usize, area: Rect, buffer: &mut Buffer, styles: &CodeStyles) {
        let width = self.gutter() - 2;
        let (sign, style) = if self.failed_row == Some(row) {
            ('►', styles.sign)
        } else if self.problems().iter().any(|problem| problem.row == row) {
            ('!', styles.sign)
        } else if self.cursor().0 == row {
            (' ', styles.current_line)
        } else {
            (' ', styles.line_number)
        };
        buffer.set_stringn(area.x, area.y, format!("{sign}{:>width$}", row + 1), usize::from(area.width), style);
    }

    fn bracket_bytes(&self) -> [Option<usize>; 2] {
        let (row, column) = self.cursor();
        match self.syntax.bracket_pair(self.byte_of(row, column)) {
            Some((at, Some(partner))) => [Some(at), Some(partner)],
            _ => [None, None],
        }
    }
}

/// The selected columns (characters) of a row; one more than it has where its line end is selected.
fn selected_columns(selection: Option<((usize, usize), (usize, usize))>, row: usize, length: usize) -> Range<usize> {
    let Some(((first, from), (last, to))) = selection else { return 0..0 };
    if !(first..=last).contains(&row) {
        return 0..0;
    }
    let start = if row == first { from } else { 0 };
    start..if row == last { to } else { length + 1 }
}

/// Draws one character (or what stands for it) at a screen column of its line. Gives the columns it takes.
fn put(c: char, column: usize, left: usize, style: Style, marks: Style, area: Rect, buffer: &mut Buffer) -> usize {
    let width = width_of(c, column);
    let place = |at: usize| {
        let x = area.x + u16::try_from(at.checked_sub(left)?).ok()?;
        (x < area.right()).then_some(Position { x, y: area.y })
    };
    if is_marked(c) || c == '\t' {
        let text = if c == '\t' { format!("→{}", " ".repeat(width - 1)) } else { mark(c) };
        for (offset, shown) in text.chars().enumerate() {
            if let Some(cell) = place(column + offset).and_then(|at| buffer.cell_mut(at)) {
                cell.set_char(shown).set_style(style.patch(marks));
            }
        }
    } else if width == 0 {
        // A combining mark belongs to the cell of the character before it.
        let base = |back: usize| column.checked_sub(back).and_then(place);
        let wide = base(2).is_some_and(|at| buffer[at].symbol().width() == 2);
        if let Some(cell) = base(if wide { 2 } else { 1 }).and_then(|at| buffer.cell_mut(at))
            && cell.symbol().chars().count() < 5
        {
            let symbol = format!("{}{c}", cell.symbol());
            cell.set_symbol(&symbol);
        }
    } else if let (Some(first), Some(last)) = (place(column), place(column + width - 1)) {
        buffer[first].set_char(c).set_style(style);
        if width == 2 {
            buffer[last].reset();
            buffer[last].set_style(style);
        }
    }
    width
}

/// Whether a character is shown as a mark: what is hidden, and blanks that Python does not take for blanks.
pub(super) fn is_marked(c: char) -> bool {
    (c != '\t' && is_hidden(c)) || (c.is_whitespace() && !matches!(c, ' ' | '\t'))
}

/// Columns that a character takes when it stands at `column`.
fn width_of(c: char, column: usize) -> usize {
    match c {
        '\t' => TAB - column % TAB,
        _ if is_marked(c) => mark(c).chars().count(),
        _ => c.width().unwrap_or(0),
    }
}

/// The screen column where the character number `column` of a line starts.
pub(super) fn screen_column(line: &str, column: usize) -> usize {
    line.chars().take(column).fold(0, |at, c| at + width_of(c, at))
}

/// The number of the character that stands at a screen column of a line (its end, beyond it).
pub(super) fn column_at(line: &str, screen: usize) -> usize {
    let mut at = 0;
    for (index, c) in line.chars().enumerate() {
        at += width_of(c, at);
        if at > screen {
            return index;
        }
    }
    line.chars().count()
}
