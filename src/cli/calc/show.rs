//! `calc show`: a calculation with everything that belongs to it.

use crate::{
    cli::{
        exit::{CommandResult, Exit, Failure},
        output::{Output, table},
        words,
    },
    db,
    domain::{
        calculation::Calculation, detail::CalculationDetail, format, id::CalculationId, run::ErrorKind, status::Status,
        text::SafeText, word::Word,
    },
    session::Session,
};

/// A calculation with everything that belongs to it.
pub async fn load(session: &Session, id: CalculationId) -> Result<CalculationDetail, Failure> {
    db::calculations::detail(&session.db, session.user.id, id).await?.ok_or_else(|| missing(id))
}

/// The end of its run as an exit code.
pub fn exit(detail: &CalculationDetail) -> Exit {
    let kind = detail.run.as_ref().and_then(|run| run.error_kind.as_ref()).and_then(Word::known);
    match detail.calculation.status {
        Status::Completed => Exit::Ok,
        Status::Cancelled => Exit::Cancelled,
        _ if kind == Some(ErrorKind::Timeout) => Exit::TimedOut,
        _ => Exit::RunFailed,
    }
}

/// What happened, in one line.
pub fn sentence(calculation: &Calculation) -> String {
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

/// The calculation of this id.
pub async fn find(session: &Session, id: CalculationId) -> Result<Calculation, Failure> {
    db::calculations::get(&session.db, session.user.id, id).await?.ok_or_else(|| missing(id))
}

fn missing(id: CalculationId) -> Failure {
    Failure::words(Exit::NotFound, format!("there is no calculation {id} of yours; `mecapy calc ls` lists them"))
}

/// Prints it.
pub async fn show(session: &Session, id: CalculationId, output: Output) -> CommandResult {
    let detail = load(session, id).await?;
    if output.json {
        output.json(&detail)?;
        return Ok(Exit::Ok);
    }
    let calculation = &detail.calculation;
    output.raw(table(&rows(&detail), &[]).as_bytes())?;
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

fn rows(detail: &CalculationDetail) -> Vec<Vec<String>> {
    let CalculationDetail { calculation, run, files, .. } = detail;
    let row = |label: &str, text: &str| vec![label.to_owned(), SafeText::label(text).into_string()];
    let status = calculation.status;
    let mut rows = vec![
        row("id", &calculation.id.to_string()),
        row("name", &calculation.name),
        row("status", &format!("{} {}", status.glyph(), status.word(run.is_some()))),
    ];
    let of_run = run.iter().flat_map(|run| run.properties(words::local));
    let properties = detail.history(words::local).into_iter().chain(detail.usage()).chain(of_run);
    rows.extend(properties.map(|property| row(property.label, &property.text)));
    rows.extend(files.iter().map(|linked| {
        let size = format::bytes(u64::try_from(linked.file.file_size).unwrap_or_default());
        let alias = linked.alias.as_ref().map(|alias| format!(", as {alias}")).unwrap_or_default();
        row(linked.file_role.name(), &format!("{} ({size}{alias})", linked.file.filename))
    }));
    rows
}
