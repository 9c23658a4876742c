//! Turns frames into bytes: only what changed, as few as possible, and none where nothing did.
//!
//! It keeps what the terminal shows, as plain numbers. A frame whose rows moved together becomes a scroll of that region, the rest is
//! painted cell by cell. Every style is written from scratch or as an addition, never through crossterm, whose
//! `NO_COLOR` handling writes `ESC[;m` and takes the reversed selection away with the colours.

use super::packed_cell::{self, PackedCell};
use ratatui::{
    buffer::{Buffer, Cell},
    layout::{Position, Rect},
    style::{Color, Modifier},
};
use std::{cmp::Reverse, io::Write as _};

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
    area: Rect,
    shown: Vec<PackedCell>,
    /// The frame to come.
    next: Vec<PackedCell>,
    /// Where the terminal's cursor is, where that is known.
    at: Option<Position>,
    cursor: Option<Position>,
    pen: Pen,
    out: Vec<u8>,
    colour: bool,
    /// The screen must be cleared first: its content is unknown.
    unknown: bool,
}

/// Where a frame differs from what is shown.
#[derive(Default)]
struct Changes {
    /// The rows, each with its first and its last column that changed.
    rows: Vec<(usize, usize, usize)>,
    /// How many cells.
    cells: usize,
}

impl Painter {
    /// A painter of a screen whose content is unknown. Without `colour`, no colour is ever sent.
    pub fn new(area: Rect, colour: bool) -> Self {
        Self {
            area,
            shown: Vec::new(),
            next: Vec::new(),
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
        let width = usize::from(frame.area.width).max(1);
        if self.unknown || self.area != frame.area {
            self.out.extend_from_slice(b"\x1b[?25l\x1b[m\x1b[2J");
            self.area = frame.area;
            for packed in [&mut self.shown, &mut self.next] {
                packed.clear();
                packed.resize(frame.content.len(), PackedCell::BLANK);
            }
            (self.at, self.cursor, self.pen, self.unknown) = (None, None, Pen::PLAIN, false);
        }
        for (cells, packed) in frame.content.chunks(width).zip(self.next.chunks_mut(width)) {
            packed_cell::pack(cells, packed);
        }
        let changes = self.compare();
        if let (Some((first, ..)), Some((last, ..))) = (changes.rows.first(), changes.rows.last()) {
            // A cursor that jumps over the screen while it is painted flickers.
            if self.cursor.take().is_some() {
                self.out.extend_from_slice(b"\x1b[?25l");
            }
            self.scroll(&changes, *first, *last);
            let (shown, next) = (std::mem::take(&mut self.shown), std::mem::take(&mut self.next));
            for y in *first..=*last {
                let row = y * width..(y + 1) * width;
                if shown[row.clone()] != next[row.clone()] {
                    self.row(&shown[row.clone()], &next[row.clone()], &frame.content[row], y as u16);
                }
            }
            (self.shown, self.next) = (next, shown);
            self.set_pen(Pen::PLAIN);
        }
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

    /// Where the next frame differs from what is shown.
    fn compare(&self) -> Changes {
        let width = usize::from(self.area.width).max(1);
        let mut changes = Changes::default();
        for (y, (old, new)) in self.shown.chunks(width).zip(self.next.chunks(width)).enumerate() {
            let Some(first) = old.iter().zip(new).position(|(old, new)| old != new) else { continue };
            let last = old.iter().zip(new).rposition(|(old, new)| old != new).unwrap_or(first);
            changes.rows.push((y, first, last));
            changes.cells += differ(&old[first..=last], &new[first..=last]);
        }
        changes
    }

    /// Scrolls a region of whole rows where that leaves fewer cells to paint.
    fn scroll(&mut self, changes: &Changes, first: usize, last: usize) {
        if last - first < FARTHEST {
            return;
        }
        let width = usize::from(self.area.width);
        let (old, new) = (&self.shown, &self.next);
        let row = |y: usize| y * width..(y + 1) * width;
        // How many rows moved so far, and from the top to the bottom of where they were and are. A row is only looked
        // at where it changed: most distances fail at its first cells.
        let moved = |shift: isize| {
            let from = |y: usize| y.checked_add_signed(shift).filter(|from| (first..=last).contains(from));
            changes.rows.iter().fold((0, last, first), |found, (y, left, right)| match (found, from(*y)) {
                ((count, top, bottom), Some(from))
                    if old[row(from)][*left..=*right] == new[row(*y)][*left..=*right] =>
                {
                    (count + 1, top.min(*y).min(from), bottom.max(*y).max(from))
                }
                _ => found,
            })
        };
        let distances = (1..=FARTHEST as isize).flat_map(|distance| [distance, -distance]);
        let nearest = distances.map(|shift| (moved(shift), shift)).min_by_key(|((count, ..), _)| Reverse(*count));
        let Some(((1.., top, bottom), shift)) = nearest else { return };
        let blank = vec![PackedCell::BLANK; width];
        let before = |y: usize| match y.checked_add_signed(shift) {
            _ if !(top..=bottom).contains(&y) => &old[row(y)],
            Some(from) if (top..=bottom).contains(&from) => &old[row(from)],
            _ => &blank,
        };
        let left: usize = (first..=last).map(|y| differ(before(y), &new[row(y)])).sum();
        if left + SCROLL_COST >= changes.cells {
            return;
        }
        self.set_pen(Pen::PLAIN);
        let direction = if shift > 0 { 'S' } else { 'T' };
        let count = shift.unsigned_abs();
        // Setting the region, and taking it away, moves the cursor.
        let _ = write!(self.out, "\x1b[{};{}r\x1b[{count}{direction}\x1b[r", top + 1, bottom + 1);
        self.at = None;
        let region = &mut self.shown[top * width..(bottom + 1) * width];
        if shift > 0 {
            region.copy_within(count * width.., 0);
            let kept = region.len() - count * width;
            region[kept..].fill(PackedCell::BLANK);
        } else {
            region.copy_within(..region.len() - count * width, count * width);
            region[..count * width].fill(PackedCell::BLANK);
        }
    }

    /// Paints the cells of a row that changed.
    fn row(&mut self, old: &[PackedCell], new: &[PackedCell], cells: &[Cell], y: u16) {
        let width = new.len();
        // What stands behind a wide character that goes away was never painted.
        let mut changed = vec![false; width];
        for x in 0..width {
            if old[x] != new[x] {
                let until = (x + old[x].width().max(new[x].width())).min(width);
                changed[x..until].fill(true);
            }
        }
        let end = new.iter().rposition(|cell| *cell != PackedCell::BLANK).map_or(0, |last| last + new[last].width());
        let mut x = 0;
        while x < width {
            if !changed[x] {
                x += new[x].width();
                continue;
            }
            // The rest is cleared where painting its blanks takes more.
            if x >= end && old[x..].iter().filter(|cell| **cell != PackedCell::BLANK).count() > 3 {
                self.move_to(x as u16, y);
                if !self.blanks() {
                    self.set_pen(Pen::PLAIN);
                }
                self.out.extend_from_slice(b"\x1b[K");
                return;
            }
            self.approach(new, cells, x as u16, y);
            self.put(new[x], &cells[x]);
            let after = x + new[x].width();
            // Behind the last column terminals disagree on where the cursor is.
            self.at = (after < width).then_some(Position { x: after as u16, y });
            x = after;
        }
    }

    /// Writes a cell where the cursor is.
    fn put(&mut self, packed: PackedCell, cell: &Cell) {
        if packed != PackedCell::BLANK {
            self.set_pen(Pen::of(cell));
        } else if !self.blanks() {
            self.set_pen(Pen::PLAIN);
        }
        packed.write(cell, &mut self.out);
    }

    /// Whether the pen writes blanks that look like nothing.
    fn blanks(&self) -> bool {
        packed_cell::shows_nothing_on_blank(self.pen.bg, self.pen.modifier)
    }

    /// Moves to a cell of the row: over a few unchanged cells it is shorter to write them again.
    fn approach(&mut self, new: &[PackedCell], cells: &[Cell], x: u16, y: u16) {
        if let Some(at) = self.at
            && at.y == y
            && at.x < x
            && x - at.x <= 3
        {
            let between = || usize::from(at.x)..usize::from(x);
            let fits = |x: usize| match new[x] {
                PackedCell::BLANK => self.blanks(),
                _ => Pen::of(&cells[x]) == self.pen && cells[x].symbol().len() == 1,
            };
            if between().all(fits) {
                between().for_each(|x| new[x].write(&cells[x], &mut self.out));
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

/// In how many cells two rows differ.
fn differ(a: &[PackedCell], b: &[PackedCell]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a != b).count()
}

#[cfg(test)]
#[path = "painter_tests.rs"]
mod tests;
