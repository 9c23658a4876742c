//! `tools ls|show|samples`.

use super::{
    Changes,
    exit::{CommandResult, Exit, Failure},
    output::{Output, table},
    words,
};
use crate::{
    db,
    domain::{page::PageRequest, text::SafeText, tool::Tool},
    samples,
    session::Session,
};

/// Rows read at a time.
const PAGE: u32 = 200;

/// Prints the catalogue.
pub async fn list(session: &Session, search: &str, output: Output) -> CommandResult {
    let mut request = PageRequest::first(PAGE);
    let mut first = true;
    loop {
        let page = db::tools::list(&session.db, search, &request).await?;
        if output.json {
            page.rows.iter().try_for_each(|tool| output.json(tool))?;
        } else if !page.rows.is_empty() {
            let mut cells = Vec::new();
            if first {
                cells.push(["NAME", "VERSION", "TITLE"].map(str::to_owned).to_vec());
            }
            cells.extend(page.rows.iter().map(|tool| {
                [&tool.name, &tool.version, &tool.display_name].map(|text| SafeText::label(text).into_string()).to_vec()
            }));
            output.raw(table(&cells, &[]).as_bytes())?;
        } else if first {
            output.say("no tools");
        }
        first = false;
        request.anchor = page.cursors.last().cloned();
        if !page.more_after || page.rows.is_empty() {
            return Ok(Exit::Ok);
        }
    }
}

/// Puts the sample tools into a database that has none.
pub async fn samples(session: &Session, changes: Changes, output: Output) -> CommandResult {
    changes.allowed("install tools")?;
    let samples = samples::samples();
    let is_empty = db::tools::list(&session.db, "", &PageRequest::first(1)).await?.rows.is_empty();
    if is_empty && changes.dry_run {
        output.always_say(format_args!("would install {} sample tools in {}", samples.len(), session.db.place()));
    } else if is_empty && db::tools::seed(&session.db, session.user.id, samples::samples).await? {
        output.say(format_args!("{} sample tools are installed in {}", samples.len(), session.db.place()));
    } else {
        output.say(format_args!("{} has tools already; nothing was changed", session.db.place()));
    }
    Ok(Exit::Ok)
}

/// Prints one tool, or its code alone.
pub async fn show(session: &Session, name: &str, code: bool, output: Output) -> CommandResult {
    let tool = find(session, name).await?;
    if code {
        output.text(&tool.code_template)?;
        return Ok(Exit::Ok);
    }
    if output.json {
        output.json(&tool)?;
        return Ok(Exit::Ok);
    }
    let limits = tool.limits;
    let row = |name: &str, value: &str| vec![name.to_owned(), SafeText::label(value).into_string()];
    let rows = [
        row("name", &tool.name),
        row("title", &tool.display_name),
        row("version", &tool.version),
        row("image", &tool.docker_image),
        row("runs in", &tool.runs_in()),
        row("limits", &format!("{} s, {} MiB, {} cores", limits.timeout, limits.memory_limit, limits.cpu_limit)),
        row("updated", &words::local(tool.updated_at)),
        row("offered", if tool.is_active { "yes" } else { "no" }),
    ];
    output.raw(table(&rows, &[]).as_bytes())?;
    output.line("")?;
    output.text(&tool.description)?;
    output.say(format_args!("\n`mecapy tools show {name} --code` prints its code"));
    Ok(Exit::Ok)
}

/// The tool of this name, or a failure that names the nearest one.
pub async fn find(session: &Session, name: &str) -> Result<Tool, Failure> {
    if let Some(tool) = db::tools::by_name(&session.db, name).await? {
        return Ok(tool);
    }
    let page = db::tools::list(&session.db, "", &PageRequest::first(PAGE)).await?;
    let names = page.rows.iter().map(|tool| tool.name.as_str());
    let hint = match crate::config::nearest(name, names) {
        Some(near) => format!("; did you mean {near:?}?"),
        None => "; `mecapy tools ls` lists them".to_owned(),
    };
    Err(Failure::words(Exit::NotFound, format!("there is no tool {name:?}{hint}")))
}
