//! All calculations ever: the list, one in detail, and everything that can be done to them.

mod chosen;
mod commands;
mod declaration;
mod detail;
mod view;

#[cfg(test)]
mod tests;

use crate::{
    domain::{
        calculation::CalculationRow,
        id::CalculationId,
        page::{CalculationQuery, PageRequest},
    },
    tui::{
        action::{Action, Context, INPUT, MOVE},
        effect::Ticket,
        msg::Failure,
        pane::{Cx, Event, Fact, Intent, Look, OpenQuestion, Pane, Tick},
        remote::Remote,
        request::{Reply, Request},
        widgets::{
            filter::Filter,
            scroll::Scroll,
            split::{Split, WIDE, split},
            table::PagedTable,
        },
    },
};
use chrono::NaiveDateTime;
use commands::Question;
pub use declaration::PANE;
use declaration::{CONTEXT, EDIT, FILTER_STATUS, FROM_TOOL, RUN, RUN_EDITED, SORT, STOP, WATCH};
use detail::Detail;
use ratatui::{Frame, layout::Rect};

const LIST: &str = "list";
const COUNT: &str = "count";
const DETAIL: &str = "detail";
/// What is done to calculations.
const COMMANDS: &str = "commands";

/// The list of calculations and the detail of one.
#[derive(Debug, Default)]
pub struct Calculations {
    table: PagedTable<CalculationRow>,
    query: CalculationQuery,
    filter: Filter,
    count: Remote<u64>,
    /// The list was asked for anew, and is counted once it is there.
    uncounted: bool,
    detail: Remote<Detail>,
    /// The row whose detail is shown or asked for.
    shown: Option<CalculationId>,
    /// The detail was asked for by name and does not follow the selection until the list is used again.
    pinned: bool,
    /// The question that is open.
    question: OpenQuestion<Question>,
    /// Requests that change something.
    doing: Vec<Ticket>,
    in_detail: bool,
    zoomed: bool,
    scroll: Scroll,
    opened: bool,
    visible: bool,
    /// Something changed while another pane was in front, or while the list was being loaded.
    stale: bool,
    loaded_at: Option<NaiveDateTime>,
}

impl Calculations {
    /// Where list and detail are. Below the list of a wide screen, or where a filter is, one row is left.
    fn parts(&self, area: Rect) -> Split {
        let mut parts = split(area, self.zoomed, 56);
        if self.filter.is_shown() || area.width >= WIDE {
            parts.list.height = parts.list.height.saturating_sub(1);
        }
        parts
    }

    fn rows(&self, area: Rect) -> usize {
        PagedTable::<CalculationRow>::height(self.parts(area).list)
    }

    fn load(&mut self, page: PageRequest, cx: &mut Cx<'_>) {
        let ticket = cx.start(LIST, Request::ListCalculations { query: self.query.clone(), page });
        self.table.asked(ticket);
    }

    /// A new query: from the top, and counted anew.
    fn restart(&mut self, cx: &mut Cx<'_>) {
        self.query.text = self.filter.text().to_owned();
        let page = self.table.restart();
        self.load(page, cx);
        self.uncounted = true;
    }

    /// The same window again; the selection stays.
    fn refresh(&mut self, cx: &mut Cx<'_>) {
        // A list that changes faster than it is read is read to its end each time.
        if !self.visible || !self.opened || self.table.is_loading() {
            self.stale = true;
            return;
        }
        self.reload(cx);
    }

    fn reload(&mut self, cx: &mut Cx<'_>) {
        self.stale = false;
        let page = self.table.refresh();
        self.load(page, cx);
        self.uncounted = true;
        if let Some(id) = self.shown {
            self.load_detail(id, cx);
        }
    }

    fn recount(&mut self, cx: &mut Cx<'_>) {
        let ticket = cx.start(COUNT, Request::CountCalculations(self.query.clone()));
        self.count.ask(ticket);
    }

    fn load_detail(&mut self, id: CalculationId, cx: &mut Cx<'_>) {
        let ticket = cx.start(DETAIL, Request::LoadSelected(id));
        self.detail.ask(ticket);
        self.shown = Some(id);
    }

    /// The detail follows the selection.
    fn follow_selection(&mut self, cx: &mut Cx<'_>) {
        let selected = self.table.selected().map(|row| row.id);
        if selected == self.shown || self.pinned {
            return;
        }
        self.scroll = Scroll::default();
        if let Some(id) = selected {
            self.load_detail(id, cx);
        } else {
            self.detail.clear();
            self.shown = None;
        }
    }

    fn action(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::Filter => {
                self.leave_detail(cx);
                self.filter.open();
            }
            Action::Accept => self.filter.accept(),
            Action::Cancel => self.clear_filter(cx),
            Action::Mark => {
                self.table.toggle_mark();
                self.action(Action::Down, cx);
            }
            Action::Zoom => {
                self.zoomed = !self.zoomed;
                self.in_detail = self.zoomed;
            }
            Action::Reload => self.reload(cx),
            Action::Right => self.in_detail = true,
            Action::Left => self.leave_detail(cx),
            Action::Back => self.back(cx),
            action if self.command(action, cx) => {}
            moved if self.in_detail => {
                let area = self.parts(cx.area).detail;
                let lines = view::detail_height(self, area, cx.now);
                self.scroll.action(moved, lines, usize::from(area.height));
            }
            moved => {
                self.pinned = false;
                let (_, page) = self.table.action(moved, self.rows(cx.area));
                if let Some(page) = page {
                    self.load(page, cx);
                }
                self.follow_selection(cx);
            }
        }
    }

    fn leave_detail(&mut self, cx: &mut Cx<'_>) {
        (self.in_detail, self.zoomed, self.pinned) = (false, false, false);
        self.follow_selection(cx);
    }

    /// Nothing is shown beside the list until its next answer.
    fn forget_detail(&mut self) {
        (self.in_detail, self.zoomed, self.pinned, self.shown) = (false, false, false, None);
        self.detail.clear();
    }

    /// The result of the calculation that is shown; not that of the one before while it is loaded.
    fn shown_result(&self) -> Option<&str> {
        let shown = self.detail.value().filter(|detail| Some(detail.data.calculation.id) == self.shown)?;
        shown.data.calculation.result_data.as_deref()
    }

    fn clear_filter(&mut self, cx: &mut Cx<'_>) {
        if self.filter.clear() {
            self.restart(cx);
        }
    }

    /// Cancel, then clear marks and filters, then leave.
    fn back(&mut self, cx: &mut Cx<'_>) {
        if self.in_detail || self.zoomed {
            self.leave_detail(cx);
        } else if !self.table.marked().is_empty() {
            self.table.unmark_all();
        } else if self.filter.is_shown() {
            self.clear_filter(cx);
        } else if !self.query.statuses.is_empty() {
            self.query.statuses.clear();
            self.restart(cx);
        } else {
            cx.intent(Intent::Back);
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        if let Some(at) = self.doing.iter().position(|doing| *doing == ticket) {
            self.doing.remove(at);
            self.done(reply, cx);
            return;
        }
        if self.count.expects(ticket) {
            self.count.accept(ticket, reply);
            return;
        }
        if self.detail.expects(ticket) {
            self.detail.accept(ticket, reply);
            return;
        }
        let Some(accepted) = self.table.accept(ticket, reply, self.rows(cx.area)) else { return };
        if accepted.is_fresh {
            self.loaded_at = Some(cx.now.utc);
            // Not beside the rows, which it would take the time from.
            if std::mem::take(&mut self.uncounted) {
                self.recount(cx);
            }
        }
        if let Some(page) = accepted.next {
            self.load(page, cx);
        }
        self.follow_selection(cx);
        if accepted.is_fresh && self.stale {
            self.refresh(cx);
        }
    }
}

impl Pane for Calculations {
    fn contexts(&self) -> &'static [Context] {
        if self.filter.typing() { &[INPUT] } else { &[CONTEXT, MOVE] }
    }

    fn typing(&self) -> bool {
        self.filter.typing()
    }

    fn enabled(&self, action: Action) -> bool {
        let chosen = self.chosen();
        match action {
            RUN => chosen.is_some_and(|chosen| !chosen.is_active()),
            EDIT => chosen.is_some_and(|chosen| chosen.is_draft()),
            STOP => !self.table.marked().is_empty() || chosen.is_some_and(|chosen| chosen.is_active()),
            WATCH => chosen.is_some_and(|chosen| !chosen.is_draft()),
            // A run may be over before its row says so: whether it can go is said when it is asked for.
            Action::Delete => !self.table.marked().is_empty() || chosen.is_some(),
            Action::Open | RUN_EDITED | Action::Mark | Action::Zoom => chosen.is_some(),
            Action::Copy => self.shown_result().is_some(),
            Action::New | FROM_TOOL | Action::Filter | FILTER_STATUS | SORT => self.opened,
            _ => true,
        }
    }

    fn update(&mut self, event: Event, cx: &mut Cx<'_>) {
        match event {
            Event::Action(action) => self.action(action, cx),
            Event::Key(key) => {
                if self.filter.key(key) {
                    self.restart(cx);
                }
            }
            Event::Paste(text) => {
                if self.filter.paste(&text) {
                    self.restart(cx);
                }
            }
            Event::Mouse(mouse) => self.mouse(mouse, cx),
            Event::Reply(ticket, reply) => self.reply(ticket, reply, cx),
            Event::Answer(ticket, answer) => {
                if let Some(question) = self.question.answered(ticket) {
                    self.answered(question, answer, cx);
                }
            }
            Event::Shown => {
                self.visible = true;
                if self.stale {
                    self.refresh(cx);
                }
            }
            Event::Hidden => self.visible = false,
            Event::Fact(Fact::Opened(_)) => {
                self.opened = true;
                self.restart(cx);
            }
            Event::Fact(Fact::CalculationsChanged | Fact::RunEnded(_)) => self.refresh(cx),
            Event::Fact(Fact::Resized) => self.table.keep_in_sight(self.rows(cx.area)),
            Event::Intent(Intent::Show(id)) => {
                (self.zoomed, self.in_detail, self.pinned) = (true, true, true);
                self.scroll = Scroll::default();
                self.table.select(id.0);
                self.load_detail(id, cx);
            }
            Event::Fact(Fact::ToolsChanged) | Event::Intent(_) | Event::Tick => {}
        }
    }

    fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        view::draw(self, frame, area, look);
    }

    fn tick(&self) -> Tick {
        if self.opened && self.table.is_loading() && !self.table.is_loaded() { Tick::Spinner } else { Tick::Never }
    }

    fn loaded_at(&self) -> Option<NaiveDateTime> {
        self.loaded_at
    }
}
