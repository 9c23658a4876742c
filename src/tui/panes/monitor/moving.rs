//! Moving in the monitor: through the runs, through the log, and back.

use super::{MonitorPane, view};
use crate::tui::{
    action::Action,
    keymap::Key,
    msg::Mouse,
    pane::{Cx, Intent},
    widgets::log_view::LogView,
};
use ratatui::layout::Position;

impl MonitorPane {
    /// With one run at most there is nothing to choose, so that keys move the log.
    pub(super) fn scrolls_log(&self) -> bool {
        self.in_log || self.rows().len() + usize::from(!self.is_listed()) <= 1
    }

    pub(super) fn scroll(&mut self, action: Action) {
        let log = self.lines_view_mut();
        let page = usize::from(log.height()).saturating_sub(1).max(1);
        match action {
            Action::Up => log.up(1),
            Action::Down => log.down(1),
            Action::PageUp => log.up(page),
            Action::PageDown => log.down(page),
            Action::HalfUp => log.up(page / 2 + 1),
            Action::HalfDown => log.down(page / 2 + 1),
            Action::Top => log.to_start(),
            Action::Bottom => log.to_end(),
            _ => {}
        }
    }

    pub(super) fn choose(&mut self, action: Action, cx: &mut Cx<'_>) {
        let rows = self.rows();
        if rows.is_empty() {
            return;
        }
        let last = rows.len() - 1;
        let now = rows.iter().position(|row| Some(row.id) == self.chosen);
        let next = match action {
            Action::Up | Action::PageUp | Action::HalfUp => now.map_or(0, |at| at.saturating_sub(1)),
            Action::Down | Action::PageDown | Action::HalfDown => now.map_or(0, |at| (at + 1).min(last)),
            Action::Top => 0,
            Action::Bottom => last,
            _ => return,
        };
        let id = rows[next].id;
        if Some(id) != self.chosen {
            self.watch(id, cx);
        }
    }

    pub(super) fn key(&mut self, key: Key) {
        if let Some((_, prompt)) = &mut self.prompt {
            prompt.key(key);
        }
    }

    pub(super) fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) {
        let parts = self.parts(cx.area);
        match mouse {
            Mouse::Click { column, row } => {
                let at = Position { x: column, y: row };
                self.in_log = parts.log.contains(at);
                if parts.list.contains(at) && row > parts.list.y {
                    let place = usize::from(row - parts.list.y - 1) + view::first_row(self, parts.list);
                    if let Some(id) = self.rows().get(place).map(|row| row.id) {
                        self.watch(id, cx);
                    }
                }
            }
            Mouse::Wheel { column, row, lines } => {
                let in_list = parts.list.contains(Position { x: column, y: row });
                for action in Action::wheel(lines) {
                    if in_list { self.choose(action, cx) } else { self.scroll(action) }
                }
            }
        }
    }

    /// Cancel, then stop searching, then show all lines again, then leave.
    pub(super) fn back(&mut self, cx: &mut Cx<'_>) {
        if self.prompt.take().is_some() {
        } else if !self.lines_view().search_text().is_empty() {
            self.lines_view_mut().look_for("");
        } else if self.filter.is_some() {
            self.leave_filter(cx);
        } else if self.zoomed {
            self.zoomed = false;
        } else {
            cx.intent(Intent::Back);
        }
    }

    /// Changes how the log is shown, filtered or not.
    pub(super) fn each_view(&mut self, change: impl Fn(&mut LogView)) {
        change(&mut self.log);
        if let Some(filter) = &mut self.filter {
            change(&mut filter.view);
        }
    }
}
