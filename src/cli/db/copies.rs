//! `db backup` and `db restore`.

use crate::{
    admin::{Admin, Copied, default_name},
    cli::{
        Changes,
        exit::{CommandResult, Exit, Failure},
        output::Output,
    },
    domain::format,
};
use serde_json::json;
use std::path::Path;

/// Writes a copy.
pub(super) async fn backup(
    admin: &Admin,
    file: Option<&Path>,
    plain: bool,
    changes: Changes,
    output: Output,
) -> CommandResult {
    #[expect(clippy::disallowed_methods, reason = "the name of the copy is for people, who know their own time")]
    let now = chrono::Local::now().naive_local();
    let file = file.map_or_else(|| default_name(admin.dialect(), plain, now), Path::to_owned);
    if changes.dry_run {
        output.say(format_args!("mecapy: would copy {} to {}", admin.place(), file.display()));
        return Ok(Exit::Ok);
    }
    if file.exists() {
        output.confirm(&format!("Replace {}?", file.display()))?;
    }
    let copied = admin.backup(&file, file.exists()).await?;
    told(admin, &file, &copied, output)
}

/// Puts a copy back.
pub(super) async fn restore(admin: &Admin, file: &Path, changes: Changes, output: Output) -> CommandResult {
    if !file.is_file() {
        return Err(Failure::words(Exit::NotFound, format!("there is no file {}", file.display())));
    }
    let tables = admin.migration_status().await?.tables;
    let what = format!("everything in {} ({} tables and views)", admin.place(), tables.len());
    if changes.dry_run {
        output.say(format_args!("mecapy: would put {} in the place of {what}", file.display()));
        return Ok(Exit::Ok);
    }
    if !tables.is_empty() {
        output.confirm(&format!("Throw away {what} and put {} in its place?", file.display()))?;
    }
    let copied = admin.restore(file).await?;
    if let Some(before) = &copied.before {
        output.say(format_args!("mecapy: as it was before: {}", before.display()));
    }
    told(admin, file, &copied, output)
}

fn told(admin: &Admin, file: &Path, copied: &Copied, output: Output) -> CommandResult {
    if output.json {
        output.json(&json!({
            "file": file.to_string_lossy(),
            "database": admin.place(),
            "size": copied.size,
            "schema": copied.schema,
        }))?;
    } else {
        output.text(&file.to_string_lossy())?;
    }
    let schema = copied.schema.as_deref().unwrap_or("not one of mecapy's");
    output.say(format_args!("mecapy: {}, verified; schema {schema}", format::bytes(copied.size)));
    for note in &copied.notes {
        output.say(format_args!("mecapy: {note}"));
    }
    Ok(Exit::Ok)
}
