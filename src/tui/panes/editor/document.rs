//! The text being edited: its fields, what is wrong with them, what is not saved yet.

use super::signature::Signature;
use crate::{
    domain::{
        FieldError,
        calculation::{Calculation, InputLink, MAX_CODE, NewCalculation, check_code},
        check_length,
        id::CalculationId,
        limits::Limits,
        parameters::{self, MAX_PARAMETERS},
        status::Status,
        text,
        tool::Tool,
    },
    tui::{
        request::DraftKey,
        widgets::{
            code_editor::{CodeEditor, Language},
            input::Input,
        },
    },
};

/// What an empty calculation begins with: the form that the platform calls, ready to run.
const STARTER: &str = "def calculate(length_mm: float = 100.0) -> dict:\n    \"\"\"What it computes, and from which source.\"\"\"\n    return {\"double_mm\": 2 * length_mm}\n";

/// A field of the editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Python.
    Code,
    /// JSON.
    Parameters,
    /// One line.
    Name,
    /// Seconds.
    Timeout,
    /// MiB.
    Memory,
    /// Cores.
    Cpu,
}

impl Field {
    /// All of them, in the order of F6.
    pub const ALL: [Self; 6] = [Self::Code, Self::Parameters, Self::Name, Self::Timeout, Self::Memory, Self::Cpu];

    /// The field of a database column.
    pub fn of_column(column: &str) -> Option<Self> {
        Some(match column {
            "code" => Self::Code,
            "parameters" => Self::Parameters,
            "name" => Self::Name,
            "timeout" => Self::Timeout,
            "memory_limit" => Self::Memory,
            "cpu_limit" => Self::Cpu,
            _ => return None,
        })
    }

    /// The field after this one, or before it.
    pub fn next(self, backwards: bool) -> Self {
        let at = Self::ALL.iter().position(|field| *field == self).unwrap_or_default();
        let step = if backwards { Self::ALL.len() - 1 } else { 1 };
        Self::ALL[(at + step) % Self::ALL.len()]
    }
}

/// What saving changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveTo {
    /// A new row is made.
    New,
    /// This row, which never ran, is changed.
    Row(CalculationId),
    /// A new row is made that names this one as its parent: what has run stays as it ran.
    CopyOf(CalculationId),
}

/// Everything that is typed, as text: the measure of what is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    name: String,
    code: String,
    parameters: String,
    limits: [String; 3],
}

impl Content {
    /// What it is called.
    pub fn name(&self) -> &str {
        self.name.trim()
    }
}

/// A calculation in the editor.
pub struct Document {
    /// Names its draft.
    pub key: DraftKey,
    /// What saving changes.
    pub save_to: SaveTo,
    /// What is not edited here and must survive: tool, parent, description, inputs.
    base: NewCalculation,
    /// One line.
    pub name: Input,
    /// Python.
    pub code: CodeEditor,
    /// JSON.
    pub parameters: CodeEditor,
    /// Timeout (s), memory (MiB), CPU (cores).
    pub limits: [Input; 3],
    /// What is safe in the database; `None` where nothing is.
    pub saved: Option<Content>,
    /// Why its last run failed, one line.
    pub run_error: Option<String>,
    signature: Option<Signature>,
    signature_of: u64,
    /// The parameters as they were filled in from the code; while nobody changes them they follow it.
    filled: Option<String>,
}

impl Document {
    /// A document with this content.
    pub fn new(key: DraftKey, save_to: SaveTo, base: NewCalculation) -> Self {
        let limits = base.limits;
        let mut document = Self {
            key,
            save_to,
            name: Input::new(&base.name),
            code: CodeEditor::new(Language::Python, &base.code),
            parameters: CodeEditor::new(Language::Json, base.parameters.as_deref().unwrap_or_default()),
            limits: [limits.timeout.to_string(), limits.memory_limit.to_string(), limits.cpu_limit.to_string()]
                .map(|text| Input::new(&text)),
            saved: None,
            run_error: None,
            signature: None,
            signature_of: 0,
            filled: None,
            base,
        };
        document.refresh();
        document
    }

    /// A calculation from nothing, with the configured limits.
    pub fn empty(key: DraftKey, limits: Limits) -> Self {
        let mut document = Self::new(key, SaveTo::New, blank("Untitled", STARTER, limits));
        document.fill_parameters();
        document.saved = Some(document.content()); // nothing typed is nothing to lose
        document
    }

    /// A calculation made from a tool, its parameters being the code's own defaults.
    pub fn from_tool(key: DraftKey, tool: &Tool) -> Self {
        let mut base = blank(&tool.display_name, &tool.code_template, tool.limits);
        base.tool_id = Some(tool.id);
        base.tool_version_id = tool.current_version;
        let mut document = Self::new(key, SaveTo::New, base);
        document.fill_parameters();
        document.saved = Some(document.content());
        document
    }

    /// A row: itself while it was never started, else an edited copy of it.
    pub fn of_row(row: &Calculation, inputs: Vec<InputLink>, limits: Limits, started: bool) -> Self {
        let copy = started || row.status != Status::Pending;
        let base = NewCalculation {
            name: row.name.clone(),
            description: row.description.clone(),
            code: row.code.clone(),
            parameters: row.parameters.clone(),
            limits,
            tool_id: row.tool_id,
            tool_version_id: row.tool_version_id,
            parent_id: if copy { Some(row.id) } else { row.parent_id },
            inputs,
        };
        let save_to = if copy { SaveTo::CopyOf(row.id) } else { SaveTo::Row(row.id) };
        let mut document = Self::new(DraftKey::Saved(row.id), save_to, base);
        document.run_error = row.error_message.as_deref().and_then(|text| text.lines().next()).map(str::to_owned);
        document.saved = Some(document.content());
        document
    }

    /// Puts the text of a draft over what is there.
    pub fn take_draft(&mut self, draft: NewCalculation) {
        let base = NewCalculation {
            tool_id: self.base.tool_id.or(draft.tool_id),
            tool_version_id: self.base.tool_version_id.or(draft.tool_version_id),
            parent_id: self.base.parent_id.or(draft.parent_id),
            ..draft
        };
        let saved = self.saved.take();
        *self = Self { saved, run_error: self.run_error.take(), ..Self::new(self.key.clone(), self.save_to, base) };
    }

    /// What is typed.
    pub fn content(&self) -> Content {
        Content {
            name: self.name.text().to_owned(),
            code: self.code.text().to_owned(),
            parameters: self.parameters.text().to_owned(),
            limits: self.limits.each_ref().map(|limit| limit.text().to_owned()),
        }
    }

    /// Whether something typed is not in the database.
    pub fn is_unsaved(&self) -> bool {
        self.saved.as_ref().is_none_or(|saved| {
            saved.code != self.code.text()
                || saved.parameters != self.parameters.text()
                || saved.name != self.name.text()
                || saved.limits.iter().zip(&self.limits).any(|(saved, limit)| saved != limit.text())
        })
    }

    /// What would be saved, where every field can be taken.
    pub fn to_save(&self) -> Result<NewCalculation, FieldError> {
        if self.name.text().trim().is_empty() {
            return Err(FieldError::new("name", "must not be empty"));
        }
        check_length("name", self.name.text().trim(), 200)?;
        check_code("code", self.code.text())?;
        parameters::parse(self.parameters.text())?;
        Ok(NewCalculation { limits: self.limits()?, ..self.as_typed() })
    }

    /// What is typed, valid or not, for the draft; a limit that is no number yet stays what it was.
    pub fn as_typed(&self) -> NewCalculation {
        let parameters = self.parameters.text();
        NewCalculation {
            name: self.name.text().trim().to_owned(),
            code: self.code.text().to_owned(),
            parameters: (!parameters.trim().is_empty()).then(|| parameters.to_owned()),
            limits: self.limits().unwrap_or(self.base.limits),
            ..self.base.clone()
        }
    }

    /// The limits as numbers. Their bounds are the configuration's and checked where it is known.
    fn limits(&self) -> Result<Limits, FieldError> {
        let whole = |field: &'static str, unit: &str, text: &str| {
            text.trim()
                .parse::<u32>()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| FieldError::new(field, format!("{text:?} is no whole number of {unit} above 0")))
        };
        let [timeout, memory, cpu] = self.limits.each_ref().map(Input::text);
        Ok(Limits {
            timeout: whole("timeout", "seconds", timeout)?,
            memory_limit: whole("memory_limit", "MiB", memory)?,
            cpu_limit: cpu.trim().parse::<f64>().ok().filter(|cores| cores.is_finite() && *cores > 0.0).ok_or_else(
                || FieldError::new("cpu_limit", format!("{cpu:?} is no number of cores above 0, like 0.5")),
            )?,
        })
    }

    /// What is wrong with a field, in words.
    pub fn problem(&self, field: Field) -> Option<String> {
        match field {
            Field::Code => match check_length("code", self.code.text(), MAX_CODE) {
                Err(error) => Some(error.problem),
                Ok(()) => self
                    .code
                    .problem_to_show()
                    .map(|problem| format!("line {}: {}", problem.row + 1, problem.message))
                    .or_else(|| self.hidden_character()),
            },
            Field::Parameters => match parameters::parse(self.parameters.text()) {
                Err(error) => Some(error.problem),
                Ok(_) => self.unknown_parameter(),
            },
            Field::Name if self.name.text().trim().is_empty() => Some("the name must not be empty".to_owned()),
            Field::Name => check_length("name", self.name.text(), 200).err().map(|error| error.problem),
            Field::Timeout | Field::Memory | Field::Cpu => {
                let error = self.limits().err()?;
                (Field::of_column(error.field) == Some(field)).then_some(error.problem)
            }
        }
    }

    /// A parameter that the code does not take, in words.
    pub fn unknown_parameter(&self) -> Option<String> {
        let given = parameters::parse(self.parameters.text()).ok()?;
        self.signature.as_ref()?.unknown(given.keys())
    }

    /// Code that reads otherwise than it runs is told.
    fn hidden_character(&self) -> Option<String> {
        let (row, c) = self.code.hidden_character()?;
        Some(format!("line {} holds a hidden character, shown as {}", row + 1, text::mark(c)))
    }

    /// Characters typed and allowed, of the fields that have a meter.
    pub fn length(&self, field: Field) -> Option<(usize, usize)> {
        match field {
            Field::Code => Some((self.code.characters(), MAX_CODE)),
            Field::Parameters => Some((self.parameters.characters(), MAX_PARAMETERS)),
            _ => None,
        }
    }

    /// The editor of a field that has several lines.
    pub fn editor_mut(&mut self, field: Field) -> Option<&mut CodeEditor> {
        match field {
            Field::Code => Some(&mut self.code),
            Field::Parameters => Some(&mut self.parameters),
            _ => None,
        }
    }

    /// The one-line field.
    pub fn input_mut(&mut self, field: Field) -> Option<&mut Input> {
        match field {
            Field::Code | Field::Parameters => None,
            Field::Name => Some(&mut self.name),
            Field::Timeout => Some(&mut self.limits[0]),
            Field::Memory => Some(&mut self.limits[1]),
            Field::Cpu => Some(&mut self.limits[2]),
        }
    }

    /// To be called after a change: what depends on the code is read anew.
    pub fn refresh(&mut self) {
        if self.signature_of != self.code.revision() {
            self.signature_of = self.code.revision();
            // Half-typed code has no signature: the last good one goes on.
            let Some(signature) = Signature::of(self.code.text()) else { return };
            let untouched = self.filled.as_deref() == Some(self.parameters.text());
            if self.signature.replace(signature).as_ref() != self.signature.as_ref() && untouched {
                self.fill_parameters();
            }
        }
    }

    /// It is this row now.
    pub fn became(&mut self, save_to: SaveTo, content: Content) {
        if let SaveTo::Row(id) | SaveTo::CopyOf(id) = save_to {
            self.key = DraftKey::Saved(id);
            if matches!(save_to, SaveTo::CopyOf(_)) {
                self.base.parent_id = Some(id);
            }
        }
        self.save_to = save_to;
        self.saved = Some(content);
        self.run_error = None;
    }

    fn fill_parameters(&mut self) {
        if let Some(signature) = &self.signature {
            let text = signature.defaults_text();
            self.parameters.replace_all(&text);
            self.filled = Some(text);
        }
    }
}

fn blank(name: &str, code: &str, limits: Limits) -> NewCalculation {
    NewCalculation {
        name: name.to_owned(),
        description: None,
        code: code.to_owned(),
        parameters: None,
        limits,
        tool_id: None,
        tool_version_id: None,
        parent_id: None,
        inputs: Vec::new(),
    }
}
