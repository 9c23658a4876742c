//! What lies over the panes: dialogs, the help page, the palette. The top one has the input.

use super::{help::Help, palette::Palette};
use crate::domain::text::SafeText;
use crate::tui::{
    action::{Action, Context},
    effect::Ticket,
    keymap::{Key, Keymap},
    pane::{Look, Pane, PaneId},
    widgets::dialog::{Answer, Dialog, Open, Step},
};
use ratatui::{Frame, layout::Rect};

/// Something over the panes.
pub enum Layer {
    /// A pane's question.
    Dialog(Ticket, Open),
    /// Whether to leave with unsaved text.
    Quit(Open),
    /// Whether to work in a database that keeps nobody apart.
    Agree(Open),
    /// Keys.
    Help(Help),
    /// Commands by name.
    Palette(Palette),
}

/// What a layer says after an event.
pub enum LayerStep {
    /// It stays.
    Stay,
    /// It goes.
    Close,
    /// It goes with an answer for the pane that asked.
    Answer(Ticket, Answer),
    /// Leave the program.
    Quit,
    /// It goes, and is not asked again.
    Agreed,
    /// Run a command, in this pane where it is one of a pane's.
    Command(Option<PaneId>, Action),
}

impl Layer {
    /// A pane's question.
    pub fn dialog(ticket: Ticket, dialog: Dialog) -> Self {
        Self::Dialog(ticket, Open::new(dialog))
    }

    /// Whether to leave with unsaved text.
    pub fn quit(unsaved: Vec<String>) -> Self {
        Self::Quit(Open::new(Dialog::Confirm {
            title: "Leave with unsaved text?".to_owned(),
            lines: unsaved,
            verb: "leave".to_owned(),
            danger: true,
        }))
    }

    /// Whether to work in a database that keeps nobody apart.
    pub fn agree(database: &str) -> Self {
        Self::Agree(Open::new(Dialog::Confirm {
            title: "Work without isolation?".to_owned(),
            lines: vec![
                SafeText::label(database).into_string(),
                String::new(),
                "Everybody who works with this database has the same rights in it: whoever holds its password reads and \
                 changes everything, with any client, whatever mecapy shows."
                    .to_owned(),
                "The header goes on saying so. This is asked once on this host; Esc leaves.".to_owned(),
            ],
            verb: "work with it".to_owned(),
            danger: false,
        }))
    }

    /// The keys of these contexts and the global ones.
    pub fn help(contexts: &[Context], keymap: &Keymap) -> Self {
        Self::Help(Help::new(contexts, keymap))
    }

    /// Every command by name; those of the pane in front first.
    pub fn palette(front: PaneId, pane: &dyn Pane, keymap: &Keymap) -> Self {
        Self::Palette(Palette::new(front, pane, keymap))
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key, keymap: &Keymap, area: Rect) -> LayerStep {
        match self {
            Self::Dialog(ticket, open) => match dialog_key(open, key, keymap) {
                Step::Stay => LayerStep::Stay,
                Step::Close => LayerStep::Close,
                Step::Done(answer) => LayerStep::Answer(*ticket, answer),
            },
            Self::Quit(open) => match dialog_key(open, key, keymap) {
                Step::Stay => LayerStep::Stay,
                Step::Close => LayerStep::Close,
                Step::Done(_) => LayerStep::Quit,
            },
            Self::Agree(open) => match dialog_key(open, key, keymap) {
                Step::Stay => LayerStep::Stay,
                Step::Close => LayerStep::Quit,
                Step::Done(_) => LayerStep::Agreed,
            },
            Self::Help(help) => help.key(key, keymap, area),
            Self::Palette(palette) => palette.key(key, keymap),
        }
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        match self {
            Self::Dialog(_, open) | Self::Quit(open) | Self::Agree(open) => open.paste(text),
            Self::Palette(palette) => palette.paste(text),
            Self::Help(_) => {}
        }
    }

    /// Draws it over `area`.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        match self {
            Self::Dialog(_, open) | Self::Quit(open) | Self::Agree(open) => open.view(frame, area, look),
            Self::Help(help) => help.view(frame, area, look),
            Self::Palette(palette) => palette.view(frame, area, look),
        }
    }
}

fn dialog_key(open: &mut Open, key: Key, keymap: &Keymap) -> Step {
    let plain = open.typing() && key.character().is_some();
    let action = if plain { None } else { keymap.action_in(open.contexts(), key) };
    match action {
        Some(action) => open.action(action),
        None => open.key(key),
    }
}
