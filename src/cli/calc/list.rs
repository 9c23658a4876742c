//! `calc ls`: pages of the list, printed as they come.

use super::args::{List, Sort};
use crate::{
    cli::{
        exit::{CommandResult, Exit},
        output::{Output, table},
        words,
    },
    db,
    domain::{
        calculation::CalculationRow,
        format,
        page::{CalculationQuery, CalculationSort, PageRequest},
        text::SafeText,
    },
    session::Session,
};

/// Rows read at a time: a table's columns are as wide as those of its page.
const PAGE: u32 = 500;

/// Prints the list.
pub async fn list(session: &Session, args: &List, output: Output) -> CommandResult {
    let query = CalculationQuery {
        sort: match args.sort {
            Sort::Created => CalculationSort::Created,
            Sort::Name => CalculationSort::Name,
            Sort::Status => CalculationSort::Status,
            Sort::Started => CalculationSort::Started,
            Sort::Duration => CalculationSort::Duration,
        },
        ascending: args.ascending,
        statuses: args.status.clone(),
        text: args.search.clone(),
    };
    let mut left = if args.all { u64::MAX } else { u64::from(args.limit) };
    let mut request = PageRequest::first(PAGE);
    let mut shown = 0_u64;
    loop {
        request.limit = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
        if request.limit == 0 {
            break;
        }
        let page = db::calculations::page(&session.db, session.user.id, &query, &request).await?;
        print(&page.rows, shown == 0, output)?;
        let count = page.rows.len() as u64;
        shown += count;
        left -= count.min(left);
        request.anchor = page.cursors.last().cloned();
        if !page.more_after || count == 0 {
            if shown == 0 {
                output.say(if query.statuses.is_empty() && query.text.is_empty() {
                    "no calculations; `mecapy calc run --tool NAME` makes one, `mecapy tools ls` lists the tools"
                } else {
                    "no calculation matches"
                });
            }
            return Ok(Exit::Ok);
        }
    }
    output.say(format_args!("{shown} shown, there are more: --limit COUNT or --all"));
    Ok(Exit::Ok)
}

fn print(rows: &[CalculationRow], heading: bool, output: Output) -> Result<(), crate::cli::exit::Failure> {
    if output.json {
        return rows.iter().try_for_each(|row| output.json(row));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let mut cells = Vec::with_capacity(rows.len() + 1);
    if heading {
        cells.push(["ID", "STATUS", "CREATED", "TIME", "MEMORY", "NAME"].map(str::to_owned).to_vec());
    }
    cells.extend(rows.iter().map(|row| {
        vec![
            row.id.to_string(),
            words::status(row),
            words::local(row.created_at),
            row.execution_time.map(format::duration).unwrap_or_default(),
            row.memory_used.map(|used| format!("{used} MiB")).unwrap_or_default(),
            SafeText::label(&row.name).into_string(),
        ]
    }));
    output.raw(table(&cells, &[0, 3, 4]).as_bytes())
}
