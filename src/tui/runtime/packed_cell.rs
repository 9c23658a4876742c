//! The cells of a frame packed into plain numbers, which are compared and moved without looking into a string.

use ratatui::{
    buffer::Cell,
    style::{Color, Modifier},
};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use unicode_width::UnicodeWidthStr as _;

/// What shows on a blank.
const ON_BLANK: Modifier =
    Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT).union(Modifier::SLOW_BLINK);

/// A cell in one number: two that look the same are equal.
///
/// From below: 64 bits of the symbol (its bytes, of a long one a hash behind a byte that no text has), 4 of its width,
/// 9 of modifiers, 25 each of background and foreground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedCell(u128);

/// Marks the hash of a long symbol: no text holds this byte.
const LONG: u64 = 0xff << 56;

impl PackedCell {
    /// Nothing.
    pub const BLANK: Self = Self(1 << 64 | b' ' as u128);

    const fn new(symbol: u64, width: usize, style: u128) -> Self {
        Self(style | (if width > 15 { 15 } else { width as u128 }) << 64 | symbol as u128)
    }

    /// Columns that its symbol takes, at least one.
    pub const fn width(self) -> usize {
        (self.0 >> 64) as usize & 15
    }

    /// The bytes of its symbol; `cell` is the cell that it was made of.
    pub fn write(self, cell: &Cell, out: &mut Vec<u8>) {
        let symbol = self.0 as u64;
        if symbol & LONG == LONG {
            out.extend_from_slice(cell.symbol().as_bytes());
        } else {
            let length = 8 - symbol.leading_zeros() as usize / 8;
            out.extend_from_slice(&symbol.to_le_bytes()[..length]);
        }
    }
}

/// Whether a blank looks the same in this style as in none.
pub fn shows_nothing_on_blank(background: Color, modifier: Modifier) -> bool {
    background == Color::Reset && !modifier.intersects(ON_BLANK)
}

/// Packs a row of cells into as many numbers. A wide character whose second half something else was drawn over, or that
/// stands in the last column, becomes a blank.
pub fn pack(cells: &[Cell], packed: &mut [PackedCell]) {
    // Neighbours mostly have the same style.
    let mut known = (Color::Reset, Color::Reset, Modifier::empty());
    let (mut style, mut plain) = (0, true);
    for (x, (cell, out)) in cells.iter().zip(packed).enumerate() {
        let of = (cell.fg, cell.bg, cell.modifier);
        if of != known {
            known = of;
            style = code(cell.fg) << 102 | code(cell.bg) << 77 | u128::from(cell.modifier.bits() & 0x1ff) << 68;
            plain = shows_nothing_on_blank(cell.bg, cell.modifier);
        }
        let symbol = cell.symbol().as_bytes();
        *out = match symbol {
            [] | b" " if plain => PackedCell::BLANK,
            [] => PackedCell::new(b' '.into(), 1, style),
            [byte] => PackedCell::new((*byte).into(), 1, style),
            _ => {
                let width = cell.symbol().width().max(1);
                let halves = cells.get(x + 1..x + width);
                if halves.is_some_and(|halves| halves.iter().all(|half| half.symbol() == " ")) {
                    PackedCell::new(bits(symbol), width, style)
                } else if plain {
                    PackedCell::BLANK
                } else {
                    PackedCell::new(b' '.into(), 1, style)
                }
            }
        };
    }
}

fn bits(symbol: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    if let Some(short) = bytes.get_mut(..symbol.len()) {
        short.copy_from_slice(symbol);
        return u64::from_le_bytes(bytes);
    }
    let mut hasher = DefaultHasher::new();
    symbol.hash(&mut hasher);
    hasher.finish() | LONG
}

fn code(colour: Color) -> u128 {
    match colour {
        Color::Reset => 0,
        Color::Black => 1,
        Color::Red => 2,
        Color::Green => 3,
        Color::Yellow => 4,
        Color::Blue => 5,
        Color::Magenta => 6,
        Color::Cyan => 7,
        Color::Gray => 8,
        Color::DarkGray => 9,
        Color::LightRed => 10,
        Color::LightGreen => 11,
        Color::LightYellow => 12,
        Color::LightBlue => 13,
        Color::LightMagenta => 14,
        Color::LightCyan => 15,
        Color::White => 16,
        Color::Indexed(index) => 1 << 8 | u128::from(index),
        Color::Rgb(r, g, b) => 1 << 24 | u128::from(u32::from_be_bytes([0, r, g, b])),
    }
}
