//! Looking for text: plain text, capitals ignored unless some are typed.

use super::CodeEditor;
use std::ops::Range;

/// What is looked for, and where it stands.
#[derive(Debug, Default)]
pub struct Find {
    needle: String,
    /// Row and columns (characters) of every place, in order.
    places: Vec<(usize, Range<usize>)>,
    current: Option<usize>,
}

impl Find {
    /// What is looked for; empty when nothing is.
    pub fn needle(&self) -> &str {
        &self.needle
    }

    /// The number (from 1) of the place the cursor is at, where it is at one, and how many there are.
    pub fn count(&self) -> (Option<usize>, usize) {
        (self.current.map(|index| index + 1), self.places.len())
    }

    /// The places on a row.
    pub(super) fn on_row(&self, row: usize) -> impl Iterator<Item = Range<usize>> {
        let first = self.places.partition_point(|(place, _)| *place < row);
        self.places[first..].iter().take_while(move |(place, _)| *place == row).map(|(_, columns)| columns.clone())
    }

    pub(super) fn refresh(&mut self, lines: &[String]) {
        self.places.clear();
        self.current = None;
        if self.needle.is_empty() {
            return;
        }
        let exact = self.needle.chars().any(char::is_uppercase);
        let needle: Vec<char> = self.needle.chars().collect();
        let same = |a: char, b: char| a == b || (!exact && a.to_lowercase().eq(b.to_lowercase()));
        for (row, line) in lines.iter().enumerate() {
            let line: Vec<char> = line.chars().collect();
            let mut at = 0;
            while at + needle.len() <= line.len() {
                if line[at..].iter().zip(&needle).all(|(a, b)| same(*a, *b)) {
                    self.places.push((row, at..at + needle.len()));
                    at += needle.len();
                } else {
                    at += 1;
                }
            }
        }
    }
}

impl CodeEditor {
    /// Looks for `needle` (nothing when empty) and goes to the first place from the cursor on.
    pub fn look_for(&mut self, needle: &str) {
        needle.clone_into(&mut self.find.needle);
        self.find.refresh(self.area.lines());
        let (row, column) = self.cursor();
        let next = self.find.places.iter().position(|(r, columns)| (*r, columns.end) > (row, column));
        self.go_to_place(next.or((!self.find.places.is_empty()).then_some(0)));
    }

    /// Goes to the next place (or the one before), past the end to the other end.
    pub fn find_next(&mut self, backwards: bool) {
        let count = self.find.places.len();
        if count == 0 {
            return;
        }
        let (row, column) = self.cursor();
        let at_or_after =
            self.find.places.iter().position(|(r, columns)| (*r, columns.start) >= (row, column)).unwrap_or(count);
        let next = match (self.find.current, backwards) {
            (Some(current), false) => current + 1,
            (Some(current), true) => current + count - 1,
            (None, false) => at_or_after,
            (None, true) => at_or_after + count - 1,
        };
        self.go_to_place(Some(next % count));
    }

    fn go_to_place(&mut self, index: Option<usize>) {
        self.find.current = index;
        if let Some(index) = index {
            let (row, columns) = self.find.places[index].clone();
            self.jump(row, columns.start);
            self.find.current = Some(index);
        }
    }
}
