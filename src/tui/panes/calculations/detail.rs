//! One calculation in plain words: what happened, what came out, what it used, what was guaranteed.

use crate::{
    domain::{
        detail::CalculationDetail, file::FileRole, format, parameters, property::Property, status::Status,
        text::SafeText,
    },
    tui::{
        pane::Now,
        theme::Theme,
        widgets::{json, text},
    },
};
use ratatui::{
    style::Style,
    text::{Line, Span},
};
use serde_json::Value;
use std::{cell::RefCell, rc::Rc};

/// A loaded calculation, its JSON parsed once.
#[derive(Debug)]
pub(super) struct Detail {
    /// As loaded.
    pub data: CalculationDetail,
    parameters: Result<Value, String>,
    result: Option<Result<Value, String>>,
    /// The width that it was last drawn for, and its lines: it stays as it is while the list beside it scrolls.
    drawn: RefCell<Option<(u16, Rc<[Line<'static>]>)>>,
}

impl Detail {
    pub(super) fn new(data: CalculationDetail) -> Self {
        let calculation = &data.calculation;
        let parameters = parameters::parse(calculation.parameters.as_deref().unwrap_or_default())
            .map(Value::Object)
            .map_err(|error| error.to_string());
        let result = calculation
            .result_data
            .as_deref()
            .map(|text| serde_json::from_str(text).map_err(|error| format!("the result is not JSON: {error}")));
        Self { data, parameters, result, drawn: RefCell::default() }
    }

    /// The lines of at most `width` columns, kept until they are wanted for another one. The theme is always the same.
    pub(super) fn drawn(&self, width: u16, theme: &Theme, now: Now) -> Rc<[Line<'static>]> {
        let mut drawn = self.drawn.borrow_mut();
        match drawn.as_ref() {
            Some((known, lines)) if *known == width => lines.clone(),
            _ => drawn.insert((width, self.lines(width, theme, now).into())).1.clone(),
        }
    }

    /// Everything as lines of at most `width` columns.
    pub(super) fn lines(&self, width: u16, theme: &Theme, now: Now) -> Vec<Line<'static>> {
        let mut page = Page { lines: Vec::new(), width: usize::from(width.max(16)), theme };
        self.head(&mut page, now);
        self.failure(&mut page);
        if let Some(result) = &self.result {
            page.heading("Result");
            page.json(result);
        } else if self.data.calculation.status == Status::Completed {
            page.heading("Result");
            page.text("It ended well and gave back nothing.", theme.dim);
        }
        self.files(&mut page, "Outputs", |role| matches!(role, FileRole::Output | FileRole::Artifact));
        page.heading("Parameters");
        page.json(&self.parameters);
        self.files(&mut page, "Inputs", FileRole::is_read);
        page.properties("Limits and use", &self.data.usage());
        self.run(&mut page, now);
        if let Some(description) = self.data.calculation.description.as_deref().filter(|text| !text.trim().is_empty()) {
            page.heading("Description");
            page.text(description, theme.text);
        }
        page.lines
    }

    fn head(&self, page: &mut Page<'_>, now: Now) {
        let theme = page.theme;
        let calculation = &self.data.calculation;
        page.text(&calculation.name, theme.title);
        let (status, queued) = (calculation.status, self.data.run.is_some());
        let mut words = format!("{} {}", status.glyph(), status.word(queued));
        if let Some(seconds) = calculation.execution_time {
            words = format!("{words} after {}", format::duration(seconds));
        }
        page.text(&words, theme.status(status));
        let history = self.data.history(|time| now.stamp(time));
        let mut words = vec![format!("id {}", calculation.id)];
        words.extend(history.iter().map(|told| format!("{} {}", told.label, SafeText::label(&told.text))));
        page.text(&words.join("  "), theme.dim);
        if status == Status::Pending && !queued {
            page.text("Not started: r runs it, e edits it.", theme.accent);
        }
    }

    /// One line of what happened, then the traceback.
    fn failure(&self, page: &mut Page<'_>) {
        let Some(message) = &self.data.calculation.error_message else { return };
        let theme = page.theme;
        let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
        page.heading("What happened");
        page.text(first, theme.bad);
        if let Some(line) = self.data.run.as_ref().and_then(|run| run.error_line) {
            page.text(&format!("Line {line} of the code. R edits a copy."), theme.dim);
        }
        if !rest.trim().is_empty() {
            page.text(rest.trim_end(), theme.dim);
        }
    }

    fn files(&self, page: &mut Page<'_>, heading: &'static str, wanted: impl Fn(&FileRole) -> bool) {
        let files: Vec<_> = self.data.files.iter().filter(|link| wanted(&link.file_role)).collect();
        if files.is_empty() {
            return;
        }
        page.heading(heading);
        let sizes: Vec<String> =
            files.iter().map(|link| format::bytes(u64::try_from(link.file.file_size).unwrap_or(0))).collect();
        let column = sizes.iter().map(|size| text::width(size)).max().unwrap_or(0);
        for (link, size) in files.iter().zip(&sizes) {
            let alias = link.alias.as_ref().map(|alias| format!("  as {}", SafeText::label(alias))).unwrap_or_default();
            page.lines.push(Line::from(vec![
                Span::styled(format!("{size:>column$}  "), page.theme.dim),
                Span::styled(format!("{}{alias}", SafeText::label(&link.file.filename)), page.theme.text),
            ]));
        }
    }

    fn run(&self, page: &mut Page<'_>, now: Now) {
        if let Some(run) = &self.data.run {
            page.properties("Run", &run.properties(|time| now.stamp(time)));
        }
    }
}

struct Page<'t> {
    lines: Vec<Line<'static>>,
    width: usize,
    theme: &'t Theme,
}

impl Page<'_> {
    fn heading(&mut self, words: &'static str) {
        self.lines.push(Line::default());
        self.lines.push(Line::styled(words, self.theme.title));
    }

    /// Text of others, wrapped.
    fn text(&mut self, content: &str, style: Style) {
        for line in SafeText::lines(content) {
            self.lines.extend(text::wrap(&line, self.width).into_iter().map(|part| Line::styled(part, style)));
        }
    }

    /// Each on lines of its own, its label before it; none, and no heading, where there are none.
    fn properties(&mut self, heading: &'static str, properties: &[Property]) {
        let Some(column) = properties.iter().map(|property| text::width(property.label) + 2).max() else { return };
        self.heading(heading);
        // Where there is no room beside the labels, the text goes on below them.
        let indent = if self.width >= 3 * column { column } else { 0 };
        for property in properties {
            let style = if property.is_warning { self.theme.warning } else { self.theme.text };
            let label = format!("{:<column$}", property.label);
            let content = if indent == 0 { format!("{label}{}", property.text) } else { property.text.clone() };
            let lines = SafeText::lines(&content);
            for (n, part) in lines.iter().flat_map(|line| text::wrap(line, self.width - indent)).enumerate() {
                let before = if n == 0 { &label[..indent] } else { &format!("{:indent$}", "") };
                self.lines.push(Line::styled(format!("{before}{part}"), style));
            }
        }
    }

    fn json(&mut self, value: &Result<Value, String>) {
        match value {
            Ok(value) => self.lines.extend(json::lines(value, self.width as u16, self.theme)),
            Err(problem) => self.text(problem, self.theme.bad),
        }
    }
}
