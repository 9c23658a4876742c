//! A dialog while it is open: what was typed and chosen so far.

use super::{Answer, Check, Dialog};
use crate::tui::{
    action::{Action, Context, DIALOG, INPUT, MOVE},
    keymap::Key,
    widgets::{input::Input, scroll::Scroll, text::wrap},
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
    pub(super) inputs: Vec<Input>,
    /// The field or item that has the input.
    pub(super) at: usize,
    pub(super) chosen: Vec<bool>,
    pub(super) scroll: Scroll,
    /// Why the field at this place is refused; shown once it was tried.
    pub(super) problem: Option<(usize, String)>,
}

/// The widest dialog, columns.
pub(super) const MAX_WIDTH: u16 = 76;

/// Columns inside a dialog that is drawn into `area`.
pub(super) fn inner_width(area: Rect) -> usize {
    usize::from(area.width.min(MAX_WIDTH).saturating_sub(4))
}

/// The lines of a page after wrapping, and how many of them are visible.
fn page_size(lines: &[String], area: Rect) -> (usize, usize) {
    let count =
        lines.iter().flat_map(|text| text.split('\n')).map(|line| wrap(line, inner_width(area)).len()).sum::<usize>();
    (count, count.min(usize::from(area.height.saturating_sub(2))))
}

impl Open {
    /// Opens a dialog.
    pub fn new(dialog: Dialog) -> Self {
        let (mut inputs, mut at, mut chosen) = (Vec::new(), 0, Vec::new());
        match &dialog {
            Dialog::Prompt { text, .. } => inputs.push(Input::new(text)),
            Dialog::Form { fields, .. } => inputs.extend(fields.iter().map(|field| Input::new(&field.text))),
            Dialog::Choose { items, at: first, .. } => {
                chosen = items.iter().map(|item| item.chosen).collect();
                at = (*first).min(items.len().saturating_sub(1));
            }
            Dialog::Confirm { .. } | Dialog::Page { .. } => {}
        }
        Self { dialog, inputs, at, chosen, scroll: Scroll::default(), problem: None }
    }

    /// Where its keys are looked up.
    pub const fn contexts(&self) -> &'static [Context] {
        match self.dialog {
            Dialog::Prompt { .. } | Dialog::Form { .. } => &[INPUT],
            _ => &[DIALOG, MOVE],
        }
    }

    /// Whether plain characters are text.
    pub const fn typing(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// Takes a command of its contexts.
    /// `area` is what its view gets.
    pub fn action(&mut self, action: Action, area: Rect) -> Step {
        match (&self.dialog, action) {
            (_, Action::Cancel | Action::Back) | (Dialog::Page { .. }, Action::Accept) => Step::Close,
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
            (Dialog::Page { lines, .. }, action) => {
                let (count, height) = page_size(lines, area);
                self.scroll.action(action, count, height);
                Step::Stay
            }
            (Dialog::Prompt { .. } | Dialog::Form { .. }, Action::Accept) => self.accept_texts(),
            _ => Step::Stay,
        }
    }

    fn checks(&self) -> Vec<Check> {
        match &self.dialog {
            Dialog::Prompt { check, .. } => vec![*check],
            Dialog::Form { fields, .. } => fields.iter().map(|field| field.check).collect(),
            _ => Vec::new(),
        }
    }

    fn accept_texts(&mut self) -> Step {
        for (at, (input, check)) in self.inputs.iter().zip(self.checks()).enumerate() {
            if let Err(problem) = check.of(input.text()) {
                self.at = at;
                self.problem = Some((at, problem));
                return Step::Stay;
            }
        }
        let mut texts: Vec<String> = self.inputs.iter().map(|input| input.text().trim().to_owned()).collect();
        Step::Done(match self.dialog {
            Dialog::Prompt { .. } => Answer::Text(texts.remove(0)),
            _ => Answer::Texts(texts),
        })
    }

    /// Takes a key that is no command of its contexts.
    pub fn key(&mut self, key: Key) -> Step {
        match (&self.dialog, key.code) {
            (Dialog::Confirm { .. }, KeyCode::Char('y' | 'Y')) => return Step::Done(Answer::Yes),
            (Dialog::Confirm { .. }, KeyCode::Char('n' | 'N')) => return Step::Close,
            (Dialog::Page { .. } | Dialog::Confirm { .. } | Dialog::Choose { .. }, KeyCode::Char('q')) => {
                return Step::Close;
            }
            (Dialog::Choose { many: true, .. }, KeyCode::Char(' ')) => {
                if let Some(chosen) = self.chosen.get_mut(self.at) {
                    *chosen = !*chosen;
                }
            }
            (Dialog::Form { fields, .. }, KeyCode::Up | KeyCode::Down | KeyCode::Tab) => {
                let back = key.code == KeyCode::Up || !key.modifiers.is_empty();
                let step = if back { fields.len() - 1 } else { 1 };
                self.at = (self.at + step) % fields.len().max(1);
            }
            (Dialog::Prompt { .. } | Dialog::Form { .. }, _) if self.inputs[self.at].key(key) => self.check_again(),
            _ => {}
        }
        Step::Stay
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        if let Some(input) = self.inputs.get_mut(self.at)
            && input.paste(text)
        {
            self.check_again();
        }
    }

    /// A problem that was shown goes away as soon as it is solved.
    fn check_again(&mut self) {
        if let Some((at, _)) = self.problem
            && at == self.at
        {
            self.problem = self.checks()[at].of(self.inputs[at].text()).err().map(|problem| (at, problem));
        }
    }
}
