//! `calc result`: the result of a run, as the code wrote it.

use super::{args::ResultArgs, show::find};
use crate::{
    cli::{
        exit::{CommandResult, Exit, Failure},
        output::Output,
    },
    domain::{id::CalculationId, status::Status},
    session::Session,
};
use std::{fs::OpenOptions, io::Write as _, path::Path};

/// Prints it, or writes it to a file.
pub async fn result(session: &Session, args: &ResultArgs, output: Output) -> CommandResult {
    let calculation = find(session, CalculationId(args.id)).await?;
    let id = calculation.id;
    let Some(text) = &calculation.result_data else {
        let why = match calculation.status {
            Status::Completed => "gave no result".to_owned(),
            status if status.is_final() => format!("{status} without a result; see `mecapy calc show {id}`"),
            status => format!("is {status}: there is no result yet"),
        };
        return Err(Failure::words(Exit::NotFound, format!("calculation {id} {why}")));
    };
    if let Some(path) = &args.output {
        write(path, text, output)?;
        return Ok(Exit::Ok);
    }
    if output.json {
        // On one line, as every object; the code may have written it over many.
        let value: serde_json::Value = serde_json::from_str(text)?;
        output.json(&value)?;
    } else {
        output.text(text)?;
    }
    Ok(Exit::Ok)
}

/// Writes the whole text beside its place and then puts it there, so that nobody finds half of it.
fn write(path: &Path, text: &str, output: Output) -> Result<(), Failure> {
    if !output.yes && path.symlink_metadata().is_ok() {
        return Err(Failure::words(
            Exit::Denied,
            format!("{} exists; nothing was written. --yes replaces it", path.display()),
        ));
    }
    let name = path.file_name().ok_or_else(|| Failure::usage(format!("{} names no file", path.display())))?;
    let mut part = name.to_owned();
    part.push(format!(".part-{}", std::process::id()));
    let part = path.with_file_name(part);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, path));
    if let Err(error) = written {
        std::fs::remove_file(&part).ok();
        let cause = anyhow::Error::new(error).context(format!("cannot write {}", path.display()));
        return Err(Failure::new(Exit::Error, cause));
    }
    output.say(format_args!("wrote {}", path.display()));
    Ok(())
}
