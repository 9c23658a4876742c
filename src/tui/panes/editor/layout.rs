//! Where the editor's fields are: a pure function that update and view share.

use super::document::Field;
use ratatui::layout::Rect;

/// From this width on, the fields stand side by side.
const SIDE_BY_SIDE: u16 = 100;
/// Below this height, only the field with the focus is shown.
const ONE_AT_A_TIME: u16 = 16;
/// Columns of the name's label.
const LABEL: u16 = 6;

/// The places of the fields; empty where a field has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Parts {
    /// The name's row, label and state included.
    pub name: Rect,
    /// The row above the code.
    pub code_title: Rect,
    /// The code.
    pub code: Rect,
    /// The row above the parameters.
    pub parameters_title: Rect,
    /// The parameters.
    pub parameters: Rect,
    /// The row of the limits.
    pub limits: Rect,
    /// The last row: a prompt, a problem, or what saving will do.
    pub status: Rect,
}

impl Parts {
    /// The places in `area` while `focus` has the input.
    pub fn of(area: Rect, focus: Field) -> Self {
        let row = |y: u16| Rect { y: area.y + y, height: 1, ..area }.intersection(area);
        let mut parts = Self { name: row(0), status: row(area.height.saturating_sub(1)), ..Self::default() };
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
        if area.height < ONE_AT_A_TIME {
            let (title, rest) = head(body);
            match focus {
                Field::Parameters => (parts.parameters_title, parts.parameters) = (title, rest),
                Field::Timeout | Field::Memory | Field::Cpu => {
                    parts.limits = title;
                    (parts.code_title, parts.code) = head(rest);
                }
                Field::Code | Field::Name => (parts.code_title, parts.code) = (title, rest),
            }
            return parts;
        }
        let (body, limits) = tail(body, 1);
        parts.limits = limits;
        if area.width >= SIDE_BY_SIDE {
            let left = body.width * 3 / 5;
            (parts.code_title, parts.code) = head(Rect { width: left, ..body });
            let right = Rect { x: body.x + left + 1, width: body.width - left - 1, ..body };
            (parts.parameters_title, parts.parameters) = head(right);
        } else {
            let (upper, lower) = tail(body, (body.height / 3).clamp(4, 10));
            (parts.code_title, parts.code) = head(upper);
            (parts.parameters_title, parts.parameters) = head(lower);
        }
        parts
    }

    /// The place of a field's text.
    pub fn text(&self, field: Field) -> Rect {
        match field {
            Field::Code => self.code,
            Field::Parameters => self.parameters,
            Field::Name => {
                let label = LABEL.min(self.name.width);
                // The right end of the row says whether it is saved.
                let width = (self.name.width - label).saturating_sub(13).max((self.name.width - label).min(10));
                Rect { x: self.name.x + label, width, ..self.name }
            }
            Field::Timeout | Field::Memory | Field::Cpu => {
                let cell = self.limit(field);
                let label = super::view::limit_words(field).0.len() as u16 + 1;
                Rect { x: cell.x + label.min(cell.width), width: 9.min(cell.width.saturating_sub(label)), ..cell }
            }
        }
    }

    /// The place of a limit with its label and unit: a third of their row.
    pub fn limit(&self, field: Field) -> Rect {
        let third = self.limits.width / 3;
        let place = match field {
            Field::Timeout => 0,
            Field::Memory => 1,
            _ => 2,
        };
        Rect { x: self.limits.x + place * third, width: third, ..self.limits }
    }
}

/// The first row, and the rest.
fn head(area: Rect) -> (Rect, Rect) {
    let first = area.height.min(1);
    (Rect { height: first, ..area }, Rect { y: area.y + first, height: area.height - first, ..area })
}

/// The rest, and the last `rows` rows.
fn tail(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let rest = area.height - rows;
    (Rect { height: rest, ..area }, Rect { y: area.y + rest, height: rows, ..area })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_stays_inside_at_any_size() {
        for width in [0, 1, 5, 40, 80, 100, 140, 200] {
            for height in [0, 1, 2, 3, 9, 15, 16, 21, 57] {
                let area = Rect::new(3, 2, width, height);
                for focus in Field::ALL {
                    let parts = Parts::of(area, focus);
                    for field in Field::ALL {
                        let place = parts.text(field);
                        assert!(place.is_empty() || area.union(place) == area, "{area} {focus:?} {field:?} {place}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_focused_field_is_always_there() {
        for focus in Field::ALL {
            assert!(!Parts::of(Rect::new(0, 0, 40, 9), focus).text(focus).is_empty(), "{focus:?}");
        }
    }
}
