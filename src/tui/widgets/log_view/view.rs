//! Draws a log view.

use super::{LogRow, LogView};
use crate::domain::text::{Colour, SafeLine, TextStyle};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns of a time: `14:03:22.125 `.
const TIME: usize = 13;
/// Columns of the signs: `!` for standard error, `▸` for the line that is pointed at.
const SIGN: usize = 2;

/// How the parts of a log look.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogStyles {
    /// Ordinary output.
    pub text: Style,
    /// The sign of standard error.
    pub error: Style,
    /// Times.
    pub time: Style,
    /// Marks of hidden characters.
    pub mark: Style,
    /// What is looked for.
    pub found: Style,
    /// The sign of the line that is pointed at.
    pub pointed: Style,
    /// Whether the log's own colours are shown.
    pub colour: bool,
}

/// Columns left of the text.
pub(super) const fn gutter(times: bool) -> usize {
    if times { TIME + SIGN } else { SIGN }
}

impl LogView {
    /// Draws the window.
    pub fn render(&self, area: Rect, buffer: &mut Buffer, styles: &LogStyles) {
        let mut y = area.top();
        let (top, mut skip) = self.drawn_top();
        for number in top..self.length {
            if y >= area.bottom() {
                break;
            }
            let Some(row) = self.row(number) else {
                y += 1; // on its way
                continue;
            };
            let room = Rect { y, height: area.bottom() - y, ..area };
            y += self.render_row(row, skip, room, buffer, styles);
            skip = 0;
        }
    }

    /// Draws a line from its screen row `skip` on. Gives the screen rows it took.
    fn render_row(&self, row: &LogRow, skip: usize, area: Rect, buffer: &mut Buffer, styles: &LogStyles) -> u16 {
        let gutter = gutter(self.times) as u16;
        let width = usize::from(area.width.saturating_sub(gutter)).max(1);
        if skip == 0 {
            let mut x = area.x;
            if self.times {
                x = buffer.set_stringn(x, area.y, format!("{:<TIME$}", row.stamp), area.width.into(), styles.time).0;
            }
            if row.error && x < area.right() {
                buffer.set_stringn(x, area.y, "!", 1, styles.error);
            }
            if self.pointed == Some(row.number) && x + 1 < area.right() {
                buffer.set_stringn(x + 1, area.y, "▸", 1, styles.pointed);
            }
        }
        let rows = if self.wrap { row.line.width.div_ceil(width).max(1) - skip.min(row.line.width / width) } else { 1 };
        let wanted = if self.search.text.is_empty() { &self.emphasis } else { &self.search.text };
        let found = places(&row.line, wanted);
        let first = if self.wrap { skip * width } else { self.left };
        let last = first + if self.wrap { width * usize::from(area.height) } else { width };
        let mut column = 0;
        let mut byte = 0;
        for span in &row.line.spans {
            let style = if span.mark { styles.mark } else { style_of(span.style, styles) };
            for part in span.text.graphemes(true) {
                let (at, start) = (column, byte);
                column += part.width();
                byte += part.len();
                if at >= last {
                    break;
                }
                if at < first || column > last || part.width() == 0 {
                    continue;
                }
                let (dx, dy) = ((at - first) % width, (at - first) / width);
                // A wide character whose right half would stand outside is left out.
                if dx + part.width() > width || dy >= usize::from(area.height) {
                    continue;
                }
                let looked_for = found.iter().any(|place| place.contains(&start));
                let style = if looked_for { style.patch(styles.found) } else { style };
                buffer.set_stringn(area.x + gutter + dx as u16, area.y + dy as u16, part, width, style);
            }
        }
        let more = !self.wrap && row.line.width > last;
        if more && area.width > gutter {
            buffer.set_stringn(area.right() - 1, area.y, "›", 1, styles.mark);
        }
        if !self.wrap && self.left > 0 && row.line.width > 0 && area.width > gutter && self.pointed != Some(row.number)
        {
            buffer.set_stringn(area.x + gutter - 1, area.y, "‹", 1, styles.mark);
        }
        u16::try_from(rows).unwrap_or(u16::MAX).min(area.height)
    }
}

/// The looks of a span, with its colours where they are wanted.
fn style_of(style: TextStyle, styles: &LogStyles) -> Style {
    let colour = |colour: Option<Colour>| match colour.filter(|_| styles.colour)? {
        Colour::Indexed(index) => Some(Color::Indexed(index)),
        Colour::Rgb(red, green, blue) => Some(Color::Rgb(red, green, blue)),
    };
    let mut shown = styles.text;
    shown.fg = colour(style.foreground).or(shown.fg);
    shown.bg = colour(style.background).or(shown.bg);
    for (on, modifier) in [
        (style.bold, Modifier::BOLD),
        (style.dim, Modifier::DIM),
        (style.italic, Modifier::ITALIC),
        (style.underline, Modifier::UNDERLINED),
    ] {
        if on {
            shown = shown.add_modifier(modifier);
        }
    }
    shown
}

/// Where in the line (bytes of its text) the needle stands; any case unless it has capitals.
fn places(line: &SafeLine, needle: &str) -> Vec<std::ops::Range<usize>> {
    if needle.is_empty() {
        return Vec::new();
    }
    let text = line.text();
    if needle.chars().any(char::is_uppercase) {
        return text.match_indices(needle).map(|(at, found)| at..at + found.len()).collect();
    }
    let lower: Vec<char> = needle.chars().collect();
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let same = |(_, c): &(usize, char), wanted: &char| c == wanted || c.to_lowercase().eq([*wanted]);
    characters
        .windows(lower.len())
        .filter(|window| window.iter().zip(&lower).all(|(c, wanted)| same(c, wanted)))
        .map(|window| {
            let last = window[lower.len() - 1];
            window[0].0..last.0 + last.1.len_utf8()
        })
        .collect()
}
