//! The log of the watched run: asking for the lines that are seen, and for the places of a text.

use super::MonitorPane;
use crate::{
    domain::text::log_line,
    tui::{
        effect::{Request, Slot, Ticket},
        msg::{Failure, Reply, Stream},
        pane::Cx,
        widgets::{log_view::LogRow, toast::Toast},
    },
};
use chrono::{NaiveDateTime, TimeDelta};
use std::ops::Range;

/// Places of a text that are asked for at once; the count is whole in any case.
const MOST_MATCHES: u32 = 100_000;

/// The shortest time between two requests for lines while the end is followed.
const PACE: TimeDelta = TimeDelta::milliseconds(200);

/// Requests about the watched run that are under way.
#[derive(Debug, Default)]
pub struct Tickets {
    /// News of the run.
    pub watch: Option<Ticket>,
    lines: Option<(Ticket, Range<u64>)>,
    /// Lines that were asked for in vain: not again before there is news.
    vain: Option<Range<u64>>,
    /// When lines were asked for last.
    asked_at: Option<NaiveDateTime>,
    /// Lines wait for a tick to be asked for.
    deferred: bool,
    matches: Option<Ticket>,
    /// Where to go once the matches are there again.
    go_on: Option<bool>,
}

impl MonitorPane {
    /// Asks for the lines that are seen and not at hand: one request at a time, so that a fast log starves none, and
    /// while its end is followed only a few a second, so that a flood does not fill a slow line.
    pub(super) fn ask_lines(&mut self, cx: &mut Cx<'_>) {
        self.tickets.deferred = false;
        let Some(id) = self.chosen.filter(|_| self.visible && self.tickets.lines.is_none()) else { return };
        if let Some(range) = self.log.wanted().filter(|range| self.tickets.vain.as_ref() != Some(range)) {
            let recent = self.tickets.asked_at.is_some_and(|asked| (cx.now.utc - asked).abs() < PACE);
            if recent && self.log.follows() && self.log.is_filled() {
                self.tickets.deferred = true;
                return;
            }
            self.tickets.asked_at = Some(cx.now.utc);
            self.log.asked();
            let count = (range.end - range.start).min(2_000) as u32;
            let request = Request::LogLines { id, from: range.start, count };
            self.tickets.lines = Some((cx.start(Slot::LogLines, request), range));
        }
    }

    /// The log has so many lines now, or its last one has grown.
    pub(super) fn log_grew(&mut self, lines: u64) {
        self.log.set_length(lines);
        self.tickets.vain = None;
    }

    pub(super) fn log_reply(&mut self, ticket: Ticket, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        if let Some((_, asked)) = self.tickets.lines.take_if(|(expected, _)| *expected == ticket) {
            match reply {
                Ok(Reply::LogLines(lines)) => {
                    let local = cx.now.local;
                    let rows = lines.into_iter().map(|line| LogRow {
                        number: line.number,
                        error: line.stream == Stream::Err,
                        stamp: local(line.time).format("%H:%M:%S%.3f").to_string(),
                        line: log_line(&line.bytes),
                    });
                    self.log.fill(rows.collect());
                }
                Ok(_) => {}
                Err(failure) => cx.toast(Toast::bad(failure.message)),
            }
            self.tickets.vain = self.log.wanted().filter(|range| *range == asked);
        } else if self.tickets.matches.take_if(|expected| *expected == ticket).is_some() {
            match reply {
                Ok(Reply::LogMatches(lines, total)) => {
                    self.log.found(lines, total);
                    if let Some(backwards) = self.tickets.go_on.take() {
                        self.log.find_next(backwards);
                    }
                }
                Ok(_) => {}
                Err(failure) => cx.toast(Toast::bad(failure.message)),
            }
        }
    }

    /// Looks for what the prompt holds.
    pub(super) fn search(&mut self, cx: &mut Cx<'_>) {
        let Some(prompt) = self.prompt.take() else { return };
        self.in_log = true;
        self.log.look_for(prompt.text());
        self.ask_matches(None, cx);
    }

    /// Goes to the next match; a log that has grown is searched again first.
    pub(super) fn next_match(&mut self, backwards: bool, cx: &mut Cx<'_>) {
        self.in_log = true;
        if self.log.search_is_old() {
            self.ask_matches(Some(backwards), cx);
        } else {
            self.log.find_next(backwards);
        }
    }

    /// A key was pressed: what it asks for is not put off.
    pub(super) fn hurry(&mut self) {
        self.tickets.asked_at = None;
    }

    /// Whether lines wait for a tick to be asked for.
    pub(super) const fn is_behind(&self) -> bool {
        self.tickets.deferred
    }

    /// Whether the log is being searched.
    pub(super) const fn is_searching(&self) -> bool {
        self.tickets.matches.is_some()
    }

    fn ask_matches(&mut self, go_on: Option<bool>, cx: &mut Cx<'_>) {
        let text = self.log.search_text().to_owned();
        if let (Some(id), false) = (self.chosen, text.is_empty()) {
            let request = Request::SearchLog { id, text, limit: MOST_MATCHES };
            self.tickets.matches = Some(cx.start(Slot::LogSearch, request));
            self.tickets.go_on = go_on;
        }
    }
}
