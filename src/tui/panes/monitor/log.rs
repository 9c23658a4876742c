//! The log of the watched run: asking for the lines that are seen, and for the places of a text.

use super::{LOG_LINES, LOG_SEARCH, MonitorPane, Prompt};
use crate::{
    domain::text::log_line,
    tui::{
        effect::Ticket,
        msg::{Failure, LogLine, Stream},
        pane::Cx,
        request::{Reply, Request},
        widgets::{
            log_view::{LogRow, LogView},
            toast::Toast,
        },
    },
};
use chrono::{NaiveDateTime, TimeDelta};
use std::ops::Range;

/// Places of a text that are asked for at once; the count is whole in any case.
const MOST_MATCHES: u32 = 100_000;

/// Bytes a second to the terminal that following a log may take: a slow line carries them beside the keys' answers.
const RATE: usize = 8_000;

/// Where all of the window changes, the shortest time between two requests for lines: nobody reads faster.
const PAGE: TimeDelta = TimeDelta::milliseconds(250);

/// And the longest: what is seen is never older than that.
const LONGEST: TimeDelta = TimeDelta::seconds(1);

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

impl Tickets {
    /// What is under way about lines and places of a text is of no use any more.
    pub(super) fn forget(&mut self) {
        *self = Self { watch: self.watch, ..Self::default() };
    }

    /// Lines that were not there may be there now.
    pub(super) fn news(&mut self) {
        self.vain = None;
    }
}

impl MonitorPane {
    /// Asks for the lines that are seen and not at hand: one request at a time, so that a fast log starves none, and
    /// while its end is followed only as often as their bytes allow, so that a flood does not fill a slow line.
    pub(super) fn ask_lines(&mut self, cx: &mut Cx<'_>) {
        self.tickets.deferred = false;
        let Some(id) = self.chosen.filter(|_| self.visible && self.tickets.lines.is_none()) else { return };
        let view = self.lines_view();
        if let Some(range) = view.wanted().filter(|range| self.tickets.vain.as_ref() != Some(range)) {
            let recent = self.tickets.asked_at.is_some_and(|asked| (cx.now.utc - asked).abs() < pause(view));
            let is_over = self.live.value().is_some_and(|live| live.status.is_final());
            if recent && !is_over && view.follows() && view.is_filled() {
                self.tickets.deferred = true;
                return;
            }
            self.tickets.asked_at = Some(cx.now.utc);
            self.lines_view_mut().asked();
            let request = if let Some(filter) = &self.filter {
                filter.request(id, &range)
            } else {
                let count = (range.end - range.start).min(2_000) as u32;
                Request::LogLines { id, from: range.start, count }
            };
            self.tickets.lines = Some((cx.start(LOG_LINES, request), range));
        }
    }

    /// The log has so many lines now, or its last one has grown.
    pub(super) fn log_grew(&mut self, lines: u64) {
        self.log.set_length(lines);
        self.tickets.news();
        self.filter_grew();
    }

    pub(super) fn log_reply(&mut self, ticket: Ticket, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        if self.is_of_filter(ticket) {
            self.filtered(reply.and_then(Reply::value), cx);
        } else if let Some((_, asked)) = self.tickets.lines.take_if(|(expected, _)| *expected == ticket) {
            match reply.and_then(Reply::value::<Vec<LogLine>>) {
                Ok(lines) => {
                    let local = cx.now.local;
                    // Lines that a filter leaves are numbered among themselves.
                    let begin = self.filter.as_ref().map(|filter| filter.begin(&asked));
                    let rows = lines.into_iter().zip(0..).map(|(line, place)| LogRow {
                        number: begin.map_or(line.number, |begin| begin + place),
                        source: line.number,
                        error: line.stream == Stream::Err,
                        stamp: local(line.time).format("%H:%M:%S%.3f").to_string(),
                        line: log_line(&line.bytes),
                    });
                    let rows = rows.collect();
                    self.lines_view_mut().fill(rows);
                }
                Err(failure) => cx.toast(Toast::bad(failure.message)),
            }
            self.tickets.vain = self.lines_view().wanted().filter(|range| *range == asked);
        } else if self.tickets.matches.take_if(|expected| *expected == ticket).is_some() {
            match reply.and_then(Reply::value::<(Vec<u64>, u64)>) {
                Ok((lines, total)) => {
                    let go_on = self.tickets.go_on.take();
                    self.lines_view_mut().found(lines, total);
                    if let Some(backwards) = go_on {
                        self.lines_view_mut().find_next(backwards);
                    }
                }
                Err(failure) => cx.toast(Toast::bad(failure.message)),
            }
        }
    }

    /// Does what the prompt was opened for.
    pub(super) fn accept_prompt(&mut self, cx: &mut Cx<'_>) {
        let Some((wanted, prompt)) = self.prompt.take() else { return };
        if wanted == Prompt::Filter {
            return self.filter_lines(prompt.text(), cx);
        }
        self.in_log = true;
        self.lines_view_mut().look_for(prompt.text());
        self.ask_matches(None, cx);
    }

    /// Goes to the next match; a log that has grown is searched again first.
    pub(super) fn next_match(&mut self, backwards: bool, cx: &mut Cx<'_>) {
        self.in_log = true;
        if self.lines_view().search_is_old() {
            self.ask_matches(Some(backwards), cx);
        } else {
            self.lines_view_mut().find_next(backwards);
        }
    }

    /// A key was pressed: what it asks for is not put off.
    pub(super) fn hurry(&mut self) {
        self.tickets.asked_at = None;
    }

    /// Whether lines wait for a tick to be asked for.
    pub(super) fn is_behind(&self) -> bool {
        self.tickets.deferred || self.filter_is_behind()
    }

    /// Whether the log is being searched.
    pub(super) const fn is_searching(&self) -> bool {
        self.tickets.matches.is_some()
    }

    fn ask_matches(&mut self, go_on: Option<bool>, cx: &mut Cx<'_>) {
        let text = self.lines_view().search_text().to_owned();
        if let (Some(id), false) = (self.chosen, text.is_empty()) {
            let within = self.filter.as_ref().map(|filter| filter.text.clone());
            let request = Request::SearchLog { id, text, limit: MOST_MATCHES, within };
            self.tickets.matches = Some(cx.start(LOG_SEARCH, request));
            self.tickets.go_on = go_on;
        }
    }
}

/// The shortest time between two requests for lines while the end is followed: a line that is added costs little and is
/// shown soon, a window that is replaced costs much.
fn pause(view: &LogView) -> TimeDelta {
    let (bytes, is_whole) = view.cost();
    let paid = TimeDelta::milliseconds((bytes * 1_000 / RATE) as i64);
    if is_whole { paid.clamp(PAGE, LONGEST) } else { paid.min(LONGEST) }
}
