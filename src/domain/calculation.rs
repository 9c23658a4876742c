//! Calculations: Python code, its parameters, and what came out.

use super::{
    FieldError, check_length, check_text,
    file::FileRole,
    id::{CalculationId, FileId, ToolId, ToolVersionId, UserId},
    limits::Limits,
    parameters,
    run::ErrorKind,
    status::Status,
    tool::Tool,
    word::Word,
};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// The longest text of the `code` column, characters.
pub const MAX_CODE: usize = 10_000;
/// The longest text of the `result_data` column, characters.
pub const MAX_RESULT: usize = 50_000;
/// The longest text of the `error_message` column, characters.
pub const MAX_ERROR: usize = 2_000;

/// Checks Python source: 1 to 10,000 characters, no NUL (Python 3.11 stops there silently and exits 0).
///
/// A byte-order mark at the start is not counted: the runner drops it too.
pub fn check_code(field: &'static str, code: &str) -> Result<(), FieldError> {
    let body = code.strip_prefix('\u{feff}').unwrap_or(code);
    if body.trim().is_empty() {
        return Err(FieldError::new(field, "there is no code"));
    }
    check_length(field, body, MAX_CODE)?;
    if let Some(at) = code.find('\0') {
        let line = code[..at].matches('\n').count() + 1;
        return Err(FieldError::new(
            field,
            format!("line {line} holds a NUL character, which Python cannot read; remove it"),
        ));
    }
    Ok(())
}

/// Whether the head of some code says that a container has to run it: a comment `# mecapy: requires docker` before the
/// first statement. It stands in the code because that is what goes wherever a tool or a calculation goes: into
/// copies, versions, and through programs that know nothing of it.
///
/// # Errors
///
/// A requirement that is not known: a typing error must not become weaker walls.
pub fn requires_container(field: &'static str, code: &str) -> Result<bool, FieldError> {
    let body = code.strip_prefix('\u{feff}').unwrap_or(code);
    let head = body.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with('#'));
    let mut requires = false;
    for (number, line) in head.enumerate() {
        let Some(said) = line.trim_start_matches('#').trim().strip_prefix("mecapy:") else { continue };
        let words: Vec<_> = said.split_whitespace().collect();
        match words[..] {
            ["requires", "docker" | "container"] => requires = true,
            [word, ..] if word.to_lowercase().starts_with("requir") => {
                return Err(FieldError::new(
                    field,
                    format!(
                        "line {} says {:?}, which is not known; known is: # mecapy: requires docker",
                        number + 1,
                        said.trim()
                    ),
                ));
            }
            _ => {}
        }
    }
    Ok(requires)
}

/// An input of a calculation to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputLink {
    /// The file.
    pub file_id: FileId,
    /// What it is to the code.
    pub file_role: FileRole,
    /// The name the code knows it by, where it is not the file's own stem.
    pub alias: Option<String>,
}

/// A calculation to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewCalculation {
    /// At most 200 characters.
    pub name: String,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// Python, at most 10,000 characters.
    pub code: String,
    /// A JSON object as text, at most 5,000 characters.
    pub parameters: Option<String>,
    /// What its runs may use.
    pub limits: Limits,
    /// The tool it was made from.
    pub tool_id: Option<ToolId>,
    /// And which version of it.
    pub tool_version_id: Option<ToolVersionId>,
    /// The calculation it repeats with edits.
    pub parent_id: Option<CalculationId>,
    /// Files the code reads.
    pub inputs: Vec<InputLink>,
}

impl NewCalculation {
    /// A calculation of the current version of `tool`: its code and its limits.
    pub fn from_tool(tool: &Tool, name: impl Into<String>, parameters: Option<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            code: tool.code_template.clone(),
            parameters,
            limits: tool.limits,
            tool_id: Some(tool.id),
            tool_version_id: tool.current_version,
            parent_id: None,
            inputs: Vec::new(),
        }
    }

    /// Checks every field against its column and the limits against their maximum.
    pub fn check(&self, maximum: &Limits) -> Result<(), FieldError> {
        if self.name.trim().is_empty() {
            return Err(FieldError::new("name", "must not be empty"));
        }
        check_text("name", &self.name, 200)?;
        check_text("description", self.description.as_deref().unwrap_or_default(), 2_000)?;
        // A tool without code runs its image's own command; whether this is one of them is seen when it is submitted.
        if !(self.code.is_empty() && self.tool_id.is_some()) {
            check_code("code", &self.code)?;
        }
        parameters::parse(self.parameters.as_deref().unwrap_or_default())?;
        self.limits.check(maximum)
    }
}

/// A row of a list: everything but the long texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalculationRow {
    /// The row.
    pub id: CalculationId,
    /// What its owner calls it.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// Whether a run was asked for: pending without one is "not started".
    pub queued: bool,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub created_at: NaiveDateTime,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub started_at: Option<NaiveDateTime>,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub completed_at: Option<NaiveDateTime>,
    /// Seconds from the start of the user's process to its end.
    pub execution_time: Option<f64>,
    /// MiB, peak.
    pub memory_used: Option<i64>,
    /// The kind of failure of the last run, where it failed.
    pub error_kind: Option<Word<ErrorKind>>,
}

impl CalculationRow {
    /// The row of a calculation that was just made.
    pub fn draft(id: CalculationId, name: impl Into<String>, created_at: NaiveDateTime) -> Self {
        Self {
            id,
            name: name.into(),
            status: Status::Pending,
            queued: false,
            created_at,
            started_at: None,
            completed_at: None,
            execution_time: None,
            memory_used: None,
            error_kind: None,
        }
    }

    /// What its state is called: a draft and a waiting run are both pending, and a failure has a cause.
    pub fn state(&self) -> &'static str {
        match (self.status, self.error_kind.as_ref().and_then(Word::known)) {
            (Status::Failed, Some(ErrorKind::Timeout)) => "timed out",
            (Status::Failed, Some(ErrorKind::Oom)) => "out of memory",
            (Status::Failed, Some(ErrorKind::Engine)) => "engine failed",
            (status, _) => status.word(self.queued),
        }
    }
}

/// A row of `calculations` with all its texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calculation {
    /// The row.
    pub id: CalculationId,
    /// The owner.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What its owner says of it.
    pub description: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub started_at: Option<NaiveDateTime>,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub completed_at: Option<NaiveDateTime>,
    /// Python.
    pub code: String,
    /// A JSON object as text.
    pub parameters: Option<String>,
    /// A JSON object as text.
    pub result_data: Option<String>,
    /// One line of what happened, the traceback behind it.
    pub error_message: Option<String>,
    /// Seconds from the start of the user's process to its end.
    pub execution_time: Option<f64>,
    /// MiB, peak, rounded up.
    pub memory_used: Option<i64>,
    /// CPU seconds.
    pub cpu_time: Option<f64>,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub created_at: NaiveDateTime,
    /// UTC.
    #[serde(serialize_with = "super::time::utc")]
    pub updated_at: NaiveDateTime,
    /// What its runs may use; `None` where another program made the row and said nothing.
    #[serde(flatten)]
    pub limits: Option<Limits>,
    /// The tool it was made from.
    pub tool_id: Option<ToolId>,
    /// And which version of it.
    pub tool_version_id: Option<ToolVersionId>,
    /// The calculation it repeats with edits.
    pub parent_id: Option<CalculationId>,
}

impl Calculation {
    /// A calculation that was just made from nothing but its code.
    pub fn draft(
        id: CalculationId,
        user_id: UserId,
        name: impl Into<String>,
        code: impl Into<String>,
        created_at: NaiveDateTime,
    ) -> Self {
        Self {
            id,
            user_id,
            name: name.into(),
            description: None,
            status: Status::Pending,
            started_at: None,
            completed_at: None,
            code: code.into(),
            parameters: None,
            result_data: None,
            error_message: None,
            execution_time: None,
            memory_used: None,
            cpu_time: None,
            created_at,
            updated_at: created_at,
            limits: None,
            tool_id: None,
            tool_version_id: None,
            parent_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_bounds() {
        assert!(check_code("code", &"x".repeat(10_000)).is_ok());
        assert!(check_code("code", &"x".repeat(10_001)).unwrap_err().problem.contains("10001 characters"));
        assert!(check_code("code", &format!("\u{feff}{}", "x".repeat(10_000))).is_ok());
        assert!(check_code("code", " \n ").is_err());
        assert!(check_code("code", "a = 1\nb = '\0'").unwrap_err().problem.contains("line 2"));
    }

    #[test]
    fn only_the_head_of_the_code_requires_anything() {
        let requires = |code: &str| requires_container("code", code);
        for code in [
            "# mecapy: requires docker",
            "\u{feff}#!/usr/bin/python3\n\n#  mecapy:  requires  docker \nimport os",
            "#mecapy: requires container\r\n",
        ] {
            assert_eq!(requires(code), Ok(true), "{code:?}");
        }
        for code in [
            "",
            "print(1)\n# mecapy: requires docker",
            "\"\"\"\n# mecapy: requires docker\n\"\"\"",
            "# requires docker",
            "# mecapy: a note about it, which requires docker",
        ] {
            assert_eq!(requires(code), Ok(false), "{code:?}");
        }
        for code in ["# note\n# mecapy: requires dokcer", "\n# mecapy: require docker", "\n# mecapy: Requires: docker"]
        {
            let error = requires(code).unwrap_err();
            assert!(error.problem.contains("line 2") && error.problem.contains("requires docker"), "{error}");
        }
    }
}
