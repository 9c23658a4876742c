//! Moving in a log view: the window, or a line that is pointed at.

use super::{LogView, SIDE_STEP};

impl LogView {
    /// Goes up by screen rows; the end is not followed any more.
    pub fn up(&mut self, rows: usize) {
        self.follow = false;
        if let (true, Some(line)) = (self.cursor, self.pointed) {
            return self.point_at(line.saturating_sub(rows as u64));
        }
        for _ in 0..rows {
            if self.hidden_rows > 0 {
                self.hidden_rows -= 1;
            } else if self.top > 0 {
                self.top -= 1;
                self.hidden_rows = self.height_of(self.top) - 1;
            } else {
                break;
            }
        }
    }

    /// Goes down by screen rows; at the end, the end is followed again.
    pub fn down(&mut self, rows: usize) {
        if let (true, Some(line)) = (self.cursor, self.pointed) {
            let last = self.length.saturating_sub(1);
            self.follow |= line + rows as u64 >= last;
            self.point_at((line + rows as u64).min(last));
            return self.settle();
        }
        for _ in 0..rows {
            if self.hidden_rows + 1 < self.height_of(self.top) {
                self.hidden_rows += 1;
            } else {
                self.top += 1;
                self.hidden_rows = 0;
            }
            if (self.top, self.hidden_rows) >= self.last_top() {
                self.follow = true;
                break;
            }
        }
        self.settle();
    }

    /// Goes to the first line.
    pub fn to_start(&mut self) {
        (self.top, self.hidden_rows) = (0, 0);
        self.follow = false;
        if self.cursor {
            self.pointed = (self.length > 0).then_some(0);
        }
    }

    /// Goes to the end and follows it.
    pub fn to_end(&mut self) {
        self.follow = true;
        self.settle();
    }

    /// Shows what is further left; `false` where nothing is.
    pub fn go_left(&mut self) -> bool {
        let moved = self.left > 0;
        self.left = self.left.saturating_sub(SIDE_STEP);
        moved
    }

    /// Shows what is further right, where a line that is seen goes on there.
    pub fn go_right(&mut self) {
        let widest = self.seen_rows().map(|row| row.line.width).max().unwrap_or(0);
        if !self.wrap && self.left + self.text_width() < widest {
            self.left += SIDE_STEP;
        }
    }

    /// The line that is pointed at and the screen rows above it; its number in the log where it is at hand.
    pub fn pointed(&self) -> Option<(u64, usize)> {
        let line = self.pointed?;
        let above = (self.top..line).map(|number| self.height_of(number)).sum::<usize>();
        Some((self.row(line)?.source, above.saturating_sub(self.hidden_rows)))
    }

    /// Shows a line with so many screen rows above it, and points at it until the view is moved to another.
    pub fn show(&mut self, line: u64, rows_above: usize) {
        self.follow = false;
        (self.top, self.hidden_rows) = (line.saturating_sub(rows_above as u64), 0);
        self.pointed = Some(line);
        self.settle();
    }

    /// Points at a line and moves the window just as far as is needed to see it.
    fn point_at(&mut self, line: u64) {
        self.pointed = Some(line);
        if line <= self.top {
            (self.top, self.hidden_rows) = (line, 0);
        } else {
            let below = self.top_above(line + 1);
            (self.top, self.hidden_rows) = (self.top, self.hidden_rows).max(below);
        }
    }
}
