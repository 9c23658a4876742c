//! `calc new`: a calculation that is not run yet.

use super::{
    args::{Content, New},
    content::{self, Code},
};
use crate::{
    cli::{
        Changes,
        exit::{CommandResult, Exit, Failure},
        output::Output,
        tools,
    },
    domain::{calculation::NewCalculation, format, id::CalculationId},
    session::{
        Session,
        calculations::{self, InputFile},
    },
};
use std::path::Path;

/// Makes it and prints its id.
pub async fn new(session: &Session, args: &New, changes: Changes, output: Output) -> CommandResult {
    changes.allowed("make a calculation")?;
    let (calculation, inputs) = prepare(session, args.file.as_deref(), &args.content).await?;
    if changes.dry_run {
        output.always_say(format_args!("would make {}", words(&calculation, &inputs)));
        return Ok(Exit::Ok);
    }
    let id = make(session, calculation, &inputs).await?;
    print_id(id, output)?;
    Ok(Exit::Ok)
}

/// Reads and checks what a new calculation is made of: from a file, or from a tool.
pub async fn prepare(
    session: &Session,
    file: Option<&Path>,
    content: &Content,
) -> Result<(NewCalculation, Vec<InputFile>), Failure> {
    let limits = &session.config.limits;
    match (file, &content.tool) {
        (Some(file), _) => content::read(&Code::File(file), content, limits),
        (None, Some(name)) => content::read(&Code::Tool(&tools::find(session, name).await?), content, limits),
        (None, None) => Err(Failure::usage("give a Python file, or a tool with --tool NAME")),
    }
}

/// Stores the inputs and makes the row.
pub async fn make(
    session: &Session,
    calculation: NewCalculation,
    inputs: &[InputFile],
) -> Result<CalculationId, Failure> {
    Ok(calculations::create(session, calculation, inputs).await?)
}

/// The id alone on its line, or in an object.
pub fn print_id(id: CalculationId, output: Output) -> Result<(), Failure> {
    if output.json { output.json(&serde_json::json!({ "id": id })) } else { output.line(&id.to_string()) }
}

/// What would be made, in words.
pub fn words(calculation: &NewCalculation, inputs: &[InputFile]) -> String {
    let limits = calculation.limits;
    format!(
        "calculation \"{}\": {} characters of code, {} input files, {} of time, {} MiB, {} cores",
        calculation.name,
        calculation.code.chars().count(),
        calculation.inputs.len() + inputs.len(),
        format::whole(f64::from(limits.timeout)),
        limits.memory_limit,
        limits.cpu_limit
    )
}
