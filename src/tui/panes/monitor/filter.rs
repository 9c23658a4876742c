//! The log's filter: only the lines with a text, and the way back to where one of them stands in the whole log.
//!
//! Which lines have the text is asked for step by step and kept as marks: all of their numbers while there are few, later
//! every second one, every fourth and so on. So a log of any length takes little room, and any window of it is near a mark.

use super::{LOG_FILTER, LOG_LINES, LOG_SEARCH, MonitorPane};
use crate::tui::{
    effect::Ticket,
    msg::{Failure, LogFiltered},
    pane::Cx,
    request::Request,
    widgets::{log_view::LogView, toast::Toast},
};
use chrono::{NaiveDateTime, TimeDelta};
use std::ops::Range;

/// Marks kept at most.
const MOST_MARKS: usize = 1 << 16;

/// The shortest time between two looks at what a growing log has more.
const PACE: TimeDelta = TimeDelta::milliseconds(200);

/// A filter that is on.
#[derive(Debug)]
pub struct LineFilter {
    /// What the lines have.
    pub text: String,
    /// The lines that have it.
    pub view: LogView,
    /// The number of every `stride`th line that has it.
    marks: Vec<u64>,
    stride: u64,
    /// Lines that have it, whole ones.
    total: u64,
    /// Whether the unfinished last line has it, too; its number is `next`.
    unfinished: bool,
    /// Lines before this one were looked at.
    next: u64,
    /// What was looked at is not all there was then.
    more: bool,
    /// The log grew since it was asked for.
    grew: bool,
    ticket: Option<Ticket>,
    asked_at: Option<NaiveDateTime>,
}

impl LineFilter {
    fn new(text: &str, whole: &LogView) -> Self {
        Self {
            text: text.to_owned(),
            view: LogView::of_lines_with(text, whole),
            marks: Vec::new(),
            stride: 1,
            total: 0,
            unfinished: false,
            next: 0,
            more: true,
            grew: false,
            ticket: None,
            asked_at: None,
        }
    }

    /// Whether the whole log was looked through.
    pub const fn is_complete(&self) -> bool {
        !self.more
    }

    /// Takes what one step found.
    fn found(&mut self, found: &LogFiltered) {
        for line in &found.lines {
            if self.total.is_multiple_of(self.stride) {
                if self.marks.len() == MOST_MARKS {
                    // Every second one goes: an even number of them, so that this line has its mark all the same.
                    let mut place = 0;
                    self.marks.retain(|_| {
                        place += 1;
                        place % 2 == 1
                    });
                    self.stride *= 2;
                }
                self.marks.push(*line);
            }
            self.total += 1;
        }
        (self.unfinished, self.next, self.more) = (found.unfinished, found.next, found.more);
        self.view.set_length(self.total + u64::from(self.unfinished));
    }

    /// Where to look for the lines at these places: from which line on, and how many. They begin at [`Self::begin`].
    fn parts(&self, places: &Range<u64>) -> Vec<(u64, u32)> {
        let mut parts = Vec::new();
        let mut at = self.begin(places);
        while at < places.end {
            let whole = self.stride.min(self.total.saturating_sub(at));
            let last = at + whole == self.total && whole < self.stride && self.unfinished;
            let from = if whole > 0 { self.marks[(at / self.stride) as usize] } else { self.next };
            parts.push((from, (whole + u64::from(last)) as u32));
            at += self.stride;
        }
        parts
    }

    /// The first place at or before these that has a mark.
    pub(super) const fn begin(&self, places: &Range<u64>) -> u64 {
        places.start / self.stride * self.stride
    }

    /// The request for the lines at these places.
    pub(super) fn request(&self, id: crate::domain::id::CalculationId, places: &Range<u64>) -> Request {
        Request::FilteredLines { id, text: self.text.clone(), parts: self.parts(places) }
    }
}

impl MonitorPane {
    /// What is seen of the log: all of it, or the lines that the filter leaves.
    pub(super) fn lines_view(&self) -> &LogView {
        self.filter.as_ref().map_or(&self.log, |filter| &filter.view)
    }

    /// The same, to move in.
    pub(super) fn lines_view_mut(&mut self) -> &mut LogView {
        self.filter.as_mut().map_or(&mut self.log, |filter| &mut filter.view)
    }

    /// Shows only the lines with a text; all of them where it is empty.
    pub(super) fn filter_lines(&mut self, text: &str, cx: &mut Cx<'_>) {
        self.in_log = true;
        if text.is_empty() {
            return self.leave_filter(cx);
        }
        self.forget_requests(cx);
        self.filter = Some(LineFilter::new(text, &self.log));
        self.ask_filter(cx);
    }

    /// Back to the whole log, at the line that was pointed at.
    pub(super) fn leave_filter(&mut self, cx: &mut Cx<'_>) {
        let Some(filter) = self.filter.take() else { return };
        self.forget_requests(cx);
        if let Some((line, above)) = filter.view.pointed() {
            self.log.show(line, above);
        }
    }

    /// Answers that are under way concern another view.
    fn forget_requests(&mut self, cx: &mut Cx<'_>) {
        self.tickets.forget();
        for slot in [LOG_FILTER, LOG_SEARCH, LOG_LINES] {
            cx.cancel(slot);
        }
    }

    /// Looks on where the filter has not looked yet; at what a log has more, a few times a second.
    pub(super) fn ask_filter(&mut self, cx: &mut Cx<'_>) {
        let (Some(id), Some(filter), true) = (self.chosen, &mut self.filter, self.visible) else { return };
        if filter.ticket.is_some() || !(filter.more || filter.grew) {
            return;
        }
        let recent = filter.asked_at.is_some_and(|asked| (cx.now.utc - asked).abs() < PACE);
        if !filter.more && recent {
            return;
        }
        (filter.asked_at, filter.grew) = (Some(cx.now.utc), false);
        let request = Request::FilterLog { id, text: filter.text.clone(), from: filter.next };
        filter.ticket = Some(cx.start(LOG_FILTER, request));
    }

    /// The log has more, or its last line has.
    pub(super) fn filter_grew(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.grew = true;
        }
    }

    /// Whether the filter waits for a tick to look on.
    pub(super) fn filter_is_behind(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.grew && filter.ticket.is_none())
    }

    /// Whether this is the answer to the filter's request.
    pub(super) fn is_of_filter(&self, ticket: Ticket) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.ticket == Some(ticket))
    }

    /// Takes what one step of the filter found.
    pub(super) fn filtered(&mut self, reply: Result<LogFiltered, Failure>, cx: &mut Cx<'_>) {
        let Some(filter) = &mut self.filter else { return };
        filter.ticket = None;
        match reply {
            Ok(found) => {
                filter.found(&found);
                self.tickets.news();
                self.ask_filter(cx);
            }
            Err(failure) => {
                // Not again by itself: what was found so far stays.
                filter.more = false;
                cx.toast(Toast::bad(failure.message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: Range<u64>, unfinished: bool) -> LogFiltered {
        LogFiltered { next: lines.end * 3, lines: lines.map(|n| n * 3).collect(), unfinished, more: false }
    }

    #[test]
    fn marks_lead_to_every_line_however_many_there_are() {
        let mut filter = LineFilter::new("x", &LogView::new());
        for step in 0..10 {
            filter.found(&found(step * 50_001..(step + 1) * 50_001, step == 9));
        }
        assert!(filter.marks.len() <= MOST_MARKS, "{}", filter.marks.len());
        assert_eq!((filter.total, filter.view.length()), (500_010, 500_011));
        for place in [0, 1, 65_535, 65_536, 123_457, 500_009] {
            let places = place..place + 1;
            let (from, count) = filter.parts(&places)[0];
            let begin = filter.begin(&places);
            assert_eq!(from, begin * 3, "{place}");
            assert!(begin <= place && place < begin + u64::from(count), "{place}");
        }
        let last = filter.parts(&(500_010..500_011));
        assert!(last.len() == 1 && last[0].1 > 0, "the unfinished line, too: {last:?}");
    }

    #[test]
    fn an_unfinished_line_alone_is_found() {
        let mut filter = LineFilter::new("x", &LogView::new());
        filter.found(&found(0..0, true));
        assert_eq!(filter.parts(&(0..1)), [(0, 1)]);
        filter.found(&found(0..1, false));
        assert_eq!((filter.parts(&(0..1)), filter.view.length()), (vec![(0, 1)], 1));
    }
}
