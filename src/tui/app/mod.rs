//! The app: panes, focus, the stack of dialogs, and who hears what.
//!
//! [`App::update`] takes one message and gives back what is to be done; [`App::view`] draws and decides nothing.

mod help;
mod input;
mod layers;
mod layout;
mod palette;
mod view;

#[cfg(test)]
mod tests;

use super::{
    action::Action,
    effect::Effect,
    keymap::Keymap,
    msg::{Failure, Msg, SessionInfo},
    pane::{Cx, Event, Fact, Intent, Now, Pane, PaneId, Tick},
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
    panes: [Box<dyn Pane>; 5],
    front: PaneId,
    history: Vec<PaneId>,
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
    /// A screen of this size, before anything is loaded. The panes stand in the order of [`PaneId::ALL`].
    pub fn new(panes: [Box<dyn Pane>; 5], settings: Settings, size: Size, now: Now) -> Self {
        Self {
            panes,
            front: PaneId::Calculations,
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
        }
    }

    /// Takes a message; what is to be done, in order.
    pub fn update(&mut self, msg: Msg, now: Now) -> Vec<Effect> {
        self.now = now;
        let mut work = Work::default();
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
            Msg::Reply(ticket, reply) => work.event(ticket.pane, Event::Reply(ticket, reply)),
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
        let mut work = Work::default();
        for id in PaneId::ALL {
            work.event(id, Event::Hidden);
        }
        self.work(&mut work);
        work.effects
    }

    /// Delivers events until nobody has anything more to say.
    fn work(&mut self, work: &mut Work) {
        while let Some((id, event)) = work.events.pop_front() {
            let body = Layout::of(self.size).body;
            let mut cx = Cx::new(id, body, self.now, &mut self.next_ticket);
            self.panes[id.index()].update(event, &mut cx);
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
        match intent.pane() {
            Some(id) => {
                self.go(id, work);
                work.event(id, Event::Intent(intent));
            }
            None => {
                if let Some(before) = self.history.pop() {
                    self.bring(before, work);
                }
            }
        }
    }

    /// Brings a pane to the front and remembers the way back.
    fn go(&mut self, id: PaneId, work: &mut Work) {
        if id != self.front {
            self.history.push(self.front);
            if self.history.len() > HISTORY {
                self.history.remove(0);
            }
            self.bring(id, work);
        }
    }

    fn bring(&mut self, id: PaneId, work: &mut Work) {
        if id != self.front {
            work.event(self.front, Event::Hidden);
            self.front = id;
            work.event(id, Event::Shown);
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
                work.event(ticket.pane, Event::Answer(ticket, answer));
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
                if let Some(pane) = pane {
                    self.go(pane, work);
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
                let front = self.front;
                let pane = &self.panes[front.index()];
                self.layers.push(Layer::palette(front, pane.as_ref(), &self.settings.keymap));
            }
            Action::Go(id) => self.go(id, work),
            Action::NextPane | Action::PreviousPane => {
                let count = PaneId::ALL.len();
                let step = if action == Action::NextPane { 1 } else { count - 1 };
                self.go(PaneId::ALL[(self.front.index() + step) % count], work);
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
        self.panes[self.front.index()].as_ref()
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
#[derive(Default)]
struct Work {
    events: VecDeque<(PaneId, Event)>,
    effects: Vec<Effect>,
}

impl Work {
    fn event(&mut self, pane: PaneId, event: Event) {
        self.events.push_back((pane, event));
    }

    fn fact(&mut self, fact: &Fact) {
        for id in PaneId::ALL {
            self.event(id, Event::Fact(fact.clone()));
        }
    }
}
