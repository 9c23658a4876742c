//! `calc show`, and the object that `--json` prints of a calculation.

use crate::{
    cli::{
        exit::{CommandResult, Exit, Failure},
        output::{Output, table},
        words,
    },
    db::{self, calculations::Detail, runs::RunRecord},
    domain::{
        calculation::Calculation, file::LinkedFile, format, id::CalculationId, limits::Limits, status::Status,
        text::SafeText, time::rfc3339,
    },
    session::Session,
};
use serde_json::{Value, json};

/// A calculation with everything that belongs to it.
pub struct Whole {
    /// The row.
    pub calculation: Calculation,
    /// Its run, where one was asked for.
    pub run: Option<RunRecord>,
    /// Its files.
    pub files: Vec<LinkedFile>,
}

impl Whole {
    /// Reads it.
    pub async fn load(session: &Session, id: CalculationId) -> Result<Self, Failure> {
        let found = db::calculations::detail(&session.db, session.user.id, id).await?;
        let Detail { calculation, run, files } = found.ok_or_else(|| missing(id))?;
        Ok(Self { calculation, run, files })
    }

    /// Column names as keys, the run's record under `run`, the files under `files`.
    pub fn json(&self) -> Result<Value, Failure> {
        let mut object = serde_json::to_value(&self.calculation)?;
        object["queued"] = json!(self.run.is_some());
        object["run"] = self.run.as_ref().map_or(Value::Null, run_json);
        object["files"] = serde_json::to_value(&self.files)?;
        Ok(object)
    }

    /// The end of its run as an exit code.
    pub fn exit(&self) -> Exit {
        match self.calculation.status {
            Status::Completed => Exit::Ok,
            Status::Cancelled => Exit::Cancelled,
            _ if self.run.as_ref().is_some_and(|run| run.error_kind.as_deref() == Some("timeout")) => Exit::TimedOut,
            _ => Exit::RunFailed,
        }
    }

    /// What happened, in one line.
    pub fn sentence(&self) -> String {
        let calculation = &self.calculation;
        let mut text = format!("{} {} {}", calculation.id, calculation.status.glyph(), calculation.status);
        if let Some(first) = calculation.error_message.as_deref().and_then(|message| message.lines().next()) {
            text = format!("{text}: {first}");
        }
        let mut used = Vec::new();
        used.extend(calculation.execution_time.map(format::duration));
        used.extend(calculation.cpu_time.map(|time| format!("CPU {}", format::duration(time))));
        used.extend(calculation.memory_used.map(|used| format!("{used} MiB")));
        if used.is_empty() { text } else { format!("{text} ({})", used.join(", ")) }
    }
}

/// The calculation of this id.
pub async fn find(session: &Session, id: CalculationId) -> Result<Calculation, Failure> {
    db::calculations::get(&session.db, session.user.id, id).await?.ok_or_else(|| missing(id))
}

fn missing(id: CalculationId) -> Failure {
    Failure::words(Exit::NotFound, format!("there is no calculation {id} of yours; `mecapy calc ls` lists them"))
}

/// Prints it.
pub async fn show(session: &Session, id: CalculationId, output: Output) -> CommandResult {
    let whole = Whole::load(session, id).await?;
    if output.json {
        output.json(&whole.json()?)?;
        return Ok(Exit::Ok);
    }
    let calculation = &whole.calculation;
    output.raw(table(&facts(&whole), &[]).as_bytes())?;
    let texts = [
        ("Description", calculation.description.as_deref()),
        ("Parameters", calculation.parameters.as_deref()),
        ("Error", calculation.error_message.as_deref()),
        ("Result", calculation.result_data.as_deref()),
        ("Code", Some(calculation.code.as_str())),
    ];
    for (title, text) in texts {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            output.line(&format!("\n{title}"))?;
            output.text(text)?;
        }
    }
    Ok(Exit::Ok)
}

fn facts(whole: &Whole) -> Vec<Vec<String>> {
    let calculation = &whole.calculation;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), SafeText::label(&value).into_string()]);
    row("id", calculation.id.to_string());
    row("name", calculation.name.clone());
    let status = calculation.status.word(whole.run.is_some());
    row("status", format!("{} {status}", calculation.status.glyph()));
    row("created", words::local(calculation.created_at));
    for (name, time) in [("started", calculation.started_at), ("completed", calculation.completed_at)] {
        if let Some(time) = time {
            row(name, words::local(time));
        }
    }
    let limits = whole.run.as_ref().map(|run| run.limits).or(calculation.limits);
    let limit = |words: fn(&Limits) -> String| {
        limits.as_ref().map(|limits| format!(" of {}", words(limits))).unwrap_or_default()
    };
    if let Some(time) = calculation.execution_time {
        row("time", format!("{}{}", format::duration(time), limit(|limits| format!("{} s", limits.timeout))));
    }
    if let Some(used) = calculation.memory_used {
        row("memory", format!("{used} MiB{}", limit(|limits| format!("{} MiB", limits.memory_limit))));
    }
    if let Some(time) = calculation.cpu_time {
        row(
            "CPU",
            format!(
                "{}, limit{}",
                format::duration(time),
                limit(|limits| format!("{} cores", limits.cpu_limit)).replace(" of", "")
            ),
        );
    }
    if calculation.execution_time.is_none()
        && let Some(limits) = limits
    {
        row("limits", format!("{} s, {} MiB, {} cores", limits.timeout, limits.memory_limit, limits.cpu_limit));
    }
    if let Some(run) = &whole.run {
        row("host", run.host.clone());
        if let (Some(engine), Some(level)) = (&run.engine, &run.level) {
            row("sandbox", format!("{engine} {level}: {}", run.guarantee.as_deref().unwrap_or_default()));
        }
        if let Some(interpreter) = &run.interpreter {
            row("interpreter", interpreter.clone());
        }
        if let Some(digest) = &run.image_digest {
            row("image", digest.clone());
        }
        for note in &run.notes {
            row("note", note.clone());
        }
    }
    for linked in &whole.files {
        let size = format::bytes(u64::try_from(linked.file.file_size).unwrap_or_default());
        let alias = linked.alias.as_ref().map(|alias| format!(", as {alias}")).unwrap_or_default();
        row(linked.file_role.name(), format!("{} ({size}{alias})", linked.file.filename));
    }
    rows
}

fn run_json(run: &RunRecord) -> Value {
    json!({
        "id": run.id,
        "host": run.host,
        "submitted_at": rfc3339(run.submitted_at),
        "started_at": run.started_at.map(rfc3339),
        "completed_at": run.completed_at.map(rfc3339),
        "engine": run.engine,
        "level": run.level,
        "guarantee": run.guarantee,
        "interpreter": run.interpreter,
        "image_digest": run.image_digest,
        "container_id": run.container_id,
        "timeout": run.limits.timeout,
        "memory_limit": run.limits.memory_limit,
        "cpu_limit": run.limits.cpu_limit,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "error_kind": run.error_kind,
        "error_line": run.error_line,
        "cpu_time": run.cpu_time,
        "peak_memory": run.peak_memory,
        "accounting": run.accounting,
        "notes": run.notes,
    })
}
