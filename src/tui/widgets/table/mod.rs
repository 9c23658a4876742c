//! A table over a list of any length: a flat window of rows, read by keyset pages near its edges.
//!
//! The selection is a row's id: a refresh, a new row or a trimmed window leaves it where it is.

mod view;

#[cfg(test)]
mod tests;

pub use view::{Cell, Column, Width};

use crate::{
    domain::page::{Cursor, Direction, Page, PageRequest},
    tui::{
        action::Action,
        effect::Ticket,
        msg::Failure,
        remote::Remote,
        request::{FromReply, Reply},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Rows asked for at a time.
const PAGE: u32 = 128;
/// Rows asked for first: they fill a screen soon.
const FIRST: u32 = 64;
/// Rows kept at most.
const WINDOW: usize = 640;
/// The next page is asked for so many screens before it is reached: a held key does not come to the window's edge.
const AHEAD: usize = 3;

/// What a page under way is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    /// In place of everything, from the top.
    Restart,
    /// In place of everything, where we are.
    Refresh,
    /// The same, ending at the last row on the screen: so much came before it that the other one did not reach it.
    Around,
    /// Before the first row.
    Before,
    /// After the last row.
    After,
    /// The list's beginning.
    Top,
    /// The list's end.
    Bottom,
}

/// What came of a reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The whole window is new: all of its rows are as old as this reply.
    pub is_fresh: bool,
    /// The page to ask for next.
    pub next: Option<PageRequest>,
}

/// A window of a list with a selection and marks.
#[derive(Debug)]
pub struct PagedTable<T> {
    rows: Vec<T>,
    cursors: Vec<Cursor>,
    more_before: bool,
    more_after: bool,
    selected: usize,
    top: usize,
    marked: BTreeSet<i64>,
    /// The row to select when it is loaded.
    wanted: Option<i64>,
    load: Load,
    remote: Remote<()>,
}

impl<T> Default for PagedTable<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            cursors: Vec::new(),
            more_before: false,
            more_after: false,
            selected: 0,
            top: 0,
            marked: BTreeSet::new(),
            wanted: None,
            load: Load::Restart,
            remote: Remote::default(),
        }
    }
}

impl<T> PagedTable<T> {
    /// Asks for the list from its top, for a new query. Old rows stay until the reply; marks are dropped.
    pub fn restart(&mut self) -> PageRequest {
        self.load = Load::Restart;
        self.marked.clear();
        PageRequest::first(FIRST)
    }

    /// Asks for the same window again, after something changed.
    pub fn refresh(&mut self) -> PageRequest {
        // A command under way is not forgotten for it.
        match self.load {
            Load::Restart if self.remote.is_loading() => return PageRequest::first(FIRST),
            Load::Top if self.remote.is_loading() => return PageRequest::first(PAGE),
            Load::Bottom if self.remote.is_loading() => return PageRequest::last(PAGE),
            _ => {}
        }
        self.load = Load::Refresh;
        let limit = u32::try_from(self.rows.len()).unwrap_or(PAGE).clamp(PAGE, WINDOW as u32);
        // The anchor itself is left out of a page: the window's first row comes back as a page before it.
        let anchor = if self.more_before { self.cursors.first().cloned() } else { None };
        PageRequest { anchor, direction: Direction::Forward, limit }
    }

    /// The request just returned has this ticket.
    pub fn asked(&mut self, ticket: Ticket) {
        self.remote.ask(ticket);
    }

    /// Takes a reply, of the kind that belongs here; `None` where it is stale and was dropped.
    pub fn accept(&mut self, ticket: Ticket, reply: Result<Reply, Failure>, height: usize) -> Option<Accepted>
    where
        Page<T>: FromReply,
    {
        if !self.remote.expects(ticket) {
            return None;
        }
        let page = reply.and_then(Reply::value);
        let is_fresh = page.is_ok() && self.is_anew();
        Some(Accepted { is_fresh, next: self.reply(ticket, page, height) })
    }

    /// Takes the page of a ticket, if it is the one under way; the next page to ask for.
    fn reply(&mut self, ticket: Ticket, reply: Result<Page<T>, Failure>, height: usize) -> Option<PageRequest> {
        if !self.remote.expects(ticket) {
            return None;
        }
        match reply {
            Err(failure) => {
                self.remote.finish(Err(failure));
                None
            }
            Ok(page) => {
                self.remote.finish(Ok(()));
                if self.load == Load::Refresh && self.is_pushed_out(&page) {
                    self.load = Load::Around;
                    let anchor = self.cursors.get(self.top + height).cloned();
                    return Some(PageRequest { anchor, direction: Direction::Backward, limit: WINDOW as u32 / 2 });
                }
                self.take(page);
                self.keep_in_sight(height);
                // A first page that fills the screen is enough until somebody moves.
                let is_enough = self.load == Load::Restart && self.rows.len() >= self.top + height;
                if is_enough { None } else { self.near_edge(height) }
            }
        }
    }

    /// Whether the page under way takes the place of what is shown, so that all rows are as old as it.
    fn is_anew(&self) -> bool {
        !matches!(self.load, Load::Before | Load::After)
    }

    /// Whether a refreshed window ends before the selected row: nothing that stood there or below is in it.
    fn is_pushed_out(&self, page: &Page<T>) -> bool {
        let kept: BTreeSet<i64> = page.cursors.iter().map(|cursor| cursor.id).collect();
        page.more_after
            && !self.cursors.is_empty()
            && !self.cursors[self.selected..].iter().any(|cursor| kept.contains(&cursor.id))
    }

    /// Where the row of this window that is nearest to the selected one stands in `page`: itself, else one below,
    /// else one above.
    fn nearest_in(&self, page: &Page<T>) -> Option<usize> {
        let places: BTreeMap<i64, usize> = page.cursors.iter().zip(0..).map(|(cursor, at)| (cursor.id, at)).collect();
        let (above, below) = self.cursors.split_at(self.selected.min(self.cursors.len()));
        below.iter().chain(above.iter().rev()).find_map(|cursor| places.get(&cursor.id).copied())
    }

    fn take(&mut self, page: Page<T>) {
        let kept = self.nearest_in(&page);
        let row_on_screen = self.selected.saturating_sub(self.top);
        let was_at_top = self.top == 0 && !self.more_before;
        match self.load {
            Load::Before => {
                let added = page.rows.len();
                self.rows.splice(0..0, page.rows);
                self.cursors.splice(0..0, page.cursors);
                self.more_before = page.more_before;
                self.selected += added;
                self.top += added;
                if self.rows.len() > WINDOW {
                    self.rows.truncate(WINDOW);
                    self.cursors.truncate(WINDOW);
                    self.more_after = true;
                }
                return;
            }
            Load::After => {
                self.rows.extend(page.rows);
                self.cursors.extend(page.cursors);
                self.more_after = page.more_after;
                let extra = self.rows.len().saturating_sub(WINDOW).min(self.top);
                if extra > 0 {
                    self.rows.drain(..extra);
                    self.cursors.drain(..extra);
                    self.more_before = true;
                    self.selected -= extra;
                    self.top -= extra;
                }
                return;
            }
            Load::Refresh => {
                self.more_before = self.more_before && !page.cursors.is_empty() || page.more_before;
            }
            Load::Around | Load::Restart | Load::Top | Load::Bottom => self.more_before = page.more_before,
        }
        (self.rows, self.cursors, self.more_after) = (page.rows, page.cursors, page.more_after);
        let last = self.rows.len().saturating_sub(1);
        let wanted = self.wanted.take();
        let found = |id: Option<i64>| id.and_then(|id| self.cursors.iter().position(|cursor| cursor.id == id));
        match self.load {
            Load::Bottom => self.selected = last,
            Load::Restart | Load::Top => {
                self.selected = found(wanted).unwrap_or(0);
                self.top = 0;
            }
            _ => {
                self.selected = found(wanted).or(kept).unwrap_or(self.selected.min(last));
                self.top = self.selected.saturating_sub(row_on_screen);
                // Someone who looks at the top of the list sees what is new there.
                if was_at_top && self.selected < WINDOW / 8 && row_on_screen == 0 && self.selected > 0 {
                    self.top = 0;
                }
            }
        }
    }

    /// Moves the selection. Whether the command was a move, and the page to ask for if one is needed.
    pub fn action(&mut self, action: Action, height: usize) -> (bool, Option<PageRequest>) {
        let last = self.rows.len().saturating_sub(1);
        let page = height.saturating_sub(1).max(1);
        let to = match action {
            Action::Up => self.selected.saturating_sub(1),
            Action::Down => self.selected + 1,
            Action::PageUp => self.selected.saturating_sub(page),
            Action::PageDown => self.selected + page,
            Action::HalfUp => self.selected.saturating_sub(page / 2),
            Action::HalfDown => self.selected + page / 2,
            Action::Top if self.more_before => {
                self.load = Load::Top;
                return (true, Some(PageRequest::first(PAGE)));
            }
            Action::Bottom if self.more_after => {
                self.load = Load::Bottom;
                return (true, Some(PageRequest::last(PAGE)));
            }
            Action::Top => 0,
            Action::Bottom => last,
            _ => return (false, None),
        };
        self.selected = to.min(last);
        self.keep_in_sight(height);
        (true, self.near_edge(height))
    }

    /// Selects the row that stands `y` rows below the column titles; whether there is one.
    pub fn click(&mut self, y: usize) -> bool {
        let row = self.top + y;
        if row < self.rows.len() {
            self.selected = row;
        }
        row < self.rows.len()
    }

    /// Selects a row by its id, now or when the next page brings it.
    pub fn select(&mut self, id: i64) {
        match self.cursors.iter().position(|cursor| cursor.id == id) {
            Some(row) => self.selected = row,
            None => self.wanted = Some(id),
        }
    }

    /// Scrolls as little as shows the selection in `height` rows.
    pub fn keep_in_sight(&mut self, height: usize) {
        let height = height.max(1);
        self.top = self.top.min(self.rows.len().saturating_sub(height));
        if self.selected < self.top {
            self.top = self.selected;
        } else if self.selected >= self.top + height {
            self.top = self.selected + 1 - height;
        }
    }

    fn near_edge(&mut self, height: usize) -> Option<PageRequest> {
        if self.remote.is_loading() {
            return None;
        }
        // Both edges are never near at once, which would ask for one page and the other in turns.
        let margin = (AHEAD * height.max(1)).min((WINDOW - PAGE as usize) / 2 - 1);
        if self.more_after && self.selected + margin >= self.rows.len() {
            self.load = Load::After;
            let anchor = self.cursors.last().cloned();
            return Some(PageRequest { anchor, direction: Direction::Forward, limit: PAGE });
        }
        if self.more_before && self.selected < margin {
            self.load = Load::Before;
            let anchor = self.cursors.first().cloned();
            return Some(PageRequest { anchor, direction: Direction::Backward, limit: PAGE });
        }
        None
    }

    /// The selected row.
    pub fn selected(&self) -> Option<&T> {
        self.rows.get(self.selected)
    }

    /// The selected row's id.
    pub fn selected_id(&self) -> Option<i64> {
        self.cursors.get(self.selected).map(|cursor| cursor.id)
    }

    /// Marks the selected row, or takes its mark away.
    pub fn toggle_mark(&mut self) {
        if let Some(id) = self.selected_id()
            && !self.marked.remove(&id)
        {
            self.marked.insert(id);
        }
    }

    /// The ids of marked rows, also of those outside the window.
    pub const fn marked(&self) -> &BTreeSet<i64> {
        &self.marked
    }

    /// Takes all marks away.
    pub fn unmark_all(&mut self) {
        self.marked.clear();
    }

    /// The rows of the window.
    pub fn rows(&self) -> &[T] {
        &self.rows
    }

    /// Whether the list is known to have no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.remote.value().is_some()
    }

    /// Whether a page was ever loaded.
    pub const fn is_loaded(&self) -> bool {
        self.remote.value().is_some()
    }

    /// Whether a page is under way.
    pub const fn is_loading(&self) -> bool {
        self.remote.is_loading()
    }

    /// Why the last page failed.
    pub const fn failure(&self) -> Option<&Failure> {
        self.remote.failure()
    }
}
