//! Turns frames into bytes: only what changed, as few as possible, and none where nothing did.
//!
//! It keeps what the terminal shows. A frame whose rows moved together becomes a scroll of that region, the rest is
//! painted cell by cell. Every style is written from scratch or as an addition, never through crossterm, whose
//! `NO_COLOR` handling writes `ESC[;m` and takes the reversed selection away with the colours.

use ratatui::{
    buffer::{Buffer, Cell},
    layout::{Position, Rect},
    style::{Color, Modifier},
};
use std::io::Write as _;
use unicode_width::UnicodeWidthStr;

/// Frames of fewer bytes arrive in one piece anyway; longer ones are wrapped in a synchronized update.
const SMALL_FRAME: usize = 256;
/// The farthest scroll that is looked for, rows.
const FARTHEST: usize = 4;
/// Cells that a scroll must save to be worth its own bytes.
const SCROLL_COST: usize = 24;

const BEGIN_SYNC: &[u8] = b"\x1b[?2026h";
const END_SYNC: &[u8] = b"\x1b[?2026l";

/// The styles that a pen has.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Pen {
    const PLAIN: Self = Self { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

    const fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, modifier: cell.modifier }
    }
}

/// What the terminal shows, and the bytes of the next frame.
pub struct Painter {
    shown: Buffer,
    /// Room for the frame to come.
    next: Buffer,
    /// Where the terminal's cursor is, where that is known.
    at: Option<Position>,
    cursor: Option<Position>,
    pen: Pen,
    out: Vec<u8>,
    colour: bool,
    /// The screen must be cleared first: its content is unknown.
    unknown: bool,
}

impl Painter {
    /// A painter of a screen whose content is unknown. Without `colour`, no colour is ever sent.
    pub fn new(area: Rect, colour: bool) -> Self {
        Self {
            shown: Buffer::empty(area),
            next: Buffer::empty(area),
            at: None,
            cursor: None,
            pen: Pen::PLAIN,
            out: Vec::with_capacity(16 * 1024),
            colour,
            unknown: true,
        }
    }

    /// The next frame clears the screen and paints everything.
    pub fn forget(&mut self) {
        self.unknown = true;
    }

    /// The bytes that turn what is shown into `frame`, with the cursor there or hidden; empty where nothing changed.
    pub fn paint(&mut self, frame: &Buffer, cursor: Option<Position>) -> &[u8] {
        self.out.clear();
        let mut next = std::mem::take(&mut self.next);
        next.area = frame.area;
        next.content.clone_from(&frame.content);
        split_halves(&mut next);
        if self.unknown || self.shown.area != next.area {
            self.out.extend_from_slice(b"\x1b[?25l\x1b[m\x1b[2J");
            self.shown = Buffer::empty(next.area);
            (self.at, self.cursor, self.pen, self.unknown) = (None, None, Pen::PLAIN, false);
        }
        if self.shown.content != next.content {
            // A cursor that jumps over the screen while it is painted flickers.
            if self.cursor.take().is_some() {
                self.out.extend_from_slice(b"\x1b[?25l");
            }
            self.scroll(&next);
            for y in 0..next.area.height {
                self.row(&next, y);
            }
            self.set_pen(Pen::PLAIN);
            std::mem::swap(&mut self.shown, &mut next);
        }
        self.next = next;
        if cursor != self.cursor {
            match cursor {
                Some(position) => {
                    self.move_to(position.x, position.y);
                    if self.cursor.is_none() {
                        self.out.extend_from_slice(b"\x1b[?25h");
                    }
                }
                None => self.out.extend_from_slice(b"\x1b[?25l"),
            }
            self.cursor = cursor;
        }
        if self.out.len() > SMALL_FRAME {
            self.out.splice(0..0, BEGIN_SYNC.iter().copied());
            self.out.extend_from_slice(END_SYNC);
        }
        &self.out
    }

    /// Scrolls a region of whole rows where that leaves fewer cells to paint.
    fn scroll(&mut self, next: &Buffer) {
        let (width, height) = (usize::from(next.area.width), usize::from(next.area.height));
        let row = |y: usize| y * width..(y + 1) * width;
        let (old, new) = (&self.shown.content, &next.content);
        let same = |y: &usize| old[row(*y)] == new[row(*y)];
        let Some(first) = (0..height).find(|y| !same(y)) else { return };
        let last = (first..height).rev().find(|y| !same(y)).unwrap_or(first);
        if last - first < FARTHEST {
            return;
        }
        let differ = |a: &[Cell], b: &[Cell]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        let blank = vec![Cell::default(); width];
        let plain: usize = (first..=last).map(|y| differ(&old[row(y)], &new[row(y)])).sum();
        let mut best = (plain, 0_isize);
        for distance in 1..=FARTHEST as isize {
            for shift in [distance, -distance] {
                let mut cost = SCROLL_COST;
                for y in first..=last {
                    let from = y.checked_add_signed(shift).filter(|from| (first..=last).contains(from));
                    let before = from.map_or(&blank[..], |from| &old[row(from)]);
                    cost += differ(before, &new[row(y)]);
                    if cost >= best.0 {
                        break;
                    }
                }
                if cost < best.0 {
                    best = (cost, shift);
                }
            }
        }
        let shift = best.1;
        if shift == 0 {
            return;
        }
        self.set_pen(Pen::PLAIN);
        let direction = if shift > 0 { 'S' } else { 'T' };
        let count = shift.unsigned_abs();
        // Setting the region, and taking it away, moves the cursor.
        let _ = write!(self.out, "\x1b[{};{}r\x1b[{count}{direction}\x1b[r", first + 1, last + 1);
        self.at = None;
        let region = &mut self.shown.content[first * width..(last + 1) * width];
        if shift > 0 {
            region.rotate_left(count * width);
            let kept = region.len() - count * width;
            region[kept..].fill(Cell::default());
        } else {
            region.rotate_right(count * width);
            region[..count * width].fill(Cell::default());
        }
    }

    /// Paints the cells of a row that changed.
    fn row(&mut self, next: &Buffer, y: u16) {
        let width = usize::from(next.area.width);
        let start = usize::from(y) * width;
        let new = &next.content[start..start + width];
        if self.shown.content[start..start + width] == *new {
            return;
        }
        // What stands behind a wide character that goes away was never painted.
        let mut changed = vec![false; width];
        let mut x = 0;
        while x < width {
            let old = &self.shown.content[start + x];
            let (old_width, new_width) = (columns(old), columns(&new[x]));
            if *old != new[x] {
                let until = (x + old_width.max(new_width)).min(width);
                changed[x..until].fill(true);
            }
            x += 1;
        }
        let end = blank_from(new);
        let mut x = 0;
        while x < width {
            let step = columns(&new[x]).max(1);
            if !changed[x] {
                x += step;
                continue;
            }
            if x >= end && self.erase_is_shorter(start, x, width) {
                self.move_to(x as u16, y);
                self.set_pen(Pen::PLAIN);
                self.out.extend_from_slice(b"\x1b[K");
                return;
            }
            self.approach(new, x as u16, y);
            self.set_pen(Pen::of(&new[x]));
            let symbol = new[x].symbol();
            self.out.extend_from_slice(if symbol.is_empty() { b" " } else { symbol.as_bytes() });
            let after = x + step;
            // Behind the last column terminals disagree on where the cursor is.
            self.at = (after < width).then_some(Position { x: after as u16, y });
            x = after;
        }
    }

    /// Whether clearing the rest of the row takes fewer bytes than painting its blanks.
    fn erase_is_shorter(&self, start: usize, x: usize, width: usize) -> bool {
        self.shown.content[start + x..start + width].iter().filter(|cell| **cell != Cell::default()).count() > 3
    }

    /// Moves to a cell of the row: over a few unchanged cells it is shorter to write them again.
    fn approach(&mut self, new: &[Cell], x: u16, y: u16) {
        if let Some(at) = self.at
            && at.y == y
            && at.x < x
            && x - at.x <= 3
        {
            let between = &new[usize::from(at.x)..usize::from(x)];
            if between.iter().all(|cell| Pen::of(cell) == self.pen && cell.symbol().len() == 1) {
                for cell in between {
                    self.out.extend_from_slice(cell.symbol().as_bytes());
                }
                self.at = Some(Position { x, y });
                return;
            }
        }
        self.move_to(x, y);
    }

    fn move_to(&mut self, x: u16, y: u16) {
        let _ = match self.at {
            Some(at) if at.x == x && at.y == y => return,
            Some(at) if at.y == y && at.x < x && x - at.x == 1 => write!(self.out, "\x1b[C"),
            Some(at) if at.y == y && at.x < x => write!(self.out, "\x1b[{}C", x - at.x),
            Some(at) if x == 0 && at.y.checked_add(1) == Some(y) => write!(self.out, "\r\n"),
            _ if x == 0 => write!(self.out, "\x1b[{}H", y + 1),
            _ => write!(self.out, "\x1b[{};{}H", y + 1, x + 1),
        };
        self.at = Some(Position { x, y });
    }

    /// Changes the pen: by adding to it where that is enough, else from scratch.
    fn set_pen(&mut self, mut pen: Pen) {
        if !self.colour {
            (pen.fg, pen.bg) = (Color::Reset, Color::Reset);
        }
        if pen == self.pen {
            return;
        }
        if pen == Pen::PLAIN {
            self.out.extend_from_slice(b"\x1b[m");
            self.pen = pen;
            return;
        }
        self.out.extend_from_slice(b"\x1b[");
        let from = if pen.modifier.contains(self.pen.modifier) {
            self.pen
        } else {
            self.out.extend_from_slice(b"0;");
            Pen::PLAIN
        };
        for (modifier, code) in MODIFIERS {
            if pen.modifier.contains(modifier) && !from.modifier.contains(modifier) {
                let _ = write!(self.out, "{code};");
            }
        }
        if pen.fg != from.fg {
            colour(&mut self.out, pen.fg, 30);
        }
        if pen.bg != from.bg {
            colour(&mut self.out, pen.bg, 40);
        }
        if let Some(last) = self.out.last_mut() {
            *last = b'm';
        }
        self.pen = pen;
    }
}

const MODIFIERS: [(Modifier, u8); 9] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::RAPID_BLINK, 6),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

/// Writes the codes of a colour with a `;` behind; `base` is 30 for text, 40 for the background.
fn colour(out: &mut Vec<u8>, colour: Color, base: u8) {
    let _ = match colour {
        Color::Reset => write!(out, "{};", base + 9),
        Color::Black => write!(out, "{base};"),
        Color::Red => write!(out, "{};", base + 1),
        Color::Green => write!(out, "{};", base + 2),
        Color::Yellow => write!(out, "{};", base + 3),
        Color::Blue => write!(out, "{};", base + 4),
        Color::Magenta => write!(out, "{};", base + 5),
        Color::Cyan => write!(out, "{};", base + 6),
        Color::Gray => write!(out, "{};", base + 7),
        Color::DarkGray => write!(out, "{};", base + 60),
        Color::LightRed => write!(out, "{};", base + 61),
        Color::LightGreen => write!(out, "{};", base + 62),
        Color::LightYellow => write!(out, "{};", base + 63),
        Color::LightBlue => write!(out, "{};", base + 64),
        Color::LightMagenta => write!(out, "{};", base + 65),
        Color::LightCyan => write!(out, "{};", base + 66),
        Color::White => write!(out, "{};", base + 67),
        Color::Indexed(index) => write!(out, "{};5;{index};", base + 8),
        Color::Rgb(r, g, b) => write!(out, "{};2;{r};{g};{b};", base + 8),
    };
}

/// Columns that a cell's symbol takes.
fn columns(cell: &Cell) -> usize {
    let symbol = cell.symbol();
    if symbol.len() == 1 { 1 } else { symbol.width() }
}

/// Blanks every wide character whose second half something else was drawn over, or that stands in the last column.
fn split_halves(buffer: &mut Buffer) {
    let width = usize::from(buffer.area.width).max(1);
    for row in buffer.content.chunks_mut(width) {
        let mut x = 0;
        while x < row.len() {
            let size = columns(&row[x]).max(1);
            let whole = x + size <= row.len() && row[x + 1..x + size].iter().all(|half| half.symbol() == " ");
            if size > 1 && !whole {
                row[x].set_symbol(" ");
                x += 1;
            } else {
                x += size;
            }
        }
    }
}

/// The column from which a row is blank to its end.
fn blank_from(row: &[Cell]) -> usize {
    row.iter().rposition(|cell| *cell != Cell::default()).map_or(0, |last| last + columns(&row[last]).max(1))
}

#[cfg(test)]
#[path = "painter_tests.rs"]
mod tests;
