//! One calculation in plain words: what happened, what came out, what it used, what was guaranteed.

use crate::{
    domain::{file::FileRole, format, parameters, status::Status, text::SafeText},
    tui::{
        msg::{CalculationDetail, RunInfo},
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
        self.usage(&mut sheet);
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
        let mut facts = vec![format!("id {}", calculation.id), format!("made {}", now.stamp(calculation.created_at))];
        if let Some(started) = calculation.started_at {
            facts.push(format!("started {}", now.stamp(started)));
        }
        if let Some(tool) = &self.data.tool {
            facts.push(format!("from the tool {}", SafeText::label(tool)));
        }
        if let Some(parent) = calculation.parent_id {
            facts.push(format!("a copy of {parent}"));
        }
        sheet.text(&facts.join("  "), theme.dim);
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

    /// Asked against used.
    fn usage(&self, sheet: &mut Sheet<'_>) {
        let calculation = &self.data.calculation;
        let Some(limits) = self.data.run.as_ref().and_then(|run| run.limits).or(calculation.limits) else { return };
        sheet.title("Limits and use");
        let used = |text: Option<String>| text.map(|text| format!(", used {text}")).unwrap_or_default();
        let memory = match self.data.run.as_ref().and_then(|run| run.peak_memory) {
            Some(bytes) => Some(format::bytes(bytes)),
            None => calculation.memory_used.map(|mib| format!("{mib} MiB")),
        };
        let rows = [
            format!(
                "time    {}{}",
                format::whole(f64::from(limits.timeout)),
                used(calculation.execution_time.map(format::duration))
            ),
            format!("memory  {} MiB{}", limits.memory_limit, used(memory)),
            format!(
                "CPU     {} cores{}",
                limits.cpu_limit,
                used(calculation.cpu_time.map(|seconds| format!("{} of CPU time", format::duration(seconds))))
            ),
        ];
        for row in rows {
            sheet.text(&row, sheet.theme().text);
        }
    }

    fn run(&self, sheet: &mut Sheet<'_>, now: Now) {
        let Some(run) = &self.data.run else { return };
        let theme = sheet.theme();
        sheet.title("Run");
        let RunInfo { host, submitted_at, engine, level, guarantee, interpreter, exit_code, signal, notes, .. } = run;
        sheet.text(&format!("asked for {} on {}", now.stamp(*submitted_at), SafeText::label(host)), theme.text);
        if let Some(engine) = engine {
            let level = level.as_deref().unwrap_or_default();
            sheet.text(&format!("sandbox {} {}", SafeText::label(engine), SafeText::label(level)), theme.text);
        }
        if let Some(guarantee) = guarantee {
            sheet.text(guarantee, theme.text);
        }
        if let Some(interpreter) = interpreter {
            sheet.text(interpreter, theme.dim);
        }
        if let Some(code) = exit_code.filter(|code| *code != 0) {
            sheet.text(&format!("exit code {code}"), theme.text);
        }
        if let Some(signal) = signal {
            sheet.text(&format!("ended by signal {signal}"), theme.text);
        }
        for note in notes {
            sheet.text(&format!("note: {note}"), theme.warning);
        }
    }
}

fn json(sheet: &mut Sheet<'_>, value: &Result<Value, String>) {
    match value {
        Ok(value) => sheet.lines(json::lines(value, sheet.width() as u16, sheet.theme())),
        Err(problem) => sheet.text(problem, sheet.theme().bad),
    }
}
