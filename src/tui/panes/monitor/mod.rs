//! The waiting and running calculations, and one of them live: state, time, resources, log.

mod commands;
mod declaration;
mod filter;
mod layout;
mod log;
mod moving;
mod samples;
#[cfg(test)]
mod tests;
mod view;
mod words;

use crate::{
    domain::{
        calculation::CalculationRow, detail::CalculationDetail, id::CalculationId, page::Page, run_state::RunState,
        status::Status,
    },
    tui::{
        action::{Action, Context, INPUT, MOVE},
        effect::{Effect, Ticket},
        msg::Failure,
        pane::{Cx, Event, Fact, Intent, Look, OpenQuestion, Pane, Tick},
        remote::Remote,
        request::{Reply, Request},
        widgets::{input::Input, log_view::LogView, toast::Toast},
    },
};
use chrono::{NaiveDateTime, TimeDelta};
pub use declaration::PANE;
use declaration::{CONTEXT, EDIT, EXPORT, FILTER_LINES, FOLLOW, RUN_EDITED, STOP, TIMES, WRAP};
use filter::LineFilter;
use layout::Parts;
use ratatui::{Frame, layout::Rect};
use samples::Samples;

const LIST: &str = "list";
const DETAIL: &str = "detail";
/// What the watched run does.
const WATCH: &str = "watch";
const LOG_LINES: &str = "log lines";
const LOG_SEARCH: &str = "log search";
const LOG_FILTER: &str = "log filter";
/// What is done to a run and its log.
const COMMANDS: &str = "commands";

/// Between two loads of the list that nothing asked for.
const LOAD: TimeDelta = TimeDelta::milliseconds(900);

/// The monitor.
#[derive(Default)]
pub struct MonitorPane {
    /// Waiting and running ones.
    runs: Remote<Page<CalculationRow>>,
    /// Rows changed while they were being loaded.
    stale: bool,
    /// When they were asked for last.
    loaded_at: Option<NaiveDateTime>,
    opened: bool,
    visible: bool,
    /// It was just brought to the front: something that lives is shown rather than what has ended.
    fresh: bool,
    /// The one that is watched; it stays when it ends.
    chosen: Option<CalculationId>,
    live: Remote<RunState>,
    samples: Samples,
    /// What an ended one left behind.
    detail: Remote<CalculationDetail>,
    log: LogView,
    tickets: log::Tickets,
    /// The log's lines with a text, while only these are shown.
    filter: Option<LineFilter>,
    /// The line that is being typed, and what for.
    prompt: Option<(Prompt, Input)>,
    in_log: bool,
    zoomed: bool,
    /// When a stop was asked for.
    stop_asked: Option<NaiveDateTime>,
    /// And then that it ends at once.
    kill_asked: bool,
    question: OpenQuestion<Question>,
    requested: Option<(Ticket, Requested)>,
}

/// What a text is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    Find,
    Filter,
}

/// What an open dialog is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Stop(CalculationId),
    Export(CalculationId),
}

/// A request whose reply is only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Requested {
    Stop,
    Kill,
    Export,
}

impl Pane for MonitorPane {
    fn contexts(&self) -> &'static [Context] {
        if self.prompt.is_some() { &[INPUT] } else { &[CONTEXT, MOVE] }
    }

    fn typing(&self) -> bool {
        self.prompt.is_some()
    }

    fn enabled(&self, action: Action) -> bool {
        let status = self.live.value().map(|live| live.status);
        let is_final = status.is_some_and(Status::is_final);
        match action {
            STOP => status.is_some_and(|status| !status.is_final()) && !self.kill_asked,
            Action::Open => !self.in_log && self.chosen.is_some() || is_final,
            EDIT | RUN_EDITED | FOLLOW | WRAP | TIMES | Action::Zoom => self.chosen.is_some(),
            Action::FindNext | Action::FindPrevious => !self.lines_view().search_text().is_empty(),
            Action::Find | FILTER_LINES | EXPORT => self.log.length() > 0,
            Action::Copy => self.lines_view().length() > 0,
            _ => true,
        }
    }

    fn update(&mut self, event: Event, cx: &mut Cx<'_>) {
        match event {
            Event::Action(action) => self.action(action, cx),
            Event::Key(key) => self.key(key),
            Event::Paste(text) => {
                if let Some((_, prompt)) = &mut self.prompt {
                    prompt.paste(&text);
                }
            }
            Event::Mouse(mouse) => self.mouse(mouse, cx),
            Event::Reply(ticket, reply) => self.reply(ticket, reply, cx),
            Event::Answer(ticket, answer) => self.answer(ticket, answer, cx),
            Event::Shown => self.shown(cx),
            Event::Hidden => {
                self.visible = false;
                cx.cancel(WATCH);
            }
            Event::Fact(fact) => self.fact(&fact, cx),
            Event::Intent(Intent::Watch(id)) => {
                (self.in_log, self.fresh) = (true, false);
                self.watch(id, cx);
            }
            // Runs of other programs start and end without a word. Ticks come more often than they do.
            Event::Tick
                if !self.runs.is_loading() && self.loaded_at.is_none_or(|at| (cx.now.utc - at).abs() >= LOAD) =>
            {
                self.load(cx);
            }
            Event::Intent(_) | Event::Tick => {}
        }
        let size = self.parts(cx.area).log.as_size();
        self.log.set_size(size);
        self.lines_view_mut().set_size(size);
        self.ask_filter(cx);
        self.ask_lines(cx);
    }

    fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        view::view(self, frame, area, look);
    }

    fn tick(&self) -> Tick {
        let chosen = self.live.value().is_some_and(|live| live.status == Status::Running);
        if self.is_behind() {
            Tick::Spinner
        } else if chosen || !self.rows().is_empty() {
            Tick::Second
        } else {
            Tick::Never
        }
    }
}

impl MonitorPane {
    /// The waiting and running ones, newest first.
    fn rows(&self) -> &[CalculationRow] {
        self.runs.value().map_or(&[], |page| &page.rows)
    }

    /// Whether the chosen one is in the list; an ended one is shown all the same.
    fn is_listed(&self) -> bool {
        self.rows().iter().any(|row| Some(row.id) == self.chosen)
    }

    fn parts(&self, area: Rect) -> Parts {
        let runs = self.rows().len() + usize::from(self.chosen.is_some() && !self.is_listed());
        // The layout must not jump while a run lives: its rows are those of its state.
        let rows = words::detail_rows(self, area.width);
        Parts::of(area, runs, rows, self.zoomed)
    }

    fn is_stopping(&self) -> bool {
        self.stop_asked.is_some() || self.live.value().is_some_and(|live| live.is_stopping() && !live.status.is_final())
    }

    fn load(&mut self, cx: &mut Cx<'_>) {
        (self.stale, self.loaded_at) = (false, Some(cx.now.utc));
        let ticket = cx.start(LIST, Request::ListActive);
        self.runs.ask(ticket);
    }

    /// Looks at another calculation (or again at this one).
    fn watch(&mut self, id: CalculationId, cx: &mut Cx<'_>) {
        if self.chosen != Some(id) {
            self.chosen = Some(id);
            self.samples = Samples::default();
            self.log.reset();
            self.live.clear();
            self.detail.clear();
            self.tickets = log::Tickets::default();
            (self.stop_asked, self.prompt, self.filter) = (None, None, None);
            self.kill_asked = false;
            cx.cancel(LOG_SEARCH);
            cx.cancel(LOG_FILTER);
        }
        if self.opened {
            let ticket = cx.start(WATCH, Request::Watch(id));
            self.live.ask(ticket);
            self.tickets.watch = Some(ticket);
        }
    }

    fn shown(&mut self, cx: &mut Cx<'_>) {
        self.visible = true;
        self.fresh = true;
        if self.opened {
            self.load(cx);
            if let Some(id) = self.chosen {
                self.watch(id, cx);
            }
        }
    }

    fn fact(&mut self, fact: &Fact, cx: &mut Cx<'_>) {
        // The end is seen before it is stored: what was read then lacks the result.
        if let Fact::RunEnded(id) = fact
            && self.chosen == Some(*id)
        {
            self.load_detail(*id, cx);
        }
        match fact {
            Fact::Opened(_) => {
                self.opened = true;
                if self.visible {
                    self.shown(cx);
                }
            }
            Fact::CalculationsChanged | Fact::RunEnded(_) if self.visible && self.opened => {
                if self.runs.is_loading() {
                    self.stale = true;
                } else {
                    self.load(cx);
                }
                // Whoever told of it has ended with a failure; the database may be back.
                if let (Some(id), true) = (self.chosen, self.live.failure().is_some()) {
                    self.watch(id, cx);
                }
            }
            _ => {}
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        if self.runs.expects(ticket) {
            self.runs.accept(ticket, reply);
            if self.stale {
                self.load(cx);
            }
            let ended = self.live.value().is_some_and(|live| live.status.is_final());
            // What runs is more worth a look than what waits.
            let running = self.rows().iter().find(|row| row.status == Status::Running);
            let best = running.or(self.rows().first()).map(|row| row.id);
            if let (true, Some(best)) = (self.chosen.is_none() || (self.fresh && ended), best) {
                self.watch(best, cx);
            }
            self.fresh = false;
        } else if self.tickets.watch == Some(ticket) {
            self.watched(reply, cx);
        } else if self.detail.expects(ticket) {
            self.detail.accept(ticket, reply);
        } else if let Some((_, requested)) = self.requested.take_if(|(expected, _)| *expected == ticket) {
            match (requested, reply) {
                (Requested::Export, Ok(Reply::Written(path))) => {
                    cx.toast(Toast::good(format!("The log was written to {}", path.display())));
                }
                (Requested::Stop | Requested::Kill, Ok(Reply::Done)) => {}
                (requested, other) => {
                    let failure = Reply::failed(other);
                    match requested {
                        Requested::Stop => self.stop_asked = None,
                        Requested::Kill => self.kill_asked = false,
                        Requested::Export => {}
                    }
                    cx.toast(Toast::bad(failure.message));
                }
            }
        } else {
            self.log_reply(ticket, reply, cx);
        }
    }

    /// Asks for what the ended run left behind.
    fn load_detail(&mut self, id: CalculationId, cx: &mut Cx<'_>) {
        let ticket = cx.start(DETAIL, Request::LoadCalculation(id));
        self.detail.ask(ticket);
    }

    /// Something about the watched run.
    fn watched(&mut self, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        match reply {
            Ok(Reply::Live(live)) => {
                if let Some(usage) = live.usage {
                    self.samples.push(usage);
                }
                let (id, status) = (live.calculation, live.status);
                let before = self.live.value().map(|live| live.status);
                self.live.set(*live);
                if status.is_final() {
                    self.stop_asked = None;
                    if before != Some(status) {
                        self.load_detail(id, cx);
                    }
                }
            }
            Ok(Reply::LogLength(lines)) => self.log_grew(lines),
            // Nothing more happens to it.
            Ok(Reply::Done) => {}
            other => self.live.finish(Err(Reply::failed(other))),
        }
    }

    fn action(&mut self, action: Action, cx: &mut Cx<'_>) {
        self.hurry();
        match action {
            Action::Accept => self.accept_prompt(cx),
            Action::Cancel => self.prompt = None,
            Action::Back => self.back(cx),
            Action::Open => self.open(cx),
            STOP => self.ask_stop(cx),
            FOLLOW => self.lines_view_mut().toggle_follow(),
            WRAP => self.each_view(LogView::toggle_wrap),
            TIMES => self.each_view(LogView::toggle_times),
            Action::Zoom => {
                self.zoomed = !self.zoomed;
                self.in_log |= self.zoomed;
            }
            Action::Find => self.prompt = Some((Prompt::Find, Input::selected(self.lines_view().search_text()))),
            FILTER_LINES => {
                let text = self.filter.as_ref().map_or("", |filter| &filter.text);
                self.prompt = Some((Prompt::Filter, Input::selected(text)));
            }
            Action::FindNext => self.next_match(false, cx),
            Action::FindPrevious => self.next_match(true, cx),
            Action::Copy => {
                let text = self.lines_view().seen_text();
                let lines = text.lines().count();
                cx.toast(Toast::info(format!("Sent {lines} lines to the terminal's clipboard")));
                cx.effects.push(Effect::Copy(text));
            }
            EXPORT => self.ask_export(cx),
            EDIT => self.edit(cx),
            RUN_EDITED => {
                if let Some(id) = self.chosen {
                    cx.intent(Intent::EditCopy(id));
                }
            }
            Action::Left => {
                if !(self.in_log && self.lines_view_mut().go_left()) {
                    (self.in_log, self.zoomed) = (false, false);
                }
            }
            Action::Right if self.in_log => self.lines_view_mut().go_right(),
            Action::Right => self.in_log = true,
            action if self.scrolls_log() => self.scroll(action),
            action => self.choose(action, cx),
        }
    }
}
