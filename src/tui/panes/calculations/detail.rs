//! One calculation in plain words: what happened, what came out, what it used, what was guaranteed.

use crate::{
    domain::{detail::CalculationDetail, file::FileRole, format, parameters, status::Status, text::SafeText},
    tui::{
        pane::Now,
        request::{FromReply, Reply},
        theme::Theme,
        widgets::{json, sheet::Sheet, text},
    },
};
use ratatui::text::{Line, Span};
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

impl FromReply for Detail {
    fn from_reply(reply: Reply) -> Result<Self, Reply> {
        CalculationDetail::from_reply(reply).map(Self::new)
    }
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
        let mut sheet = Sheet::new(theme, width.max(16));
        self.head(&mut sheet, now);
        self.failure(&mut sheet);
        if let Some(result) = &self.result {
            sheet.title("Result");
            json(&mut sheet, result);
        } else if self.data.calculation.status == Status::Completed {
            sheet.title("Result");
            sheet.text("It ended well and gave back nothing.", theme.dim);
        }
        self.files(&mut sheet, "Outputs", |role| matches!(role, FileRole::Output | FileRole::Artifact));
        sheet.title("Parameters");
        json(&mut sheet, &self.parameters);
        self.files(&mut sheet, "Inputs", FileRole::is_read);
        sheet.properties("Limits and use", &self.data.usage());
        self.run(&mut sheet, now);
        if let Some(description) = self.data.calculation.description.as_deref().filter(|text| !text.trim().is_empty()) {
            sheet.title("Description");
            sheet.text(description, theme.text);
        }
        sheet.into_lines()
    }

    fn head(&self, sheet: &mut Sheet<'_>, now: Now) {
        let theme = sheet.theme();
        let calculation = &self.data.calculation;
        sheet.text(&calculation.name, theme.title);
        let (status, queued) = (calculation.status, self.data.run.is_some());
        let mut words = format!("{} {}", status.glyph(), status.word(queued));
        if let Some(seconds) = calculation.execution_time {
            words = format!("{words} after {}", format::duration(seconds));
        }
        sheet.text(&words, theme.status(status));
        let history = self.data.history(|time| now.stamp(time));
        let mut words = vec![format!("id {}", calculation.id)];
        words.extend(history.iter().map(|told| format!("{} {}", told.label, SafeText::label(&told.text))));
        sheet.text(&words.join("  "), theme.dim);
        if status == Status::Pending && !queued {
            sheet.text("Not started: r runs it, e edits it.", theme.accent);
        }
    }

    /// One line of what happened, then the traceback.
    fn failure(&self, sheet: &mut Sheet<'_>) {
        let Some(message) = &self.data.calculation.error_message else { return };
        let theme = sheet.theme();
        let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
        sheet.title("What happened");
        sheet.text(first, theme.bad);
        if let Some(line) = self.data.run.as_ref().and_then(|run| run.error_line) {
            sheet.text(&format!("Line {line} of the code. R edits a copy."), theme.dim);
        }
        if !rest.trim().is_empty() {
            sheet.text(rest.trim_end(), theme.dim);
        }
    }

    fn files(&self, sheet: &mut Sheet<'_>, heading: &'static str, wanted: impl Fn(&FileRole) -> bool) {
        let files: Vec<_> = self.data.files.iter().filter(|link| wanted(&link.file_role)).collect();
        if files.is_empty() {
            return;
        }
        sheet.title(heading);
        let sizes: Vec<String> =
            files.iter().map(|link| format::bytes(u64::try_from(link.file.file_size).unwrap_or(0))).collect();
        let column = sizes.iter().map(|size| text::width(size)).max().unwrap_or(0);
        for (link, size) in files.iter().zip(&sizes) {
            let alias = link.alias.as_ref().map(|alias| format!("  as {}", SafeText::label(alias))).unwrap_or_default();
            sheet.lines([Line::from(vec![
                Span::styled(format!("{size:>column$}  "), sheet.theme().dim),
                Span::styled(format!("{}{alias}", SafeText::label(&link.file.filename)), sheet.theme().text),
            ])]);
        }
    }

    fn run(&self, sheet: &mut Sheet<'_>, now: Now) {
        if let Some(run) = &self.data.run {
            sheet.properties("Run", &run.properties(|time| now.stamp(time)));
        }
    }
}

fn json(sheet: &mut Sheet<'_>, value: &Result<Value, String>) {
    match value {
        Ok(value) => sheet.lines(json::lines(value, sheet.width() as u16, sheet.theme())),
        Err(problem) => sheet.text(problem, sheet.theme().bad),
    }
}
