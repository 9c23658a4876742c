//! One calculation in plain words: what happened, what came out, what it used, what was guaranteed.

use crate::{
    domain::{file::FileRole, format, parameters, status::Status, text::SafeText},
    tui::{
        msg::{CalculationDetail, RunInfo},
        pane::Now,
        request::{FromReply, Reply},
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
        self.usage(&mut page);
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
        page.text(&facts.join("  "), theme.dim);
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

    /// Asked against used.
    fn usage(&self, page: &mut Page<'_>) {
        let calculation = &self.data.calculation;
        let Some(limits) = self.data.run.as_ref().and_then(|run| run.limits).or(calculation.limits) else { return };
        page.heading("Limits and use");
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
            page.text(&row, page.theme.text);
        }
    }

    fn run(&self, page: &mut Page<'_>, now: Now) {
        let Some(run) = &self.data.run else { return };
        let theme = page.theme;
        page.heading("Run");
        let RunInfo { host, submitted_at, engine, level, guarantee, interpreter, exit_code, signal, notes, .. } = run;
        page.text(&format!("asked for {} on {}", now.stamp(*submitted_at), SafeText::label(host)), theme.text);
        if let Some(engine) = engine {
            let level = level.as_deref().unwrap_or_default();
            page.text(&format!("sandbox {} {}", SafeText::label(engine), SafeText::label(level)), theme.text);
        }
        if let Some(guarantee) = guarantee {
            page.text(guarantee, theme.text);
        }
        if let Some(interpreter) = interpreter {
            page.text(interpreter, theme.dim);
        }
        if let Some(code) = exit_code.filter(|code| *code != 0) {
            page.text(&format!("exit code {code}"), theme.text);
        }
        if let Some(signal) = signal {
            page.text(&format!("ended by signal {signal}"), theme.text);
        }
        for note in notes {
            page.text(&format!("note: {note}"), theme.warning);
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

    fn json(&mut self, value: &Result<Value, String>) {
        match value {
            Ok(value) => self.lines.extend(json::lines(value, self.width as u16, self.theme)),
            Err(problem) => self.text(problem, self.theme.bad),
        }
    }
}
