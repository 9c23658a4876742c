//! A dialog while it is open: what was typed and chosen so far.

use super::{Answer, Dialog};
use crate::tui::{
    action::{Action, Context, DIALOG, INPUT, MOVE},
    keymap::Key,
    widgets::input::Input,
};
use crossterm::event::KeyCode;
use ratatui::layout::Rect;

/// What a dialog says after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It stays open.
    Stay,
    /// It is closed without an answer.
    Close,
    /// It is closed with one.
    Done(Answer),
}

/// A dialog with its state.
#[derive(Debug)]
pub struct Open {
    pub(super) dialog: Dialog,
    /// The line of a prompt.
    pub(super) input: Option<Input>,
    /// The item that is selected.
    pub(super) at: usize,
    pub(super) chosen: Vec<bool>,
    /// Why the line is refused; shown once it was tried.
    pub(super) problem: Option<String>,
}

/// The widest dialog, columns.
pub(super) const MAX_WIDTH: u16 = 76;

/// Columns inside a dialog that is drawn into `area`.
pub(super) fn inner_width(area: Rect) -> usize {
    usize::from(area.width.min(MAX_WIDTH).saturating_sub(4))
}

impl Open {
    /// Opens a dialog.
    pub fn new(dialog: Dialog) -> Self {
        let (mut input, mut at, mut chosen) = (None, 0, Vec::new());
        match &dialog {
            Dialog::Prompt { text, .. } => input = Some(Input::new(text)),
            Dialog::Choose { items, at: first, .. } => {
                chosen = items.iter().map(|item| item.chosen).collect();
                at = (*first).min(items.len().saturating_sub(1));
            }
            Dialog::Confirm { .. } => {}
        }
        Self { dialog, input, at, chosen, problem: None }
    }

    /// Where its keys are looked up.
    pub const fn contexts(&self) -> &'static [Context] {
        match self.dialog {
            Dialog::Prompt { .. } => &[INPUT],
            _ => &[DIALOG, MOVE],
        }
    }

    /// Whether plain characters are text.
    pub const fn typing(&self) -> bool {
        self.input.is_some()
    }

    /// Takes a command of its contexts.
    pub fn action(&mut self, action: Action) -> Step {
        match (&self.dialog, action) {
            (_, Action::Cancel | Action::Back) => Step::Close,
            (Dialog::Confirm { danger: false, .. }, Action::Accept) => Step::Done(Answer::Yes),
            (Dialog::Choose { items, .. }, Action::Accept) if items.is_empty() => Step::Close,
            (Dialog::Choose { many: true, .. }, Action::Accept) => {
                Step::Done(Answer::ChosenMany((0..self.chosen.len()).filter(|at| self.chosen[*at]).collect()))
            }
            (Dialog::Choose { .. }, Action::Accept) => Step::Done(Answer::Chosen(self.at)),
            (Dialog::Choose { items, .. }, action) => {
                let last = items.len().saturating_sub(1);
                self.at = match action {
                    Action::Up => self.at.saturating_sub(1),
                    Action::Down => (self.at + 1).min(last),
                    Action::Top | Action::PageUp => 0,
                    Action::Bottom | Action::PageDown => last,
                    _ => self.at,
                };
                Step::Stay
            }
            (Dialog::Prompt { .. }, Action::Accept) => self.accept_text(),
            _ => Step::Stay,
        }
    }

    fn check(&self, text: &str) -> Result<(), String> {
        if let Dialog::Prompt { check, .. } = &self.dialog { check.of(text) } else { Ok(()) }
    }

    fn accept_text(&mut self) -> Step {
        let text = self.input.as_ref().map(|input| input.text().trim().to_owned()).unwrap_or_default();
        match self.check(&text) {
            Ok(()) => Step::Done(Answer::Text(text)),
            Err(problem) => {
                self.problem = Some(problem);
                Step::Stay
            }
        }
    }

    /// Takes a key that is no command of its contexts.
    pub fn key(&mut self, key: Key) -> Step {
        match (&self.dialog, key.code) {
            (Dialog::Confirm { .. }, KeyCode::Char('y' | 'Y')) => return Step::Done(Answer::Yes),
            (Dialog::Confirm { .. }, KeyCode::Char('n' | 'N' | 'q')) | (Dialog::Choose { .. }, KeyCode::Char('q')) => {
                return Step::Close;
            }
            (Dialog::Choose { many: true, .. }, KeyCode::Char(' ')) => {
                if let Some(chosen) = self.chosen.get_mut(self.at) {
                    *chosen = !*chosen;
                }
            }
            _ if self.input.as_mut().is_some_and(|input| input.key(key)) => self.check_again(),
            _ => {}
        }
        Step::Stay
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        if self.input.as_mut().is_some_and(|input| input.paste(text)) {
            self.check_again();
        }
    }

    /// A problem that was shown goes away as soon as it is solved.
    fn check_again(&mut self) {
        if let (Some(_), Some(input)) = (&self.problem, &self.input) {
            self.problem = self.check(input.text()).err();
        }
    }
}
