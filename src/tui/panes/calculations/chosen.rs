//! Which calculation is meant: by the selection, by the detail, by the mouse.

use super::Calculations;
use crate::{
    domain::{id::CalculationId, status::Status},
    tui::{action::Action, msg::Mouse, pane::Cx, widgets::split::PointedAt},
};

/// What a command is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub id: CalculationId,
    pub name: String,
    pub status: Status,
    pub queued: bool,
}

impl Chosen {
    /// Never asked to run: it can be edited.
    pub fn is_draft(&self) -> bool {
        self.status == Status::Pending && !self.queued
    }

    /// Waiting for its turn or running.
    pub fn is_active(&self) -> bool {
        self.status == Status::Running || (self.status == Status::Pending && self.queued)
    }
}

impl Calculations {
    /// The calculation that commands are for: the one in the detail where that has the focus, else the selected one.
    pub(super) fn chosen(&self) -> Option<Chosen> {
        let loaded = self.detail.value().map(|detail| &detail.data.calculation);
        match (self.table.selected(), loaded) {
            (Some(row), _) if self.shown == Some(row.id) || !self.in_detail => {
                Some(Chosen { id: row.id, name: row.name.clone(), status: row.status, queued: row.queued })
            }
            (_, Some(calculation)) => Some(Chosen {
                id: calculation.id,
                name: calculation.name.clone(),
                status: calculation.status,
                queued: self.detail.value().is_some_and(|detail| detail.data.run.is_some()),
            }),
            _ => None,
        }
    }

    pub(super) fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) {
        let parts = self.parts(cx.area);
        match mouse {
            Mouse::Click { column, row } => {
                let at = parts.pointed_at(column, row);
                self.in_detail = at == PointedAt::Detail;
                if let PointedAt::Row(row) = at {
                    self.table.click(row);
                    self.follow_selection(cx);
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
