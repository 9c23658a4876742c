//! JSON as lines to read: a tree, and a table where it is a list of like objects.

use super::text;
use crate::{domain::text::SafeText, tui::theme::Theme};
use ratatui::{
    style::Style,
    text::{Line, Span},
};
use serde_json::{Map, Value};

/// The most lines of one value: the rest is counted, not drawn.
const MAX_LINES: usize = 2_000;
/// The most columns of a table.
const MAX_COLUMNS: usize = 12;

/// A value as lines of at most `width` columns.
pub fn lines(value: &Value, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut tree = Tree { lines: Vec::new(), width: usize::from(width).max(8), theme };
    match value {
        Value::Object(object) if object.is_empty() => tree.push(0, "empty", theme.dim),
        Value::Object(object) => tree.object(object, 0),
        Value::Array(items) => tree.array(items, 0),
        scalar => {
            let (shown, style) = tree.scalar(scalar);
            tree.push(0, &shown, style);
        }
    }
    if tree.lines.len() > MAX_LINES {
        let more = tree.lines.len() - MAX_LINES;
        tree.lines.truncate(MAX_LINES);
        tree.push(0, &format!("… {more} more lines"), theme.dim);
    }
    tree.lines
}

struct Tree<'t> {
    lines: Vec<Line<'static>>,
    width: usize,
    theme: &'t Theme,
}

impl Tree<'_> {
    fn push(&mut self, depth: usize, content: &str, style: Style) {
        let indent = " ".repeat(2 * depth.min(12));
        for line in text::wrap(content, self.width.saturating_sub(indent.len())) {
            self.lines.push(Line::from(vec![Span::raw(indent.clone()), Span::styled(line, style)]));
        }
    }

    fn object(&mut self, object: &Map<String, Value>, depth: usize) {
        let scalars = || object.iter().filter(|(_, value)| !value.is_object() && !value.is_array());
        let names = scalars().map(|(key, _)| text::width(&SafeText::label(key))).max().unwrap_or(0).min(32);
        for (key, value) in object {
            if self.lines.len() > 2 * MAX_LINES {
                return;
            }
            let key = SafeText::label(key);
            match value {
                Value::Object(inner) if !inner.is_empty() => {
                    self.push(depth, &key, self.theme.title);
                    self.object(inner, depth + 1);
                }
                Value::Array(items) if !items.is_empty() => {
                    let count = if items.len() == 1 { "1 item".to_owned() } else { format!("{} items", items.len()) };
                    self.push(depth, &format!("{key}  ({count})"), self.theme.title);
                    self.array(items, depth + 1);
                }
                scalar => {
                    let (shown, style) = self.scalar(scalar);
                    self.pair(&key, names, &shown, style, depth);
                }
            }
        }
    }

    fn pair(&mut self, key: &str, names: usize, value: &str, style: Style, depth: usize) {
        let indent = " ".repeat(2 * depth.min(12));
        let key = text::cut(key, names).into_owned();
        let pad = " ".repeat(names.saturating_sub(text::width(&key)) + 2);
        let before = indent.len() + names + 2;
        let room = self.width.saturating_sub(before).max(8);
        let mut first = Some((key, pad));
        for line in text::wrap(value, room) {
            let mut spans = match first.take() {
                Some((key, pad)) => {
                    vec![Span::raw(indent.clone()), Span::styled(key, self.theme.text), Span::raw(pad)]
                }
                None => vec![Span::raw(" ".repeat(before))],
            };
            spans.push(Span::styled(line, style));
            self.lines.push(Line::from(spans));
        }
    }

    fn array(&mut self, items: &[Value], depth: usize) {
        if let Some(table) = Table::of(items) {
            let room = self.width.saturating_sub(2 * depth.min(12));
            if table.width() <= room {
                for (row, content) in table.lines().enumerate() {
                    self.push_exact(depth, content, if row == 0 { self.theme.dim } else { self.theme.text });
                }
                return;
            }
        }
        if items.iter().all(|item| !item.is_object() && !item.is_array()) {
            let row: Vec<String> = items.iter().take(MAX_LINES).map(|item| self.scalar(item).0).collect();
            let mut content = row.join("  ");
            if items.len() > MAX_LINES {
                content = format!("{content}  … {} more", items.len() - MAX_LINES);
            }
            self.push(depth, &content, self.theme.number);
            return;
        }
        for (number, item) in items.iter().enumerate() {
            if self.lines.len() > 2 * MAX_LINES {
                return;
            }
            match item {
                Value::Object(object) => {
                    self.push(depth, &format!("[{number}]"), self.theme.dim);
                    self.object(object, depth + 1);
                }
                Value::Array(inner) => {
                    self.push(depth, &format!("[{number}]"), self.theme.dim);
                    self.array(inner, depth + 1);
                }
                scalar => {
                    let (shown, style) = self.scalar(scalar);
                    self.push(depth, &shown, style);
                }
            }
        }
    }

    fn push_exact(&mut self, depth: usize, content: String, style: Style) {
        let indent = " ".repeat(2 * depth.min(12));
        self.lines.push(Line::from(vec![Span::raw(indent), Span::styled(content, style)]));
    }

    fn scalar(&self, value: &Value) -> (String, Style) {
        match value {
            Value::Null => ("null".to_owned(), self.theme.dim),
            Value::Bool(yes) => (yes.to_string(), self.theme.number),
            Value::Number(number) => (number.to_string(), self.theme.number),
            Value::String(content) => {
                let lines: Vec<String> = SafeText::lines(content).into_iter().map(SafeText::into_string).collect();
                (lines.join("\n"), self.theme.string)
            }
            Value::Array(_) => ("[]".to_owned(), self.theme.dim),
            Value::Object(_) => ("{}".to_owned(), self.theme.dim),
        }
    }
}

/// A list of objects with the same scalar keys, as rows and columns.
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    fn of(items: &[Value]) -> Option<Self> {
        let first = items.first()?.as_object()?;
        if items.len() < 2 || first.is_empty() || first.len() > MAX_COLUMNS {
            return None;
        }
        let mut rows = Vec::with_capacity(items.len().min(MAX_LINES));
        let mut right = vec![true; first.len()];
        for item in items.iter().take(MAX_LINES) {
            let object = item.as_object()?;
            if object.len() != first.len() {
                return None;
            }
            let mut row = Vec::with_capacity(first.len());
            for (at, key) in first.keys().enumerate() {
                row.push(match object.get(key)? {
                    Value::String(content) => {
                        right[at] = false;
                        SafeText::label(content).into_string()
                    }
                    Value::Null => "–".to_owned(),
                    Value::Array(_) | Value::Object(_) => return None,
                    scalar => scalar.to_string(),
                });
            }
            rows.push(row);
        }
        Some(Self { columns: first.keys().map(|key| SafeText::label(key).into_string()).collect(), rows, right })
    }

    fn widths(&self) -> Vec<usize> {
        (0..self.columns.len())
            .map(|at| {
                self.rows.iter().map(|row| text::width(&row[at])).max().unwrap_or(0).max(text::width(&self.columns[at]))
            })
            .collect()
    }

    fn width(&self) -> usize {
        self.widths().iter().sum::<usize>() + 2 * self.columns.len().saturating_sub(1)
    }

    fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let widths = self.widths();
        std::iter::once(&self.columns).chain(&self.rows).map(move |row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .zip(&self.right)
                .map(|((cell, width), right)| {
                    let pad = " ".repeat(width - text::width(cell));
                    if *right { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(value: &Value, width: u16) -> String {
        lines(value, width, &Theme::plain()).iter().map(|line| line.to_string().trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn objects_are_trees_and_lists_of_like_objects_tables() {
        let value = json!({
            "preload_N": 12500.5, "ok": true,
            "stresses": {"vonMises_MPa": 410.2, "note": "at the first thread"},
            "nodes": [{"x": 0.0, "u_mm": 0.1}, {"x": 10.0, "u_mm": -12.25}],
            "list": [1, 2, 3], "none": null, "empty": {},
        });
        assert_eq!(
            shown(&value, 60),
            "preload_N  12500.5
ok         true
stresses
  vonMises_MPa  410.2
  note          at the first thread
nodes  (2 items)
     x    u_mm
   0.0     0.1
  10.0  -12.25
list  (3 items)
  1  2  3
none       null
empty      {}
"
        );
    }

    #[test]
    fn hostile_and_huge_values_stay_harmless() {
        let text = shown(&json!({"a\u{1b}[2J": "x\u{202e}y\u{7}"}), 60);
        assert!(text.contains("^[[2J") && text.contains("<U+202E>") && !text.contains('\u{1b}'), "{text}");
        let rows: Vec<Value> = (0..10_000).map(|n| json!({"n": n, "list": [n]})).collect();
        assert!(lines(&json!({ "rows": rows }), 60, &Theme::plain()).len() <= MAX_LINES + 1);
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!({ "k": deep });
        }
        assert_eq!(lines(&deep, 10, &Theme::plain()).len(), 100);
    }
}
