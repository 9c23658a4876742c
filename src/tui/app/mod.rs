//! The app: panes, focus, the stack of dialogs, and who hears what.
//!
//! [`App::update`] takes one message and gives back what is to be done; [`App::view`] draws and decides nothing.

mod help;
mod input;
mod layers;
mod layout;
mod palette;
mod tabs;
mod view;

#[cfg(test)]
mod tests;

use super::{
    action::Action,
    effect::Effect,
    keymap::Keymap,
    msg::{Failure, Msg, SessionInfo},
    pane::{Cx, Event, Fact, Intent, Now, Pane, PaneId, PaneSpec, Tick},
    theme::Theme,
    widgets::toast::{Kind as ToastKind, Toast},
};
use crate::domain::change::Kind;
use chrono::{NaiveDateTime, TimeDelta};
use layers::{Layer, LayerStep};
use layout::Layout;
use ratatui::layout::{Rect, Size};
use std::collections::VecDeque;

/// How long a sentence stays.
const TOAST_TIME: TimeDelta = TimeDelta::seconds(5);
/// Panes remembered for the way back.
const HISTORY: usize = 32;

/// What the screen starts with.
#[derive(Debug)]
pub struct Settings {
    /// Keys.
    pub keymap: Keymap,
    /// Colours.
    pub theme: Theme,
    /// The profile's name, for the header.
    pub profile: String,
    /// Whether mouse reports are on.
    pub mouse: bool,
}

/// The whole screen.
pub struct App {
    /// What the panes say of themselves, in the order of their tabs.
    specs: &'static [&'static PaneSpec],
    /// The panes, in the same order.
    panes: Vec<Box<dyn Pane>>,
    /// The place of the one in front.
    front: usize,
    history: Vec<usize>,
    layers: Vec<Layer>,
    toast: Option<(Toast, NaiveDateTime)>,
    place: Option<Result<SessionInfo, Failure>>,
    /// Why the database tells no changes: what is shown may be old.
    silent: Option<String>,
    /// Since when the database does not answer, UTC.
    away: Option<NaiveDateTime>,
    settings: Settings,
    size: Size,
    now: Now,
    next_ticket: u64,
    spin: usize,
    focused: bool,
}

impl App {
    /// A screen of this size with these panes, the first in front, before anything is loaded.
    pub fn new(specs: &'static [&'static PaneSpec], settings: Settings, size: Size, now: Now) -> Self {
        let mut app = Self {
            specs,
            panes: specs.iter().map(|spec| (spec.make)()).collect(),
            front: 0,
            history: Vec::new(),
            layers: Vec::new(),
            toast: None,
            place: None,
            silent: None,
            away: None,
            settings,
            size,
            now,
            next_ticket: 0,
            spin: 0,
            focused: true,
        };
        let mut work = Work::new(app.panes.len());
        work.event(app.front, Event::Shown);
        app.work(&mut work);
        debug_assert!(work.effects.is_empty(), "there is nothing to ask for before the database is open");
        app
    }

    /// Takes a message; what is to be done, in order.
    pub fn update(&mut self, msg: Msg, now: Now) -> Vec<Effect> {
        self.now = now;
        let mut work = Work::new(self.panes.len());
        match msg {
            Msg::Key(key) => self.key(key, &mut work),
            Msg::Paste(text) => self.paste(&text, &mut work),
            Msg::Mouse(mouse) => self.mouse(mouse, &mut work),
            Msg::Resize(width, height) => {
                self.size = Size { width, height };
                work.fact(&Fact::Resized);
            }
            Msg::Focus(focused) => self.focused = focused,
            Msg::Tick => {
                self.spin = self.spin.wrapping_add(1);
                work.event(self.front, Event::Tick);
            }
            Msg::Reply(ticket, reply) => self.event(ticket.pane, Event::Reply(ticket, reply), &mut work),
            Msg::Opened(place) => {
                let place = place.map(|place| *place);
                if let Ok(place) = &place {
                    work.fact(&Fact::Opened(place.clone()));
                    if place.ask {
                        self.layers.push(Layer::agree(&place.database));
                    }
                }
                self.place = Some(place);
            }
            Msg::Sandbox { name, ready } => {
                if let Some(Ok(known)) = &mut self.place {
                    (known.sandbox, known.ready) = (name, ready);
                }
            }
            Msg::ConnectionLost(why) => {
                if self.away.is_none() {
                    self.away = Some(now.utc);
                }
                self.say(Toast::bad(why));
            }
            Msg::ConnectionRestored => {
                if self.away.take().is_some() {
                    self.say(Toast::info("the database answers again"));
                }
                work.fact(&Fact::CalculationsChanged);
                work.fact(&Fact::ToolsChanged);
            }
            Msg::Notice(text) => self.say(Toast::info(text)),
            Msg::Changed => work.fact(&Fact::CalculationsChanged),
            Msg::Rows(kinds) => {
                if kinds.has(Kind::Calculations) || kinds.has(Kind::Files) {
                    work.fact(&Fact::CalculationsChanged);
                }
                if kinds.has(Kind::Tools) {
                    work.fact(&Fact::ToolsChanged);
                }
            }
            Msg::ChangesUnavailable(why) => {
                if self.silent.is_none() {
                    self.say(Toast::bad(why.clone()));
                }
                self.silent = Some(why);
            }
            Msg::ChangesAvailable => self.silent = None,
            Msg::RunEnded(id) => {
                work.fact(&Fact::RunEnded(id));
                // The runtime sends it only where nobody looks.
                work.effects.push(Effect::Notify(format!("mecapy: calculation {id} ended")));
            }
        }
        self.work(&mut work);
        let is_over =
            |(toast, since): &(Toast, NaiveDateTime)| toast.kind != ToastKind::Bad && now.utc - *since > TOAST_TIME;
        self.toast.take_if(|toast| is_over(toast));
        work.effects
    }

    /// The program ends: panes keep what is unsaved.
    pub fn close(&mut self, now: Now) -> Vec<Effect> {
        self.now = now;
        let mut work = Work::new(self.panes.len());
        for at in 0..self.panes.len() {
            work.event(at, Event::Hidden);
        }
        self.work(&mut work);
        work.effects
    }

    /// Delivers events until nobody has anything more to say.
    fn work(&mut self, work: &mut Work) {
        while let Some((at, event)) = work.events.pop_front() {
            let body = Layout::of(self.size).body;
            let mut cx = Cx::new(self.specs[at].id, body, self.now, &mut self.next_ticket);
            self.panes[at].update(event, &mut cx);
            let Cx { effects, intents, facts, toasts, dialogs, .. } = cx;
            work.effects.extend(effects);
            for fact in facts {
                work.fact(&fact);
            }
            for toast in toasts {
                self.say(toast);
            }
            for (ticket, dialog) in dialogs {
                self.layers.push(Layer::dialog(ticket, dialog));
            }
            for intent in intents {
                self.intent(intent, work);
            }
        }
    }

    fn intent(&mut self, intent: Intent, work: &mut Work) {
        if intent == Intent::Back {
            if let Some(before) = self.history.pop() {
                self.bring(before, work);
            }
        } else if let Some(at) = self.specs.iter().position(|spec| (spec.takes)(&intent)) {
            self.go(at, work);
            work.event(at, Event::Intent(intent));
        }
    }

    /// The place of a pane; `None` where there is none of this name.
    fn place_of(&self, id: PaneId) -> Option<usize> {
        self.specs.iter().position(|spec| spec.id == id)
    }

    fn event(&self, id: PaneId, event: Event, work: &mut Work) {
        if let Some(at) = self.place_of(id) {
            work.event(at, event);
        }
    }

    /// Brings a pane to the front and remembers the way back.
    fn go(&mut self, to: usize, work: &mut Work) {
        if to != self.front {
            self.history.push(self.front);
            if self.history.len() > HISTORY {
                self.history.remove(0);
            }
            self.bring(to, work);
        }
    }

    fn bring(&mut self, to: usize, work: &mut Work) {
        if to != self.front {
            work.event(self.front, Event::Hidden);
            self.front = to;
            work.event(to, Event::Shown);
        }
    }

    fn say(&mut self, toast: Toast) {
        self.toast = Some((toast, self.now.utc));
    }

    fn layer_step(&mut self, step: LayerStep, work: &mut Work) {
        match step {
            LayerStep::Stay => {}
            LayerStep::Close => {
                self.layers.pop();
            }
            LayerStep::Answer(ticket, answer) => {
                self.layers.pop();
                self.event(ticket.pane, Event::Answer(ticket, answer), work);
            }
            LayerStep::Quit => {
                self.layers.pop();
                work.effects.push(Effect::Quit);
            }
            LayerStep::Agreed => {
                self.layers.pop();
                work.effects.push(Effect::Agree);
            }
            LayerStep::Command(pane, action) => {
                self.layers.pop();
                if let Some(at) = pane.and_then(|pane| self.place_of(pane)) {
                    self.go(at, work);
                    // The pane must have been shown before it is told what to do.
                    self.work(work);
                }
                self.action(action, work);
            }
        }
    }

    fn action(&mut self, action: Action, work: &mut Work) {
        match action {
            Action::Quit => self.quit(work),
            Action::Help => self.layers.push(Layer::help(self.pane().contexts(), &self.settings.keymap)),
            Action::Palette => {
                let front = self.specs[self.front].id;
                self.layers.push(Layer::palette(front, self.pane(), &self.settings.keymap));
            }
            Action::Go(id) => {
                if let Some(at) = self.place_of(id) {
                    self.go(at, work);
                }
            }
            Action::NextPane | Action::PreviousPane => {
                let count = self.panes.len();
                let step = if action == Action::NextPane { 1 } else { count - 1 };
                self.go((self.front + step) % count, work);
            }
            Action::Suspend => work.effects.push(Effect::Suspend),
            Action::Redraw => work.effects.push(Effect::Redraw),
            Action::ToggleMouse => {
                self.settings.mouse = !self.settings.mouse;
                work.effects.push(Effect::Mouse(self.settings.mouse));
                self.say(Toast::info(if self.settings.mouse {
                    "The mouse works here now; hold Shift to select text with it"
                } else {
                    "The mouse is the terminal's again"
                }));
            }
            action if self.pane().enabled(action) => work.event(self.front, Event::Action(action)),
            _ => {}
        }
    }

    /// Asks first where text would be lost.
    fn quit(&mut self, work: &mut Work) {
        let unsaved: Vec<String> = self.panes.iter().filter_map(|pane| pane.unsaved()).collect();
        if unsaved.is_empty() {
            work.effects.push(Effect::Quit);
        } else {
            self.layers.push(Layer::quit(unsaved));
        }
    }

    fn pane(&self) -> &dyn Pane {
        self.panes[self.front].as_ref()
    }

    fn screen(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.size.width, height: self.size.height }
    }

    /// How often [`Msg::Tick`] is needed now.
    pub fn tick(&self) -> Tick {
        let expiring = self.toast.as_ref().is_some_and(|(toast, _)| toast.kind != ToastKind::Bad);
        let toast = if expiring { Tick::Second } else { Tick::Never };
        self.pane().tick().max(toast)
    }

    /// Whether the pane in front shows what it read.
    pub fn has_loaded(&self) -> bool {
        self.pane().loaded_at().is_some()
    }

    /// Whether the terminal's window has the focus, as far as the terminal says so.
    pub const fn is_focused(&self) -> bool {
        self.focused
    }
}

/// What is still to be delivered and done.
struct Work {
    /// How many panes hear a fact.
    panes: usize,
    /// Each for the pane at this place.
    events: VecDeque<(usize, Event)>,
    effects: Vec<Effect>,
}

impl Work {
    const fn new(panes: usize) -> Self {
        Self { panes, events: VecDeque::new(), effects: Vec::new() }
    }

    fn event(&mut self, at: usize, event: Event) {
        self.events.push_back((at, event));
    }

    fn fact(&mut self, fact: &Fact) {
        for at in 0..self.panes {
            self.event(at, Event::Fact(fact.clone()));
        }
    }
}
