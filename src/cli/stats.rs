//! `mecapy stats`: own figures, the newest calculations, the database's health.

use super::{
    args::Stats,
    exit::{CommandResult, Exit, Failure},
    output::{Output, table},
    words,
};
use crate::{
    db::health,
    domain::{
        format,
        statistics::{Figures, Gap, Health, Known, Lock},
        text::SafeText,
    },
    session::Session,
};
use serde_json::json;

/// Rows of the longer tables that are printed; `--json` has all.
const ROWS: usize = 15;

/// Prints the figures; a file whose check finds something is an error.
pub async fn stats(session: &Session, args: Stats, output: Output) -> CommandResult {
    let figures = health::figures(&session.db, session.user.id).await;
    let health = if args.database { Some(health::health(&session.db, args.check).await?) } else { None };
    // Who holds the rows up is seen in the health: it does not wait for them.
    let figures = match (figures, &health) {
        (Ok(figures), _) => figures,
        (Err(error), Some(health)) if !output.json => {
            database(health, output)?;
            return Err(error.into());
        }
        (Err(error), _) => return Err(error.into()),
    };
    if output.json {
        let mut all = json!({"user_stats": figures.own, "recent_calculations": figures.recent});
        if let Some(health) = &health {
            all["database"] = serde_json::to_value(health)?;
        }
        output.json(&all)?;
    } else {
        own(&figures, output)?;
        if let Some(health) = &health {
            database(health, output)?;
        }
    }
    let found = health.as_ref().and_then(|health| health.file.as_ref()?.quick_check.clone()).unwrap_or_default();
    if found.iter().any(|line| line != "ok") {
        return Err(Failure::words(Exit::Error, "the database's file is damaged; mecapy doctor says what to do"));
    }
    Ok(Exit::Ok)
}

fn label(text: &str) -> String {
    SafeText::label(text).into_string()
}

/// A statement on one line.
fn statement(query: &str) -> String {
    label(&query.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn size(bytes: i64) -> String {
    format::bytes(u64::try_from(bytes).unwrap_or_default())
}

fn print(
    title: &str,
    head: &[&str],
    right: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
    output: Output,
) -> Result<(), Failure> {
    let mut cells = vec![head.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()];
    cells.extend(rows);
    output.line(title)?;
    output.raw(table(&cells, right).as_bytes())?;
    output.line("")
}

fn own(figures: &Figures, output: Output) -> Result<(), Failure> {
    let head = ["ID", "USER", "FILES", "STORAGE", "CALCULATIONS", "COMPLETED"];
    let rows = figures.own.iter().map(|own| {
        vec![
            own.id.to_string(),
            label(&own.username),
            own.total_files.to_string(),
            size(own.total_storage_bytes),
            own.total_calculations.to_string(),
            own.completed_calculations.to_string(),
        ]
    });
    print("Own figures", &head, &[0, 2, 3, 4, 5], rows, output)?;
    let head = ["ID", "STATUS", "CREATED", "TIME", "USER", "NAME"];
    let rows = figures.recent.iter().map(|row| {
        vec![
            row.id.to_string(),
            label(&row.status),
            words::local(row.created_at),
            row.execution_time.map(format::duration).unwrap_or_default(),
            label(row.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&row.username)),
            label(&row.name),
        ]
    });
    print("Newest calculations", &head, &[0, 3], rows, output)
}

fn database(health: &Health, output: Output) -> Result<(), Failure> {
    output.line(&format!("{}, answers in {:.1} ms", label(&health.engine), health.response_ms))?;
    line("size", &health.size_bytes, |bytes| size(*bytes), output)?;
    line(
        "connections",
        &health.connections,
        |all| {
            let unknown = if all.unknown > 0 { format!(", {} not shown", all.unknown) } else { String::new() };
            format!(
                "{} active, {} idle, {} idle in transaction{unknown}; at most {}",
                all.active, all.idle, all.idle_in_transaction, all.maximum
            )
        },
        output,
    )?;
    line("deadlocks", &health.deadlocks, ToString::to_string, output)?;
    if let Some(file) = &health.file {
        let free = size(file.free_pages * file.page_size);
        let [wal, pages] = [size(file.wal_bytes), file.page_count.to_string()];
        output.line(&format!("file         {}, {pages} pages, {free} of it free", label(&file.path)))?;
        output.line(&format!("journal      {}, write-ahead log {wal}", label(&file.journal_mode)))?;
        for found in file.quick_check.iter().flatten() {
            output.line(&format!("check        {}", label(found)))?;
        }
    }
    output.line("")?;
    section("Tables", &health.tables, &["TABLE", "SIZE", "INDEXES"], &[1, 2], output, |table| {
        vec![label(&table.table), size(table.total_bytes), size(table.index_bytes)]
    })?;
    section("Slow queries", &health.slow_queries, &["MEAN", "CALLS", "QUERY"], &[0, 1], output, |query| {
        vec![format!("{:.1} ms", query.mean_ms), query.calls.to_string(), statement(&query.query)]
    })?;
    section(
        "Waiting for locks",
        &health.locks,
        &["PID", "USER", "WAITS FOR", "SINCE", "TABLE", "QUERY"],
        &[0, 3],
        output,
        waiting,
    )?;
    section("Use of indexes", &health.indexes, &["INDEX", "TABLE", "READ", "SIZE"], &[2, 3], output, |index| {
        vec![label(&index.index), label(&index.table), index.scans.to_string(), size(index.bytes)]
    })?;
    health.partial.iter().try_for_each(|gap| output.line(&format!("in part: {}", label(&gap.to_string()))))
}

fn waiting(lock: &Lock) -> Vec<String> {
    let who = |pid: i32, user: Option<&String>| format!("{pid} {}", user.map(|user| label(user)).unwrap_or_default());
    let blockers: Vec<_> = lock.blocked_by.iter().map(|by| who(by.pid, by.user.as_ref()).trim().to_owned()).collect();
    vec![
        lock.pid.to_string(),
        lock.user.as_deref().map(label).unwrap_or_default(),
        blockers.join(", "),
        lock.waiting_s.map(format::duration).unwrap_or_default(),
        lock.table.as_deref().map(label).unwrap_or_default(),
        lock.query.as_deref().map(statement).unwrap_or_default(),
    ]
}

fn line<T>(name: &str, figure: &Known<T>, words: impl Fn(&T) -> String, output: Output) -> Result<(), Failure> {
    let words = match figure {
        Known::Is(value) => words(value),
        Known::Missing(gap) => missing(gap),
    };
    output.line(&format!("{name:<12} {words}"))
}

fn section<T>(
    title: &str,
    figure: &Known<Vec<T>>,
    head: &[&str],
    right: &[usize],
    output: Output,
    row: impl Fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    match figure {
        Known::Is(rows) if rows.is_empty() => output.line(&format!("{title}: none\n")),
        Known::Is(rows) => {
            print(title, head, right, rows.iter().take(ROWS).map(row), output)?;
            if rows.len() > ROWS {
                output.say(format_args!("{title}: {ROWS} of {} shown, --json prints all", rows.len()));
            }
            Ok(())
        }
        Known::Missing(gap) => output.line(&format!("{title}: {}\n", missing(gap))),
    }
}

fn missing(gap: &Gap) -> String {
    format!("not known: {}", label(&gap.to_string()))
}
