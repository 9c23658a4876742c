//! Draws the editor.

use super::{
    EditorPane,
    document::{Document, Field, SaveTo},
    layout::Parts,
};
use crate::{
    domain::{format, text::SafeText},
    tui::{
        pane::Look,
        request::DraftKey,
        theme::Theme,
        widgets::{code_editor::CodeStyles, text},
    },
};
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

pub(super) fn view(pane: &EditorPane, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    let Some(document) = &pane.document else { return start_page(pane, frame, area, look) };
    let theme = look.theme;
    let parts = Parts::of(area, pane.field);
    name_row(pane, document, &parts, frame, theme);
    title(pane, document, Field::Code, parts.code_title, frame.buffer_mut(), theme);
    title(pane, document, Field::Parameters, parts.parameters_title, frame.buffer_mut(), theme);
    let mut styles = code_styles(theme);
    if pane.prompt.is_none() {
        styles.found = Style::new(); // what was looked for is not marked for ever
    }
    for (field, editor) in [(Field::Code, &document.code), (Field::Parameters, &document.parameters)] {
        let cursor = editor.render(parts.text(field), frame.buffer_mut(), &styles);
        if let (Some(cursor), true, true) = (cursor, pane.field == field, pane.prompt.is_none()) {
            frame.set_cursor_position(cursor);
        }
    }
    for field in [Field::Timeout, Field::Memory, Field::Cpu] {
        limit(pane, document, field, &parts, frame, theme);
    }
    status(pane, document, parts.status, frame, theme);
}

/// The label and the unit of a limit.
pub(super) fn limit_words(field: Field) -> (&'static str, &'static str) {
    match field {
        Field::Timeout => ("Timeout", "s"),
        Field::Memory => ("Memory", "MiB"),
        _ => ("CPU", "cores"),
    }
}

fn code_styles(theme: &Theme) -> CodeStyles {
    CodeStyles {
        text: theme.text,
        keyword: theme.keyword,
        string: theme.string,
        escape: theme.number,
        comment: theme.comment,
        number: theme.number,
        constant: theme.number,
        function: theme.function,
        kind: theme.function,
        key: theme.keyword,
        mark: theme.warning,
        problem: theme.error,
        sign: theme.bad,
        bracket: Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        selection: theme.selected,
        found: theme.matched,
        line_number: theme.dim,
        current_line: theme.title,
    }
}

fn name_row(pane: &EditorPane, document: &Document, parts: &Parts, frame: &mut Frame<'_>, theme: &Theme) {
    let focused = pane.field == Field::Name;
    text::line(frame.buffer_mut(), parts.name, 0, "Name", label_style(focused, theme));
    if focused {
        document.name.view(frame, parts.text(Field::Name), theme.title, true);
    } else {
        let name = SafeText::label(document.name.text());
        text::line(frame.buffer_mut(), parts.text(Field::Name), 0, &name, theme.title);
    }
    let (word, style) = if pane.is_saving() {
        ("saving…", theme.dim)
    } else if document.is_unsaved() {
        ("● not saved", theme.warning)
    } else if document.save_to == SaveTo::New {
        ("new", theme.dim)
    } else {
        ("saved", theme.dim)
    };
    right(frame.buffer_mut(), parts.name, word, style);
}

/// The row above a field: its name, what is wrong where it has not the focus, where the cursor is, how long it is.
fn title(pane: &EditorPane, document: &Document, field: Field, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let focused = pane.field == field;
    let (name, editor) = match field {
        Field::Code => ("Code", &document.code),
        _ => ("Parameters", &document.parameters),
    };
    let mut rule = if focused { theme.accent } else { theme.border };
    rule.add_modifier = Modifier::empty(); // it would stay under the words
    buffer.set_string(area.x, area.y, "─".repeat(area.width.into()), rule);
    let (length, limit) = document.length(field).unwrap_or_default();
    let style = if length > limit { theme.bad } else { theme.dim };
    let (row, column) = editor.cursor();
    let meter = if length > limit {
        format!(" {}/{}: {} too many ", format::count(length as u64), format::count(limit as u64), length - limit)
    } else if focused {
        format!(" {}:{}  {}/{} ", row + 1, column + 1, format::count(length as u64), format::count(limit as u64))
    } else {
        format!(" {}/{} ", format::count(length as u64), format::count(limit as u64))
    };
    let meter_width = text::width(&meter) as u16;
    let room = area.width.saturating_sub(meter_width + 1);
    if room >= 12 {
        right(buffer, Rect { width: area.width - 1, ..area }, &meter, style);
    }
    let shown = Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(1), ..area };
    let used = text::line(buffer, shown, 0, &format!(" {name} "), label_style(focused, theme));
    if let (false, Some(problem)) = (focused, document.problem(field)) {
        let rest = Rect { x: shown.x + used, width: room.saturating_sub(used + 1), ..shown };
        text::line(buffer, rest, 0, &format!("! {} ", SafeText::label(&problem)), theme.bad);
    }
}

fn limit(pane: &EditorPane, document: &Document, field: Field, parts: &Parts, frame: &mut Frame<'_>, theme: &Theme) {
    let (cell, place) = (parts.limit(field), parts.text(field));
    if place.is_empty() {
        return;
    }
    let focused = pane.field == field;
    let (label, unit) = limit_words(field);
    // A number is worth more than the unit that it always has.
    let unit = if cell.width < 15 { "" } else { unit };
    text::line(frame.buffer_mut(), cell, 0, label, label_style(focused, theme));
    let input = match field {
        Field::Timeout => &document.limits[0],
        Field::Memory => &document.limits[1],
        _ => &document.limits[2],
    };
    let wrong = document.problem(field).is_some();
    let style = if wrong { theme.error } else { theme.text };
    input.view(frame, place, style, focused);
    // The unit stands right behind the number, as far as that leaves room for typing.
    let used = (text::width(input.text()) as u16 + 1).min(place.width);
    let x = place.x + used;
    let rest = Rect { x, width: cell.right().saturating_sub(x), ..cell };
    text::line(frame.buffer_mut(), rest, 0, &format!("{unit}{}", if wrong { " !" } else { "" }), theme.dim);
}

/// The last row: the find prompt, else what is wrong, else why the last run failed, else what saving will do.
fn status(pane: &EditorPane, document: &Document, area: Rect, frame: &mut Frame<'_>, theme: &Theme) {
    if let Some(prompt) = &pane.prompt {
        let used = text::line(frame.buffer_mut(), area, 0, "Find ", theme.accent);
        let (at, count) = match pane.field {
            Field::Parameters => document.parameters.find().count(),
            _ => document.code.find().count(),
        };
        let words = match (at, count) {
            _ if prompt.text().is_empty() => "↑↓ to go through the matches".to_owned(),
            (_, 0) => "not found".to_owned(),
            (Some(at), count) => format!("{at} of {count}"),
            (None, count) => format!("{count} found"),
        };
        let width = text::width(&words) as u16 + 1;
        right(frame.buffer_mut(), area, &words, if count == 0 { theme.warning } else { theme.dim });
        let room = Rect { x: area.x + used, width: area.width.saturating_sub(used + width), ..area };
        prompt.view(frame, room, theme.text, true);
        return;
    }
    let (line, style) = if let Some(problem) = document.problem(pane.field) {
        (format!("! {problem}"), theme.bad)
    } else if let Some(error) = &document.run_error {
        (format!("✗ the last run failed: {error}"), theme.bad)
    } else {
        let what = match (document.save_to, document.is_unsaved()) {
            (SaveTo::New, _) => "A new calculation".to_owned(),
            (SaveTo::Row(id), _) => format!("Calculation {id}, not started"),
            (SaveTo::CopyOf(id), false) => format!("Calculation {id} has run; running it again makes a copy"),
            (SaveTo::CopyOf(id), true) => format!("Saving makes a copy: calculation {id} stays as it ran"),
        };
        (what, theme.dim)
    };
    text::line(frame.buffer_mut(), area, 0, &SafeText::label(&line), style);
}

/// Shown while nothing is open.
fn start_page(pane: &EditorPane, frame: &mut Frame<'_>, area: Rect, look: &Look<'_>) {
    let theme = look.theme;
    let buffer = frame.buffer_mut();
    let (list, selected) = pane.drafts.list();
    if pane.opening.is_some() {
        text::line(buffer, area, 0, "Opening…", theme.dim);
        return;
    }
    if list.is_empty() {
        text::line(buffer, area, 1, "  Nothing is open here.", theme.text);
        text::line(buffer, area, 3, "  n   write a new calculation", theme.dim);
        text::line(buffer, area, 4, "  t   make one from a tool", theme.dim);
        text::line(buffer, area, 5, "  1   go to the calculations: e edits, R edits a copy", theme.dim);
        return;
    }
    text::line(buffer, area, 0, "Unsaved texts", theme.title);
    let height = usize::from(area.height.saturating_sub(1));
    let first = (selected + 1).saturating_sub(height);
    for (y, (index, draft)) in (1..area.height).zip(list.iter().enumerate().skip(first)) {
        let of = match draft.key {
            DraftKey::Saved(id) => format!("calculation {id}"),
            DraftKey::New(_) => "never saved".to_owned(),
        };
        let name = SafeText::label(&draft.calculation.name);
        let line = format!("{:<16}  {of:<18}  {name}", look.now.short(draft.kept_at));
        let row = Rect { y: area.y + y, height: 1, ..area };
        if index == selected {
            buffer.set_style(row, theme.selected);
        }
        text::line(buffer, row, 0, &line, if index == selected { theme.selected } else { theme.text });
    }
}

fn label_style(focused: bool, theme: &Theme) -> Style {
    if focused { theme.accent } else { theme.dim }
}

/// Writes at the right end of the row.
fn right(buffer: &mut Buffer, area: Rect, words: &str, style: Style) {
    let width = (text::width(words) as u16).min(area.width);
    text::line(buffer, Rect { x: area.right() - width, width, ..area }, 0, words, style);
}
