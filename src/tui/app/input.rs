//! Keys, pasted text and the mouse: who gets them.

use super::{App, Work, layers::Layer, layout, layout::Layout, tabs::tabs};
use crate::tui::{
    action::{Action, GLOBAL},
    effect::Effect,
    keymap::Key,
    msg::Mouse,
    pane::Event,
    widgets::toast::Kind as ToastKind,
};
use ratatui::layout::Position;

impl App {
    pub(super) fn key(&mut self, key: Key, work: &mut Work) {
        if self.toast.as_ref().is_some_and(|(toast, _)| toast.kind == ToastKind::Bad) {
            self.toast = None;
        }
        if self.is_blind() {
            return self.blind_key(key, work);
        }
        if self.layers.is_empty() {
            let pane = self.pane();
            let plain = pane.typing() && key.character().is_some();
            let action = if plain { None } else { self.settings.keymap.action(pane.contexts(), key) };
            match action {
                Some(action) => self.action(action, work),
                None if self.pane().typing() => work.event(self.front, Event::Key(key)),
                None => {}
            }
            return;
        }
        // What works above every dialog, and what closes them all the same.
        match self.settings.keymap.action_in(&[GLOBAL], key) {
            Some(action @ (Action::Suspend | Action::Redraw)) => return self.action(action, work),
            Some(Action::Quit) if key.character().is_none() => {
                // That question has no other way past it than an answer.
                if let Some(Layer::Agree(_)) = self.layers.pop() {
                    work.effects.push(Effect::Quit);
                }
                return;
            }
            _ => {}
        }
        let area = self.screen();
        if let Some(layer) = self.layers.last_mut() {
            let step = layer.key(key, &self.settings.keymap, area);
            self.layer_step(step, work);
        }
    }

    /// Whether the panes are not to be seen: nothing that is typed may reach them.
    fn is_blind(&self) -> bool {
        layout::is_too_small(self.size) || (self.is_closed() && self.layers.is_empty())
    }

    /// Whether the database could not be opened.
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.place, Some(Err(_)))
    }

    /// What leads out works all the same.
    fn blind_key(&mut self, key: Key, work: &mut Work) {
        match self.settings.keymap.action_in(&[GLOBAL], key) {
            // Nobody would see a question; what is unsaved is kept as a draft by leaving.
            Some(Action::Quit) if layout::is_too_small(self.size) => work.effects.push(Effect::Quit),
            Some(Action::Help) if layout::is_too_small(self.size) => {}
            Some(action @ (Action::Quit | Action::Help | Action::Suspend | Action::Redraw)) => {
                self.action(action, work);
            }
            _ => {}
        }
    }

    pub(super) fn paste(&mut self, text: &str, work: &mut Work) {
        // Terminals send line ends as carriage returns.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        if self.is_blind() {
        } else if let Some(layer) = self.layers.last_mut() {
            layer.paste(&text);
        } else if self.pane().typing() {
            work.event(self.front, Event::Paste(text));
        }
    }

    pub(super) fn mouse(&mut self, mouse: Mouse, work: &mut Work) {
        let (Mouse::Click { column, row } | Mouse::Wheel { column, row, .. }) = mouse;
        let at = Position { x: column, y: row };
        let layout = Layout::of(self.size);
        if !self.layers.is_empty() {
            return;
        }
        if layout.body.contains(at) {
            work.event(self.front, Event::Mouse(mouse));
        } else if matches!(mouse, Mouse::Click { .. })
            && let Some(to) = tabs(layout.tabs, self.specs, self.front).iter().position(|tab| tab.area.contains(at))
        {
            self.go(to, work);
        }
    }
}
