//! What a pane is: state, an update that returns plain data, a view that decides nothing.

use super::{
    action::{Action, Context},
    effect::{Effect, Slot, Ticket},
    keymap::Key,
    msg::{Failure, Mouse, SessionInfo},
    request::{Reply, Request},
    theme::Theme,
    widgets::{
        dialog::{Answer, Dialog},
        toast::Toast,
    },
};
use crate::domain::{
    id::{CalculationId, ToolId},
    text::SafeText,
};
use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDateTime, Timelike as _};
use ratatui::{Frame, layout::Rect};

/// Names a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PaneId(pub &'static str);

/// What a pane tells the program of itself. It stands in the pane's folder; [`super::panes::PANES`] lists all of them.
#[derive(Debug)]
pub struct PaneSpec {
    /// Its name, also that of the command which brings it to the front.
    pub id: PaneId,
    /// The word on its tab.
    pub title: &'static str,
    /// The word on its tab where not all titles have room.
    pub short_title: &'static str,
    /// What help says of the command that brings it to the front.
    pub doc: &'static str,
    /// The contexts of its own, with their commands, in the order of the help page.
    pub contexts: &'static [Context],
    /// Whether it does what another pane wants; each intent has one pane that does it, or the app.
    pub takes: fn(&Intent) -> bool,
    /// Makes it, before anything is loaded.
    pub make: fn() -> Box<dyn Pane>,
}

/// What a pane hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A command of one of its contexts.
    Action(Action),
    /// A key that no command claims, for text fields; only while [`Pane::typing`].
    Key(Key),
    /// Pasted text, for text fields; line ends are `\n`.
    Paste(String),
    /// The mouse, inside the pane's area.
    Mouse(Mouse),
    /// The reply to its ticket.
    Reply(Ticket, Result<Reply, Failure>),
    /// What the dialog of this ticket was answered; a dialog closed with Esc answers nothing.
    Answer(Ticket, Answer),
    /// It came to the front. The pane that is in front at the start hears this first of all, before
    /// [`Fact::Opened`]: there is nothing to ask for yet.
    Shown,
    /// Another pane is in front now; a good moment to keep a draft.
    Hidden,
    /// Time passed; see [`Pane::tick`].
    Tick,
    /// Something that everybody hears.
    Fact(Fact),
    /// Another pane, the palette or the app wants something that this pane does.
    Intent(Intent),
}

/// What everybody hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The database is open: load now.
    Opened(SessionInfo),
    /// Rows of calculations were added, changed or deleted; own or of other programs.
    CalculationsChanged,
    /// Tools were added, changed or taken off the catalogue; own or of other programs.
    ToolsChanged,
    /// A run ended. Its row changed, too.
    RunEnded(CalculationId),
    /// The pane's area changed its size: ask for more rows if it grew.
    Resized,
}

/// What a pane wants that is not its own to do. The app brings the pane that [`PaneSpec::takes`] it to the front and
/// delivers it there; [`Intent::Back`] is the app's own.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// An empty calculation in the editor.
    New,
    /// A calculation made from a tool, in the editor, ready to run.
    FromTool(ToolId),
    /// The catalogue, to choose a tool from.
    ChooseTool,
    /// Edit a calculation that was not started yet.
    Edit(CalculationId),
    /// An edited copy of a calculation, every setting copied.
    EditCopy(CalculationId),
    /// Edit, with the cursor on this line of the code (from 1).
    EditAt(CalculationId, u32),
    /// Watch a waiting, running or ended calculation.
    Watch(CalculationId),
    /// Show one in the list of calculations, with its result.
    Show(CalculationId),
    /// Esc with nothing left to close: the pane that was in front before.
    Back,
}

/// How often a visible pane needs [`Event::Tick`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Tick {
    /// Nothing on it depends on the time.
    #[default]
    Never,
    /// A running clock: once a second.
    Second,
    /// A spinner: four times a second, while something visible loads.
    Spinner,
}

/// The time, as the runtime says it: panes have no clock.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// UTC.
    pub utc: NaiveDateTime,
    /// Turns UTC into the user's zone.
    pub local: fn(NaiveDateTime) -> DateTime<FixedOffset>,
}

impl Now {
    /// `2026-11-22 14:03:22 +01:00` in the user's zone.
    pub fn stamp(&self, utc: NaiveDateTime) -> String {
        (self.local)(utc).format("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// For lists: `14:03:22` today, `11-21 14:03` this year, `2025-11-21` before, in the user's zone.
    pub fn short(&self, utc: NaiveDateTime) -> String {
        let (then, today) = ((self.local)(utc), (self.local)(self.utc));
        // Not by a pattern, which is read anew for each of a hundred times on a screen.
        let (year, month, day) = (then.year(), then.month(), then.day());
        if then.date_naive() == today.date_naive() {
            format!("{:02}:{:02}:{:02}", then.hour(), then.minute(), then.second())
        } else if year == today.year() {
            format!("{month:02}-{day:02} {:02}:{:02}", then.hour(), then.minute())
        } else {
            format!("{year:04}-{month:02}-{day:02}")
        }
    }
}

/// What a view may look at besides the pane.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Colours and marks.
    pub theme: &'a Theme,
    /// The time of the newest message.
    pub now: Now,
    /// Counts spinner steps.
    pub spin: usize,
}

/// A pane. The methods are called by the app alone.
pub trait Pane {
    /// The contexts in which a key is looked up, the nearest first; the global one is always asked last.
    fn contexts(&self) -> &'static [Context];

    /// Whether a text field has the input: plain characters then never are commands.
    fn typing(&self) -> bool {
        false
    }

    /// Whether a command makes sense now: others are greyed in the palette, left out of the hints and do nothing.
    fn enabled(&self, _action: Action) -> bool {
        true
    }

    /// Takes an event; what is to happen goes into `cx`.
    fn update(&mut self, event: Event, cx: &mut Cx<'_>);

    /// Draws into `area`. Decides nothing.
    fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>);

    /// How often it needs the time while it is in front.
    fn tick(&self) -> Tick {
        Tick::Never
    }

    /// UTC of the newest load of what it shows: the age of its data.
    fn loaded_at(&self) -> Option<NaiveDateTime> {
        None
    }

    /// Text that would be lost by quitting now, in a few words (`the draft of "Beam"`).
    fn unsaved(&self) -> Option<String> {
        None
    }
}

/// Where an update puts what is to happen.
#[derive(Debug)]
pub struct Cx<'a> {
    /// Whose update it is.
    pub pane: PaneId,
    /// The pane's area on the screen; the same that its view gets.
    pub area: Rect,
    /// The time.
    pub now: Now,
    pub(super) next: &'a mut u64,
    /// Requests, in order.
    pub effects: Vec<Effect>,
    /// What others are to do.
    pub intents: Vec<Intent>,
    /// What everybody is to hear.
    pub facts: Vec<Fact>,
    /// A sentence at the edge of the screen.
    pub toasts: Vec<Toast>,
    /// Questions to put on the stack.
    pub dialogs: Vec<(Ticket, Dialog)>,
}

impl<'a> Cx<'a> {
    /// A context for one update; `next` counts tickets.
    pub fn new(pane: PaneId, area: Rect, now: Now, next: &'a mut u64) -> Self {
        Self {
            pane,
            area,
            now,
            next,
            effects: Vec::new(),
            intents: Vec::new(),
            facts: Vec::new(),
            toasts: Vec::new(),
            dialogs: Vec::new(),
        }
    }

    /// A ticket that nobody had.
    pub fn ticket(&mut self) -> Ticket {
        *self.next += 1;
        Ticket { pane: self.pane, number: *self.next }
    }

    /// Starts a request in the pane's slot of this name; keep the ticket to know its replies.
    pub fn start(&mut self, slot: &'static str, request: Request) -> Ticket {
        let (ticket, slot) = (self.ticket(), Slot { pane: self.pane, name: slot });
        self.effects.push(Effect::Start { ticket, slot, request });
        ticket
    }

    /// Stops what runs in the pane's slot of this name.
    pub fn cancel(&mut self, slot: &'static str) {
        self.effects.push(Effect::Cancel(Slot { pane: self.pane, name: slot }));
    }

    /// Opens a dialog; keep the ticket to know its answer.
    pub fn ask(&mut self, dialog: Dialog) -> Ticket {
        let ticket = self.ticket();
        self.dialogs.push((ticket, dialog));
        ticket
    }

    /// Says a sentence at the edge of the screen.
    pub fn toast(&mut self, toast: Toast) {
        self.toasts.push(toast);
    }

    /// Asks the app to have something done.
    pub fn intent(&mut self, intent: Intent) {
        self.intents.push(intent);
    }

    /// Tells everybody.
    pub fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }
}

/// The question that a pane has open, and what is to be done with its answer.
#[derive(Debug)]
pub struct OpenQuestion<T>(Option<(Ticket, T)>);

impl<T> Default for OpenQuestion<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> OpenQuestion<T> {
    /// Opens a dialog; an answer to one that was open before is not heard any more.
    pub fn ask(&mut self, dialog: Dialog, about: T, cx: &mut Cx<'_>) {
        self.0 = Some((cx.ask(dialog), about));
    }

    /// What the dialog of this ticket was about, if it is the one that is open: it was answered.
    pub fn answered(&mut self, ticket: Ticket) -> Option<T> {
        self.0.take_if(|(expected, _)| *expected == ticket).map(|(_, about)| about)
    }
}

/// Asks before an image is fetched: it may be a gigabyte.
pub fn fetch_question(image: &str) -> Dialog {
    Dialog::Confirm {
        title: "Fetch its image first?".to_owned(),
        lines: vec![
            format!("{} is not on this host.", SafeText::label(image)),
            "It is fetched from its registry in the background, also when this screen is closed; the monitor shows how \
             far it is, and stopping the run stops it."
                .to_owned(),
        ],
        verb: "fetch it and run".to_owned(),
        danger: false,
    }
}
