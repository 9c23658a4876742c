//! What is to be done for what is asked, from what the server says.

use super::{
    change::{Change, PartitionPlan, Partitioning},
    convert,
    dependents::{self, Dependents, TABLE},
    maintain,
    settings::refused,
};
use crate::{
    admin::{connection::Admin, error::AdminError, sql},
    db::partitions::{self, Month, Partitions},
};
use sea_orm::DatabaseTransaction;

/// Plans under whatever the transaction holds.
pub(super) async fn make(
    connection: &DatabaseTransaction,
    admin: &Admin,
    what: Partitioning,
) -> Result<PartitionPlan, AdminError> {
    let explain = |error| admin.explain(error);
    let found = partitions::look(connection).await.map_err(explain)?;
    let old = dependents::read(connection, found.is_some()).await.map_err(explain)?;
    match (what, found) {
        (Partitioning::Undo, None) => Err(refused(admin, "calculations is one table already")),
        (Partitioning::Undo, Some(found)) => {
            movable(admin, &old)?;
            let rows = count_rows(connection, admin).await?;
            let bytes = found.all.iter().map(|partition| partition.bytes).sum();
            let merge = Change::Merge { rows, bytes, partitions: found.all.len() };
            Ok(PartitionPlan { changes: vec![merge], statements: convert::to_one(&old) })
        }
        (Partitioning::Maintain { archive_before: Some(_), .. }, None) => {
            Err(refused(admin, "calculations is one table; mecapy db partition --yes makes months of it first"))
        }
        (Partitioning::Maintain { ahead, archive_before: None }, None) => {
            movable(admin, &old)?;
            first_time(connection, admin, &old, ahead).await
        }
        (Partitioning::Maintain { ahead, archive_before }, Some(found)) => {
            let options = old.options.as_deref();
            let (mut statements, mut changes) =
                maintain::add_months(connection, &found, ahead, &old.columns, options).await.map_err(explain)?;
            if let Some(before) = archive_before {
                if Month::of(found.now).is_some_and(|now| before > now) {
                    return Err(AdminError::Target(format!("{before}: that month is yet to come")));
                }
                let (more, detached) = maintain::archive(connection, &found, before).await.map_err(explain)?;
                statements.extend(more);
                changes.extend(detached);
            }
            Ok(PartitionPlan { changes, statements })
        }
    }
}

fn movable(admin: &Admin, old: &Dependents) -> Result<(), AdminError> {
    if old.problems.is_empty() { Ok(()) } else { Err(refused(admin, old.problems.join("; "))) }
}

/// From one table to partitions: months with rows, the present one, those to come.
async fn first_time(
    connection: &DatabaseTransaction,
    admin: &Admin,
    old: &Dependents,
    ahead: u32,
) -> Result<PartitionPlan, AdminError> {
    let explain = |error| admin.explain(error);
    let facts =
        format!("SELECT pg_catalog.pg_total_relation_size({TABLE}), now() AT TIME ZONE 'utc', current_schema()::text");
    let found = sql::rows(connection, &facts).await.map_err(explain)?;
    let Some(row) = found.first() else { return Err(refused(admin, "there is no table calculations")) };
    let (bytes, schema): (i64, String) =
        (row.try_get_by_index(0).map_err(explain)?, row.try_get_by_index(2).map_err(explain)?);
    let none = Partitions { all: Vec::new(), now: row.try_get_by_index(1).map_err(explain)? };
    let coming = none.missing(ahead);
    let mut months = maintain::months_of(connection, "calculations").await.map_err(explain)?;
    months.retain(|month, _| Some(month) <= coming.last());
    for month in coming {
        months.entry(month).or_default();
    }
    let rows = count_rows(connection, admin).await?;
    let mut changes = vec![Change::Convert { rows, bytes, months: months.len() }];
    changes.extend(months.iter().map(|(month, rows)| Change::Make { partition: month.partition(), rows: *rows }));
    let in_months: u64 = months.values().sum();
    changes.push(Change::Make { partition: partitions::DEFAULT.to_owned(), rows: rows.saturating_sub(in_months) });
    let months: Vec<Month> = months.into_keys().collect();
    for name in months.iter().map(|month| month.partition()).chain([partitions::DEFAULT.to_owned()]) {
        let taken = format!("SELECT to_regclass(quote_ident(current_schema()) || '.{name}') IS NOT NULL");
        if sql::value(connection, &taken).await.map_err(explain)?.unwrap_or(false) {
            return Err(refused(admin, format!("there is a table {name} already; rename it or drop it")));
        }
    }
    Ok(PartitionPlan { changes, statements: convert::to_partitions(old, &schema, &months) })
}

async fn count_rows(connection: &DatabaseTransaction, admin: &Admin) -> Result<u64, AdminError> {
    let explain = |error| admin.explain(error);
    let count: Option<i64> = sql::value(connection, "SELECT count(*) FROM calculations").await.map_err(explain)?;
    Ok(count.unwrap_or_default().unsigned_abs())
}
