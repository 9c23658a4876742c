//! The palette: every command by name, found by a few of its letters.

use super::layers::LayerStep;
use crate::tui::{
    action::{Action, Command, GLOBAL, INPUT},
    keymap::{BoundCommand, Key, Keymap, Section},
    pane::{Look, Pane, PaneId},
    widgets::{input::Input, text},
};
use crossterm::event::KeyCode;
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Block, BorderType, Clear},
};

/// The widest palette, columns.
const WIDTH: u16 = 80;
/// The most commands seen at a time.
const ROWS: u16 = 16;

struct Item {
    command: Command,
    /// The context, where it is one of a pane's.
    place: Option<&'static str>,
    /// The pane to go to first.
    pane: Option<PaneId>,
    key: String,
    enabled: bool,
}

/// The open palette.
pub struct Palette {
    input: Input,
    items: Vec<Item>,
    /// Places in `items`, the best first.
    found: Vec<usize>,
    at: usize,
}

impl Palette {
    /// Every command: of the pane in front, of everywhere, of the other panes.
    pub fn new(front: PaneId, pane: &dyn Pane, keymap: &Keymap) -> Self {
        let item = |section: &Section, bound: &BoundCommand| Item {
            command: bound.command,
            place: section.pane.map(|_| section.context.name),
            pane: section.pane.filter(|id| *id != front),
            key: bound.keys.first().map(Key::to_string).unwrap_or_default(),
            enabled: section.pane != Some(front) || pane.enabled(bound.command.action),
        };
        let mut items: Vec<Item> = keymap
            .sections()
            .iter()
            .filter(|section| section.context == GLOBAL || section.pane.is_some())
            .flat_map(|section| section.commands.iter().map(move |bound| item(section, bound)))
            .filter(|item| !matches!(item.command.action, Action::Palette | Action::Back))
            .collect();
        items.sort_by_key(|item| (item.pane.is_some(), item.place.is_none(), !item.enabled));
        let mut palette = Self { input: Input::default(), items, found: Vec::new(), at: 0 };
        palette.find();
        palette
    }

    fn find(&mut self) {
        let wanted = self.input.text().trim().to_lowercase();
        let mut found: Vec<(u32, usize)> =
            self.items.iter().enumerate().filter_map(|(at, item)| Some((cost(&wanted, &item.label())?, at))).collect();
        found.sort_unstable();
        self.found = found.into_iter().map(|(_, at)| at).collect();
        self.at = 0;
    }

    /// Types, chooses, runs.
    pub fn key(&mut self, key: Key, keymap: &Keymap) -> LayerStep {
        let last = self.found.len().saturating_sub(1);
        match keymap.action_in(&[INPUT], key).filter(|_| key.character().is_none()) {
            Some(Action::Cancel) => return LayerStep::Close,
            Some(Action::Accept) => {
                return match self.found.get(self.at).map(|at| &self.items[*at]) {
                    Some(item) if item.enabled => LayerStep::Command(item.pane, item.command.action),
                    _ => LayerStep::Stay,
                };
            }
            _ => {}
        }
        match key.code {
            KeyCode::Up => self.at = self.at.saturating_sub(1),
            KeyCode::Down => self.at = (self.at + 1).min(last),
            KeyCode::PageUp => self.at = self.at.saturating_sub(usize::from(ROWS)),
            KeyCode::PageDown => self.at = (self.at + usize::from(ROWS)).min(last),
            _ => {
                if self.input.key(key) {
                    self.find();
                }
            }
        }
        LayerStep::Stay
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        if self.input.paste(text) {
            self.find();
        }
    }

    /// Draws it over `area`.
    pub fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        let width = area.width.min(WIDTH);
        let height = area.height.min(ROWS + 3);
        let outer = Rect { x: area.x + (area.width - width) / 2, y: area.y, width, height };
        frame.render_widget(Clear, outer);
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(look.theme.accent)
            .title(Span::styled(" Commands ", look.theme.title));
        let inner = block.inner(outer);
        frame.render_widget(block, outer);
        let rows = usize::from(inner.height.saturating_sub(1));
        let top = (self.at + 1).saturating_sub(rows);
        for (y, (place, at)) in self.found.iter().enumerate().skip(top).take(rows).enumerate() {
            let item = &self.items[*at];
            let style = match (item.enabled, place == self.at) {
                (_, true) => look.theme.selected,
                (true, false) => look.theme.text,
                (false, false) => look.theme.dim,
            };
            let row =
                Rect { x: inner.x + 1, y: inner.y + 1 + y as u16, width: inner.width.saturating_sub(2), height: 1 };
            let key_width = text::width(&item.key) as u16;
            let name = Line::from(vec![
                Span::styled(item.label(), style),
                Span::styled(format!("  {}", item.command.doc), look.theme.dim),
            ]);
            frame.render_widget(name, Rect { width: row.width.saturating_sub(key_width + 1), ..row });
            let key = Rect { x: row.right().saturating_sub(key_width), width: key_width.min(row.width), ..row };
            frame.render_widget(Span::styled(item.key.as_str(), look.theme.accent), key);
        }
        if self.found.is_empty() {
            text::line(
                frame.buffer_mut(),
                Rect { x: inner.x + 1, ..inner },
                1,
                "No command has these letters.",
                look.theme.dim,
            );
        }
        let field = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), height: inner.height.min(1), ..inner };
        self.input.view(frame, field, look.theme.text, true);
    }
}

impl Item {
    fn label(&self) -> String {
        match self.place {
            Some(place) => format!("{place}: {}", self.command.name),
            None => self.command.name.to_owned(),
        }
    }
}

/// How far `name` is from holding the letters of `wanted` in their order; `None` where it does not.
///
/// Letters that follow each other or begin a word cost nothing.
fn cost(wanted: &str, name: &str) -> Option<u32> {
    if name.contains(wanted) {
        return Some(0);
    }
    let (mut cost, mut gap, mut boundary) = (1, 0, true);
    let mut wanted = wanted.chars().filter(|c| !c.is_whitespace()).peekable();
    for c in name.chars() {
        if wanted.next_if_eq(&c).is_some() {
            cost += if boundary { 0 } else { gap };
            gap = 0;
        } else {
            gap += 1;
        }
        boundary = !c.is_alphanumeric();
    }
    wanted.peek().is_none().then_some(cost)
}

#[cfg(test)]
mod tests {
    use super::cost;

    #[test]
    fn letters_in_order_find_a_command() {
        assert_eq!(cost("", "quit"), Some(0));
        assert_eq!(cost("edit", "calculations: run-edited"), Some(0));
        assert!(cost("ce", "calculations: run-edited") < cost("ce", "calculations: reverse"));
        assert_eq!(cost("xyz", "quit"), None);
        assert_eq!(cost("tiuq", "quit"), None);
    }
}
