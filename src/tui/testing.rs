//! A bench for one pane: keys in, effects out, the screen as text. No runtime, no clock, no database.

use super::{
    action::Action,
    effect::{Effect, Ticket},
    keymap::{Key, Keymap},
    msg::Failure,
    pane::{Cx, Event, Fact, Intent, Look, Now, Pane, PaneId, PaneSpec},
    panes,
    request::{Reply, Request},
    theme::Theme,
    widgets::{
        dialog::{Answer, Dialog},
        toast::Toast,
    },
};
use crate::domain::{
    id::{ToolId, UserId},
    limits::Limits,
    tool::Tool,
};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use ratatui::{Terminal, backend::TestBackend, layout::Rect};

/// 2026-11-22 14:00:00, shown as UTC+01:00.
pub fn now() -> Now {
    fn local(utc: NaiveDateTime) -> DateTime<FixedOffset> {
        DateTime::from_naive_utc_and_offset(utc, FixedOffset::east_opt(3_600).unwrap())
    }
    Now { utc: NaiveDate::from_ymd_opt(2026, 11, 22).unwrap().and_hms_opt(14, 0, 0).unwrap(), local }
}

/// A tool that is offered; tests say what they need of it.
pub fn tool(id: i64) -> Tool {
    Tool {
        id: ToolId(id),
        name: format!("tool_{id}"),
        display_name: "Beam deflection".to_owned(),
        description: "Source: Timoshenko.".to_owned(),
        version: "1.0.0".to_owned(),
        code_template: "def calculate(load_kN=10.0):\n    return {\"w_mm\": load_kN / 2}\n".to_owned(),
        docker_image: "python:3.12-slim".to_owned(),
        limits: Limits::default(),
        created_at: now().utc,
        updated_at: now().utc,
        is_active: true,
        author_id: UserId(1),
        current_version: None,
    }
}

/// What a pane could declare that has these words on its tab; it is the statistics.
pub const fn declared(id: &'static str, title: &'static str, short_title: &'static str) -> PaneSpec {
    let make = panes::stats::PANE.make;
    PaneSpec { id: PaneId(id), title, short_title, doc: "A pane of the tests", contexts: &[], takes: |_| false, make }
}

/// A pane on the bench, and everything it has asked for since [`Bench::clear`].
pub struct Bench<P> {
    /// The pane.
    pub pane: P,
    /// Which one it is.
    pub id: PaneId,
    /// Its area.
    pub area: Rect,
    /// The time.
    pub now: Now,
    /// Its colours.
    pub theme: Theme,
    /// What it asked of the world.
    pub effects: Vec<Effect>,
    /// What it asked of others.
    pub intents: Vec<Intent>,
    /// What it told everybody.
    pub facts: Vec<Fact>,
    /// What it said.
    pub toasts: Vec<Toast>,
    /// What it asked the user, and was not answered.
    pub dialogs: Vec<(Ticket, Dialog)>,
    next: u64,
    keymap: Keymap,
}

impl<P: Pane> Bench<P> {
    /// The pane that `spec` declares at 80x24, less the app's header, tabs and hints. It is not in front yet.
    pub fn new(spec: &'static PaneSpec, pane: P) -> Self {
        Self {
            pane,
            id: spec.id,
            area: Rect::new(0, 0, 80, 21),
            now: now(),
            theme: Theme::dark(),
            effects: Vec::new(),
            intents: Vec::new(),
            facts: Vec::new(),
            toasts: Vec::new(),
            dialogs: Vec::new(),
            next: 0,
            keymap: Keymap::new(&[spec]),
        }
    }

    /// Gives the pane another size.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.area = Rect::new(0, 0, width, height);
        self.event(Event::Fact(Fact::Resized));
    }

    /// One event.
    pub fn event(&mut self, event: Event) {
        let mut cx = Cx::new(self.id, self.area, self.now, &mut self.next);
        self.pane.update(event, &mut cx);
        self.effects.append(&mut cx.effects);
        self.intents.append(&mut cx.intents);
        self.facts.append(&mut cx.facts);
        self.toasts.append(&mut cx.toasts);
        self.dialogs.append(&mut cx.dialogs);
    }

    /// Keys as the keymap writes them, separated by blanks: `down down enter ctrl-s`.
    pub fn keys(&mut self, keys: &str) {
        for text in keys.split_whitespace() {
            self.key(text.parse().unwrap());
        }
    }

    /// Types a text, character by character.
    pub fn text(&mut self, text: &str) {
        for c in text.chars() {
            self.key(Key::plain(crossterm::event::KeyCode::Char(c)));
        }
    }

    fn key(&mut self, key: Key) {
        let plain = self.pane.typing() && key.character().is_some();
        let action = (!plain).then(|| self.keymap.action(self.pane.contexts(), key)).flatten();
        match action {
            Some(action) => self.action(action),
            None if self.pane.typing() => self.event(Event::Key(key)),
            None => panic!("{key} means nothing here"),
        }
    }

    /// A command, if it is enabled.
    pub fn action(&mut self, action: Action) {
        if self.pane.enabled(action) {
            self.event(Event::Action(action));
        }
    }

    /// The newest request and its ticket.
    pub fn request(&self) -> (Ticket, &Request) {
        self.started().last().expect("nothing was asked for")
    }

    /// Every request since [`Bench::clear`], in order.
    pub fn requests(&self) -> Vec<Request> {
        self.started().map(|(_, request)| request.clone()).collect()
    }

    /// The ticket of the newest request that is like this.
    pub fn ticket_of(&self, like: impl Fn(&Request) -> bool) -> Ticket {
        self.started().filter(|(_, request)| like(request)).last().expect("nothing like this was asked for").0
    }

    fn started(&self) -> impl Iterator<Item = (Ticket, &Request)> {
        self.effects.iter().filter_map(|effect| match effect {
            Effect::Start { ticket, request, .. } => Some((*ticket, request)),
            _ => None,
        })
    }

    /// Replies to the newest request.
    pub fn reply(&mut self, reply: Reply) {
        let ticket = self.request().0;
        self.event(Event::Reply(ticket, Ok(reply)));
    }

    /// Fails the newest request.
    pub fn fail(&mut self, message: &str) {
        let ticket = self.request().0;
        self.event(Event::Reply(ticket, Err(Failure::new(message))));
    }

    /// Answers the newest dialog.
    pub fn answer(&mut self, answer: Answer) {
        let ticket = self.dialogs.pop().expect("no dialog is open").0;
        self.event(Event::Answer(ticket, answer));
    }

    /// Forgets what was asked for.
    pub fn clear(&mut self) {
        self.effects.clear();
        self.intents.clear();
        self.facts.clear();
        self.toasts.clear();
    }

    /// The pane as text, without trailing blanks.
    pub fn screen(&self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(self.area.width, self.area.height)).unwrap();
        let look = Look { theme: &self.theme, now: self.now, spin: 0 };
        terminal.draw(|frame| self.pane.view(frame, self.area, &look)).unwrap();
        text_of(terminal.backend().buffer())
    }
}

/// A buffer as text, one line a row, without trailing blanks.
pub fn text_of(buffer: &ratatui::buffer::Buffer) -> String {
    use unicode_width::UnicodeWidthStr;
    let mut text = String::new();
    for y in buffer.area.rows() {
        let mut line = String::new();
        let mut skip = 0;
        for position in y.positions() {
            let symbol = buffer[position].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = symbol.width().max(1);
            }
            skip -= 1;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
