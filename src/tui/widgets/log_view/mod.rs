//! A window on a log of any length: it holds the lines around what is seen and asks for others.

mod moving;
#[cfg(test)]
mod tests;
mod view;

pub use view::LogStyles;

use crate::domain::text::SafeLine;
use ratatui::layout::Size;
use std::{collections::VecDeque, ops::Range};

/// Columns that one step to the side moves.
const SIDE_STEP: usize = 8;

/// Bytes that lead a terminal to a row.
const MOVE: usize = 8;

/// A line of the log as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Its place in the view, from 0 and without gaps.
    pub number: u64,
    /// Its number in the log, from 0: the same, unless lines between are left out.
    pub source: u64,
    /// Whether it stands apart from ordinary output: standard error.
    pub error: bool,
    /// When it arrived, ready to be shown.
    pub stamp: String,
    /// What it says.
    pub line: SafeLine,
}

/// What is looked for in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Search {
    text: String,
    /// Lines that hold it, in order; perhaps not all.
    lines: Vec<u64>,
    /// How many lines hold it.
    total: u64,
    /// The one that was gone to, as a place in `lines`.
    current: Option<usize>,
    /// How long the log was when it was searched.
    searched: u64,
}

/// A log view: what is seen of the log, and the lines that are at hand.
#[derive(Debug, Default)]
pub struct LogView {
    length: u64,
    /// Lines at hand, without a gap.
    rows: VecDeque<LogRow>,
    /// Whether the last line at hand may have grown since.
    stale: bool,
    /// The first line seen, and how many of its screen rows are above the window (only when wrapped).
    top: u64,
    hidden_rows: usize,
    left: usize,
    follow: bool,
    wrap: bool,
    times: bool,
    size: Size,
    search: Search,
    /// A line that is pointed at.
    pointed: Option<u64>,
    /// Moving moves what is pointed at, and the window only where it must.
    cursor: bool,
    /// What is shown as found while nothing is looked for.
    emphasis: String,
}

impl LogView {
    /// An empty view that follows the end.
    pub fn new() -> Self {
        Self { follow: true, ..Self::default() }
    }

    /// An empty view of some lines of a log, those with `text`, shown as `other` is: one line is pointed at, the last
    /// one at first.
    pub fn of_lines_with(text: &str, other: &Self) -> Self {
        let (wrap, times, size) = (other.wrap, other.times, other.size);
        Self { follow: true, cursor: true, emphasis: text.to_owned(), wrap, times, size, ..Self::default() }
    }

    /// Forgets the log, for another one; how it is shown stays.
    pub fn reset(&mut self) {
        *self = Self { follow: true, wrap: self.wrap, times: self.times, size: self.size, ..Self::default() };
    }

    /// Tells how large the window is.
    pub fn set_size(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.settle();
        }
    }

    /// Tells how many lines there are now; the last one may have grown.
    pub fn set_length(&mut self, length: u64) {
        self.length = length;
        self.stale = true;
        self.settle();
    }

    /// How many lines there are.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The lines to ask for now: what is seen and as much around it; `None` where all is at hand.
    pub fn wanted(&self) -> Option<Range<u64>> {
        let seen = self.seen();
        let at_hand = self.at_hand();
        let missing = seen.start < at_hand.start || seen.end > at_hand.end;
        let stale = self.stale && at_hand.contains(&self.length.saturating_sub(1)) && seen.end >= at_hand.end;
        if seen.is_empty() || !(missing || stale) {
            return None;
        }
        let around = u64::from(self.size.height).max(1);
        Some(seen.start.saturating_sub(around)..(seen.end + around).min(self.length))
    }

    /// The wanted lines were asked for: news that come from now on concern the next request.
    pub fn asked(&mut self) {
        self.stale = false;
    }

    /// Takes lines that were asked for, in order and without a gap.
    pub fn fill(&mut self, rows: Vec<LogRow>) {
        if let Some(last) = rows.last() {
            self.length = self.length.max(last.number + 1);
        }
        self.rows = rows.into();
        self.settle();
    }

    /// Whether there are lines at hand to fill the window with, newest or not.
    pub fn is_filled(&self) -> bool {
        self.rows.len() >= usize::from(self.size.height)
    }

    /// What showing the newest lines takes while the end is followed: bytes to the terminal, roughly, and whether all
    /// of the window is replaced.
    pub fn cost(&self) -> (usize, bool) {
        let height = usize::from(self.size.height);
        let missing = usize::try_from(self.length.saturating_sub(self.at_hand().end)).unwrap_or(usize::MAX);
        let columns = self.rows.iter().rev().take(height).map(|row| row.line.width.min(self.text_width()));
        let (rows, columns) = columns.fold((0, 0), |(rows, sum), columns| (rows + 1, sum + columns));
        let row = columns / rows.max(1) + view::gutter(self.times) + MOVE;
        (missing.clamp(1, height.max(1)) * row, missing >= height)
    }

    /// Rows of the window.
    pub const fn height(&self) -> u16 {
        self.size.height
    }

    /// Whether the end is followed.
    pub const fn follows(&self) -> bool {
        self.follow
    }

    /// Follows the end, or stays where it is.
    pub fn toggle_follow(&mut self) {
        self.follow = !self.follow;
        self.settle();
    }

    /// Long lines are broken, or cut.
    pub fn toggle_wrap(&mut self) {
        self.wrap = !self.wrap;
        (self.hidden_rows, self.left) = (0, 0);
        self.settle();
    }

    /// Shows when each line arrived, or not.
    pub fn toggle_times(&mut self) {
        self.times = !self.times;
        self.settle();
    }

    /// What is looked for; empty when nothing is.
    pub fn search_text(&self) -> &str {
        &self.search.text
    }

    /// Looks for a text (nothing when empty): the lines that hold it are to be asked for.
    pub fn look_for(&mut self, text: &str) {
        self.search = Search { text: text.to_owned(), searched: self.length, ..Search::default() };
    }

    /// Takes the lines that hold the text and their number in all; goes to the first one from the window's top on.
    pub fn found(&mut self, lines: Vec<u64>, total: u64) {
        let keep = self.search.current.and_then(|at| self.search.lines.get(at).copied());
        self.search.lines = lines;
        self.search.total = total;
        self.search.searched = self.length;
        match keep {
            Some(line) => self.search.current = self.search.lines.binary_search(&line).ok(),
            None => self.go_to_match(self.search.lines.partition_point(|line| *line < self.top)),
        }
    }

    /// Whether the log grew since it was searched.
    pub const fn search_is_old(&self) -> bool {
        self.search.searched < self.length
    }

    /// Goes to the next line that holds the text, or the one before; past the end to the other end.
    pub fn find_next(&mut self, backwards: bool) {
        let count = self.search.lines.len();
        if count == 0 {
            return;
        }
        self.go_to_match(match self.search.current {
            Some(at) if backwards => (at + count - 1) % count,
            Some(at) => (at + 1) % count,
            None => self.search.lines.partition_point(|line| *line < self.top),
        });
    }

    /// The number (from 1) of the match that was gone to, and how many lines match.
    pub fn matches(&self) -> (Option<usize>, u64) {
        (self.search.current.map(|at| at + 1), self.search.total)
    }

    /// What is seen, as text: for the clipboard.
    pub fn seen_text(&self) -> String {
        self.seen_rows().map(|row| row.line.text() + "\n").collect()
    }

    /// The lines that are seen, as numbers from 0.
    pub fn seen(&self) -> Range<u64> {
        let mut rows = usize::from(self.size.height) + self.hidden_rows;
        let mut end = self.top;
        while rows > 0 && end < self.length {
            rows = rows.saturating_sub(self.height_of(end));
            end += 1;
        }
        self.top..end
    }

    fn seen_rows(&self) -> impl Iterator<Item = &LogRow> {
        let seen = self.seen();
        self.rows.iter().filter(move |row| seen.contains(&row.number))
    }

    fn go_to_match(&mut self, at: usize) {
        let at = if at < self.search.lines.len() { at } else { 0 };
        let Some(&line) = self.search.lines.get(at) else { return };
        self.search.current = Some(at);
        self.follow = false;
        if self.cursor {
            self.pointed = Some(line);
        }
        if !self.seen().contains(&line) {
            self.top = line.saturating_sub(u64::from(self.size.height) / 3);
            self.hidden_rows = 0;
        }
        self.settle();
    }

    fn at_hand(&self) -> Range<u64> {
        match (self.rows.front(), self.rows.back()) {
            (Some(first), Some(last)) => first.number..last.number + 1,
            _ => 0..0,
        }
    }

    fn row(&self, number: u64) -> Option<&LogRow> {
        let at = number.checked_sub(self.rows.front()?.number)?;
        self.rows.get(usize::try_from(at).ok()?)
    }

    /// Screen rows of a line; one where it is not at hand.
    fn height_of(&self, number: u64) -> usize {
        match self.row(number) {
            Some(row) if self.wrap => row.line.width.div_ceil(self.text_width()).max(1),
            _ => 1,
        }
    }

    /// Columns for the text of a line.
    fn text_width(&self) -> usize {
        usize::from(self.size.width).saturating_sub(view::gutter(self.times)).max(1)
    }

    /// The place of the window that shows the end at its bottom.
    fn last_top(&self) -> (u64, usize) {
        self.top_above(self.length)
    }

    /// The place to draw from: while the newest lines of a followed end are on their way, the newest at hand.
    fn drawn_top(&self) -> (u64, usize) {
        let at_hand = self.at_hand().end;
        if self.follow && at_hand > 0 && at_hand < self.length {
            self.top_above(at_hand)
        } else {
            (self.top, self.hidden_rows)
        }
    }

    /// The place of the window whose last line is the one before `end`.
    fn top_above(&self, end: u64) -> (u64, usize) {
        let mut rows = usize::from(self.size.height).max(1);
        let mut top = end;
        while top > 0 {
            let height = self.height_of(top - 1);
            if height > rows {
                // Only the end of this line has room.
                return if rows > 0 { (top - 1, height - rows) } else { (top, 0) };
            }
            rows -= height;
            top -= 1;
            if rows == 0 {
                break;
            }
        }
        (top, 0)
    }

    /// Puts the window where it may be: at the end when that is followed, never past it.
    fn settle(&mut self) {
        let last = self.last_top();
        if self.follow || (self.top, self.hidden_rows) > last {
            (self.top, self.hidden_rows) = last;
        }
        if self.cursor && (self.follow || self.pointed.is_none_or(|line| line >= self.length)) {
            self.pointed = self.length.checked_sub(1);
        }
    }
}
