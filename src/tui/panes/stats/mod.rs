//! Figures: the user's own, the newest calculations, the size, load and upkeep of the database.

mod declaration;
mod view;

#[cfg(test)]
mod tests;

use crate::{
    domain::statistics::{Figures, Health},
    tui::{
        action::{Action, Context, MOVE},
        effect::Ticket,
        msg::{Failure, Mouse},
        pane::{Cx, Event, Fact, Intent, Look, Pane, Tick},
        remote::Remote,
        request::{Reply, Request},
        widgets::scroll::Scroll,
    },
};
use chrono::{NaiveDateTime, TimeDelta};
use declaration::CONTEXT;
pub use declaration::PANE;
use ratatui::{Frame, layout::Rect};

const FIGURES: &str = "figures";
const HEALTH: &str = "health";

/// A change of rows asks for the database's health no more often than this: it is many questions.
const HEALTH_EVERY: TimeDelta = TimeDelta::seconds(5);

/// The pane; what it shows is asked for when it is seen.
#[derive(Debug, Default)]
pub struct Stats {
    figures: Remote<Figures>,
    health: Remote<Health>,
    health_at: Option<NaiveDateTime>,
    scroll: Scroll,
    opened: bool,
    visible: bool,
    /// Rows changed while the figures were being loaded.
    stale: bool,
    loaded_at: Option<NaiveDateTime>,
}

impl Stats {
    /// Asks for everything again; what is there stays until the answer.
    fn load(&mut self, cx: &mut Cx<'_>) {
        self.load_figures(cx);
        self.load_health(cx);
    }

    fn load_figures(&mut self, cx: &mut Cx<'_>) {
        self.stale = false;
        let ticket = cx.start(FIGURES, Request::LoadFigures);
        self.figures.ask(ticket);
    }

    fn load_health(&mut self, cx: &mut Cx<'_>) {
        self.health_at = Some(cx.now.utc);
        let ticket = cx.start(HEALTH, Request::LoadHealth);
        self.health.ask(ticket);
    }

    /// Rows changed: their figures follow, the health at its pace.
    fn changed(&mut self, cx: &mut Cx<'_>) {
        if !self.visible || !self.opened {
            // Coming to the front loads anyway.
            return;
        }
        if self.figures.is_loading() {
            self.stale = true;
            return;
        }
        self.load_figures(cx);
        if self.health_at.is_none_or(|at| cx.now.utc - at >= HEALTH_EVERY) && !self.health.is_loading() {
            self.load_health(cx);
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: Result<Reply, Failure>, cx: &mut Cx<'_>) {
        let taken = if self.figures.expects(ticket) {
            self.figures.accept(ticket, reply) && self.figures.failure().is_none()
        } else {
            self.health.accept(ticket, reply) && self.health.failure().is_none()
        };
        if taken {
            self.loaded_at = Some(cx.now.utc);
        }
        if self.stale && !self.figures.is_loading() && self.figures.failure().is_none() {
            self.changed(cx);
        }
    }

    fn scroll(&mut self, action: Action, cx: &Cx<'_>) -> bool {
        let lines = view::height(self, cx.area, cx.now);
        self.scroll.action(action, lines, usize::from(cx.area.height))
    }
}

impl Pane for Stats {
    fn contexts(&self) -> &'static [Context] {
        &[CONTEXT, MOVE]
    }

    fn update(&mut self, event: Event, cx: &mut Cx<'_>) {
        match event {
            Event::Action(Action::Reload) if self.opened => self.load(cx),
            Event::Action(Action::Back) => cx.intent(Intent::Back),
            Event::Action(action) => drop(self.scroll(action, cx)),
            Event::Mouse(Mouse::Wheel { lines, .. }) => {
                for action in Action::wheel(lines) {
                    self.scroll(action, cx);
                }
            }
            Event::Reply(ticket, reply) => self.reply(ticket, reply, cx),
            Event::Shown => {
                self.visible = true;
                if self.opened {
                    self.load(cx);
                }
            }
            Event::Hidden => self.visible = false,
            Event::Fact(Fact::Opened(_)) => {
                self.opened = true;
                if self.visible {
                    self.load(cx);
                }
            }
            Event::Fact(Fact::CalculationsChanged | Fact::ToolsChanged | Fact::RunEnded(_)) => self.changed(cx),
            _ => {}
        }
    }

    fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        view::draw(self, frame, area, look);
    }

    fn tick(&self) -> Tick {
        let waits = |is_loading, is_there: bool| is_loading && !is_there;
        let spins = waits(self.figures.is_loading(), self.figures.value().is_some())
            || waits(self.health.is_loading(), self.health.value().is_some());
        if spins { Tick::Spinner } else { Tick::Never }
    }

    fn loaded_at(&self) -> Option<NaiveDateTime> {
        self.loaded_at
    }
}
