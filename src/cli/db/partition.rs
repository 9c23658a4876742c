//! `db partition`: told first, done with `--yes`.

use crate::{
    admin::{Admin, Change, Partitioning},
    cli::{
        exit::{CommandResult, Exit, Failure},
        output::{Output, table},
    },
    db::partitions::{ARCHIVE, Month},
    domain::{format, text::SafeText},
};
use serde_json::json;

/// What the flags ask for.
pub(super) const fn what(ahead: u32, archive_before: Option<Month>, undo: bool) -> Partitioning {
    if undo { Partitioning::Undo } else { Partitioning::Maintain { ahead, archive_before } }
}

/// Tells what would be done, prints it as SQL, or does it.
pub(super) async fn partition(
    admin: &Admin,
    what: Partitioning,
    sql: bool,
    is_preview: bool,
    output: Output,
) -> CommandResult {
    let work = if is_preview { admin.plan_partitions(what).await? } else { admin.partition(what).await? };
    if sql {
        output.text(&work.script())?;
        return Ok(Exit::Ok);
    }
    for change in &work.changes {
        if output.json {
            let mut told = serde_json::to_value(change)?;
            told["dry_run"] = is_preview.into();
            output.json(&told)?;
        } else {
            output.line(SafeText::label(&words(change, is_preview)).as_str())?;
        }
    }
    if work.changes.is_empty() {
        output.say("mecapy: every month is there; nothing to do");
    } else if is_preview {
        output.say(format_args!("mecapy: nothing was changed in {}; --yes does it", admin.place()));
    }
    if what == Partitioning::Undo {
        let archived = admin.archived().await?.len();
        if archived > 0 {
            output.say(format_args!("mecapy: {archived} months stay in the schema {ARCHIVE}"));
        }
    }
    Ok(Exit::Ok)
}

fn words(change: &Change, is_preview: bool) -> String {
    let would = |would: &str, did: &str| if is_preview { format!("would {would}") } else { did.to_owned() };
    let size = |bytes: i64| format::bytes(u64::try_from(bytes).unwrap_or_default());
    let count = |rows: i64| format::count(u64::try_from(rows).unwrap_or_default());
    let meanwhile = if is_preview {
        "; until that is done nobody can use calculations, and as much disk again is needed"
    } else {
        ""
    };
    match change {
        Change::Convert { rows, bytes, months } => format!(
            "{} {} rows of calculations ({} with their indexes) anew, in {months} months{meanwhile}",
            would("write", "wrote"),
            format::count(*rows),
            size(*bytes)
        ),
        Change::Make { partition, rows } => {
            let rows = if *rows > 0 { format!(" ({} rows)", format::count(*rows)) } else { String::new() };
            format!("{} {partition}{rows}", would("make", "made"))
        }
        Change::Archive { partition, rows, bytes, files, runs } => format!(
            "{} {partition} into the schema {ARCHIVE} ({} calculations, {}, {} links to files, {} runs)",
            would("detach", "detached"),
            count(*rows),
            size(*bytes),
            count(*files),
            count(*runs)
        ),
        Change::Leave { partition, why } => format!("{} {partition}: {why}", would("leave", "left")),
        Change::Merge { rows, bytes, partitions } => format!(
            "{} {} rows of calculations ({} with their indexes) anew, from {partitions} partitions into one table{meanwhile}",
            would("write", "wrote"),
            format::count(*rows),
            size(*bytes)
        ),
    }
}

/// Lists the partitions, and the months that were detached.
pub(super) async fn list(admin: &Admin, output: Output) -> CommandResult {
    let found = admin.partitions().await?;
    let archived = admin.archived().await?;
    if output.json {
        for partition in found.iter().flat_map(|found| &found.all) {
            output.json(partition)?;
        }
        archived.iter().try_for_each(|name| output.json(&json!({ "name": name, "archived": true })))?;
    } else {
        print(found.as_ref().map_or(&[][..], |found| &found.all), &archived, output)?;
    }
    let Some(found) = found else {
        output.say("mecapy: calculations is one table; mecapy db partition tells what making months of it does");
        return Ok(Exit::Ok);
    };
    for gap in found.gaps() {
        output.say(format_args!("mecapy: {gap}"));
    }
    Ok(Exit::Ok)
}

fn print(all: &[crate::db::partitions::Partition], archived: &[String], output: Output) -> Result<(), Failure> {
    let day = |at: Option<chrono::NaiveDateTime>| at.map_or_else(|| "-".to_owned(), |at| at.date().to_string());
    let mut lines = vec![["PARTITION", "FROM", "TO", "ROWS ABOUT", "SIZE"].map(str::to_owned).to_vec()];
    lines.extend(all.iter().map(|partition| {
        vec![
            SafeText::label(&partition.name).into_string(),
            day(partition.from),
            day(partition.to),
            partition.rows.map_or_else(|| "?".to_owned(), |rows| format::count(rows.unsigned_abs())),
            format::bytes(u64::try_from(partition.bytes).unwrap_or_default()),
        ]
    }));
    lines.extend(archived.iter().map(|name| vec![format!("{ARCHIVE}.{}", SafeText::label(name).as_str())]));
    if lines.len() > 1 { output.raw(table(&lines, &[3, 4]).as_bytes()) } else { Ok(()) }
}
