//! The catalogue of tools: list, detail, and a calculation made from one.

mod declaration;
mod view;

#[cfg(test)]
mod tests;

use crate::{
    domain::{page::PageRequest, tool::Tool},
    tui::{
        action::{Action, Context, INPUT, MOVE},
        effect::Effect,
        msg::Mouse,
        pane::{Cx, Event, Fact, Intent, Look, Pane, Tick},
        request::Request,
        widgets::{
            filter::Filter,
            scroll::Scroll,
            split::{PointedAt, Split, split},
            table::PagedTable,
            toast::Toast,
        },
    },
};
use chrono::NaiveDateTime;
use declaration::CONTEXT;
pub use declaration::PANE;
use ratatui::{Frame, layout::Rect};

const LIST: &str = "list";

/// The catalogue.
#[derive(Debug, Default)]
pub struct Tools {
    table: PagedTable<Tool>,
    filter: Filter,
    /// The detail is scrolled, not the list.
    in_detail: bool,
    zoomed: bool,
    scroll: Scroll,
    opened: bool,
    visible: bool,
    /// Tools changed while another pane was in front.
    stale: bool,
    loaded_at: Option<NaiveDateTime>,
}

impl Tools {
    fn parts(&self, area: Rect) -> Split {
        let mut parts = split(area, self.zoomed, 45);
        if self.filter.is_shown() && !parts.list.is_empty() {
            parts.list.height = parts.list.height.saturating_sub(1);
        }
        parts
    }

    fn rows(&self, area: Rect) -> usize {
        PagedTable::<Tool>::height(self.parts(area).list)
    }

    fn load(&mut self, page: PageRequest, cx: &mut Cx<'_>) {
        let text = self.filter.text().to_owned();
        let ticket = cx.start(LIST, Request::ListTools { text, page });
        self.table.asked(ticket);
    }

    fn restart(&mut self, cx: &mut Cx<'_>) {
        let page = self.table.restart();
        self.load(page, cx);
    }

    /// The same window again, now or when it is seen; the selection stays.
    fn refresh(&mut self, cx: &mut Cx<'_>) {
        self.stale = !self.visible || !self.opened;
        if !self.stale {
            let page = self.table.refresh();
            self.load(page, cx);
        }
    }

    fn action(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::Open => {
                if let Some(tool) = self.table.selected() {
                    cx.intent(Intent::FromTool(tool.id));
                }
            }
            Action::Filter => {
                (self.zoomed, self.in_detail) = (false, false);
                self.filter.open();
            }
            Action::Accept => self.filter.accept(),
            Action::Cancel => self.clear_filter(cx),
            Action::Copy => {
                if let Some(tool) = self.table.selected() {
                    cx.effects.push(Effect::Copy(tool.code_template.clone()));
                    cx.toast(Toast::info("The code was sent to the terminal's clipboard"));
                }
            }
            Action::Zoom => {
                self.zoomed = !self.zoomed;
                self.in_detail = self.zoomed;
            }
            Action::Reload => self.refresh(cx),
            Action::Right => self.in_detail = true,
            Action::Left => (self.in_detail, self.zoomed) = (false, false),
            Action::Back => self.back(cx),
            moved if self.in_detail => {
                let area = self.parts(cx.area).detail;
                let lines = view::detail_height(self.table.selected(), area);
                self.scroll.action(moved, lines, usize::from(area.height));
            }
            moved => {
                let before = self.table.selected_id();
                let (_, page) = self.table.action(moved, self.rows(cx.area));
                if let Some(page) = page {
                    self.load(page, cx);
                }
                if before != self.table.selected_id() {
                    self.scroll = Scroll::default();
                }
            }
        }
    }

    fn clear_filter(&mut self, cx: &mut Cx<'_>) {
        if self.filter.clear() {
            self.restart(cx);
        }
    }

    /// Cancel, then clear the filter, then leave.
    fn back(&mut self, cx: &mut Cx<'_>) {
        if self.in_detail || self.zoomed {
            (self.in_detail, self.zoomed) = (false, false);
        } else if self.filter.is_shown() {
            self.clear_filter(cx);
        } else {
            cx.intent(Intent::Back);
        }
    }

    fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) {
        let parts = self.parts(cx.area);
        match mouse {
            Mouse::Click { column, row } => {
                let at = parts.pointed_at(column, row);
                self.in_detail = at == PointedAt::Detail;
                if let PointedAt::Row(row) = at {
                    self.table.click(row);
                    self.scroll = Scroll::default();
                }
            }
            Mouse::Wheel { column, row, lines } => {
                self.in_detail = parts.pointed_at(column, row) == PointedAt::Detail;
                for action in Action::wheel(lines) {
                    self.action(action, cx);
                }
            }
        }
    }
}

impl Pane for Tools {
    fn contexts(&self) -> &'static [Context] {
        if self.filter.typing() { &[INPUT] } else { &[CONTEXT, MOVE] }
    }

    fn typing(&self) -> bool {
        self.filter.typing()
    }

    fn enabled(&self, action: Action) -> bool {
        match action {
            Action::Open | Action::Copy | Action::Zoom => self.table.selected().is_some(),
            _ => true,
        }
    }

    fn update(&mut self, event: Event, cx: &mut Cx<'_>) {
        match event {
            Event::Action(action) => self.action(action, cx),
            Event::Key(key) => {
                if self.filter.key(key) {
                    self.restart(cx);
                }
            }
            Event::Paste(text) => {
                if self.filter.paste(&text) {
                    self.restart(cx);
                }
            }
            Event::Mouse(mouse) => self.mouse(mouse, cx),
            Event::Reply(ticket, reply) => {
                let Some(accepted) = self.table.accept(ticket, reply, self.rows(cx.area)) else { return };
                if accepted.is_fresh {
                    self.loaded_at = Some(cx.now.utc);
                }
                if let Some(page) = accepted.next {
                    self.load(page, cx);
                }
            }
            Event::Shown => {
                self.visible = true;
                if self.opened && !self.table.is_loaded() {
                    self.restart(cx);
                } else if self.stale {
                    self.refresh(cx);
                }
            }
            Event::Hidden => self.visible = false,
            Event::Fact(Fact::Opened(_)) => {
                self.opened = true;
                if self.visible {
                    self.restart(cx);
                }
            }
            Event::Fact(Fact::ToolsChanged) => self.refresh(cx),
            Event::Fact(Fact::Resized) => self.table.keep_in_sight(self.rows(cx.area)),
            // `Intent::ChooseTool` is done by being in front.
            Event::Fact(_) | Event::Intent(_) | Event::Answer(..) | Event::Tick => {}
        }
    }

    fn view(&self, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
        view::draw(self, frame, area, look);
    }

    fn tick(&self) -> Tick {
        if self.table.is_loading() && !self.table.is_loaded() { Tick::Spinner } else { Tick::Never }
    }

    fn loaded_at(&self) -> Option<NaiveDateTime> {
        self.loaded_at
    }
}
