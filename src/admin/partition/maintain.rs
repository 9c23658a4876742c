//! What partitions need from time to time: the coming months, rows that no month took, old months out of the way.

use super::{
    change::{ARCHIVED, Change},
    convert,
    id_table::{self, IDS},
};
use crate::{
    admin::sql::{self, column, rows, value},
    db::partitions::{ARCHIVE, DEFAULT, Month, Partition, Partitions},
};
use sea_orm::{ConnectionTrait, DbErr};
use std::collections::BTreeMap;

/// Statements, and what they change.
pub(super) type Done = (Vec<String>, Vec<Change>);

/// The tables whose rows belong to a calculation and go with it.
const LINKED: [&str; 2] = ["calculation_files", "calculation_runs"];

/// How many rows each month has in `table`; those of months that have no name are left out.
pub(super) async fn months_of(connection: &impl ConnectionTrait, table: &str) -> Result<BTreeMap<Month, u64>, DbErr> {
    let sql = format!(
        "SELECT date_trunc('month', created_at), count(*) FROM {table} \
         WHERE created_at >= '0001-01-01' AND created_at < '10000-01-01' GROUP BY 1"
    );
    let mut months = BTreeMap::new();
    for row in rows(connection, &sql).await? {
        let count: i64 = row.try_get_by_index(1)?;
        if let Some(month) = Month::of(row.try_get_by_index(0)?) {
            months.insert(month, count.unsigned_abs());
        }
    }
    Ok(months)
}

/// Makes the present month and those after it, and those that have rows in the default partition.
pub(super) async fn add_months(
    connection: &impl ConnectionTrait,
    found: &Partitions,
    ahead: u32,
    columns: &str,
    options: Option<&str>,
) -> Result<Done, DbErr> {
    let (mut statements, mut changes) = (Vec::new(), Vec::new());
    let rest = found.rest().map(|rest| sql::name(&rest.name));
    let mut stray = BTreeMap::new();
    if let Some(rest) = &rest {
        stray = months_of(connection, rest).await?;
    } else {
        statements.extend(convert::partition(DEFAULT, "DEFAULT", options));
        changes.push(Change::Make { partition: DEFAULT.to_owned(), rows: 0 });
    }
    let last = Month::of(found.now).map(|now| now.plus(ahead));
    let mut wanted: BTreeMap<Month, u64> = found.missing(ahead).into_iter().map(|month| (month, 0)).collect();
    wanted.extend(stray.into_iter().filter(|(month, _)| Some(*month) <= last && !found.takes(*month)));
    let moves = wanted.values().any(|rows| *rows > 0);
    if let (Some(rest), true) = (&rest, moves) {
        // Its rows are no links of anything while it stands alone: moving them is no delete.
        statements.push(format!("ALTER TABLE calculations DETACH PARTITION {rest}"));
    }
    for (month, rows) in wanted {
        let name = month.partition();
        changes.push(Change::Make { partition: name.clone(), rows });
        let bounds = convert::bounds(month);
        let Some(rest) = rest.as_ref().filter(|_| rows > 0) else {
            statements.extend(convert::partition(&name, &bounds, options));
            continue;
        };
        let with = options.map(|options| format!(" WITH ({options})")).unwrap_or_default();
        statements.extend([
            format!("CREATE TABLE {name} (LIKE {rest} INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY){with}"),
            format!(
                "WITH moved AS (DELETE FROM {rest} WHERE created_at >= '{}' AND created_at < '{}' RETURNING *) \
                 INSERT INTO {name} ({columns}) SELECT {columns} FROM moved",
                month.start(),
                month.plus(1).start()
            ),
            format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"),
            format!("ALTER TABLE calculations ATTACH PARTITION {name} {bounds}"),
        ]);
    }
    if let (Some(rest), true) = (&rest, moves) {
        statements.extend([
            // An empty one takes no room, and shows that nothing lies there.
            format!("DO $$ BEGIN IF NOT EXISTS (SELECT FROM {rest}) THEN TRUNCATE {rest}; END IF; END $$"),
            format!("ALTER TABLE calculations ATTACH PARTITION {rest} DEFAULT"),
        ]);
    }
    // Tables that came to refer to calculations, and grants on all tables of a schema.
    statements.extend([id_table::lock_referred_calculations(), id_table::revoke_privileges()]);
    Ok((statements, changes))
}

/// Detaches what lies wholly before `before`, with what is linked to it.
pub(super) async fn archive(
    connection: &impl ConnectionTrait,
    found: &Partitions,
    before: Month,
) -> Result<Done, DbErr> {
    let (mut statements, mut changes) = (Vec::new(), Vec::new());
    let schema = format!("SELECT to_regnamespace('{ARCHIVE}') IS NOT NULL");
    let has_schema: bool = value(connection, &schema).await?.unwrap_or_default();
    let end = before.start();
    // The newest first: what was made from a calculation is newer, and keeps the number of it in the archive.
    for partition in found.all.iter().rev().filter(|partition| !partition.is_default) {
        if partition.to.is_none_or(|to| to.format("%Y-%m-%d").to_string() > end) {
            continue;
        }
        match detached(connection, partition, has_schema).await? {
            Ok((detach, change)) => {
                statements.extend(detach);
                changes.push(change);
            }
            Err(why) => changes.push(Change::Leave { partition: partition.name.clone(), why }),
        }
    }
    if statements.is_empty() {
        return Ok((statements, changes));
    }
    if !has_schema {
        statements.insert(0, format!("CREATE SCHEMA {ARCHIVE}"));
        statements.insert(1, format!("COMMENT ON SCHEMA {ARCHIVE} IS {}", sql::text(ARCHIVED)));
    }
    // Rows went without a statement that would have told of them.
    statements.push("SELECT pg_notify('mecapy', 'calculations * *')".to_owned());
    Ok((statements, changes))
}

/// The statements that detach one, or why it stays.
async fn detached(
    connection: &impl ConnectionTrait,
    partition: &Partition,
    has_schema: bool,
) -> Result<Result<(Vec<String>, Change), String>, DbErr> {
    let name = sql::name(&partition.name);
    let unfinished = format!(
        "SELECT string_agg(id::text, ', ') FROM (SELECT c.id FROM {name} c WHERE c.status IN ('pending', 'running') \
         OR EXISTS (SELECT FROM calculation_runs r WHERE r.calculation_id = c.id AND r.completed_at IS NULL) \
         ORDER BY c.id LIMIT 5) AS few"
    );
    if let Some(ids) = value::<Option<String>>(connection, &unfinished).await?.flatten() {
        return Ok(Err(format!("some of its calculations have not ended: {ids}; end or delete them first")));
    }
    if has_schema {
        let there = format!("SELECT to_regclass('{ARCHIVE}.{name}') IS NOT NULL");
        if value(connection, &there).await?.unwrap_or_default() {
            return Ok(Err(format!("the schema {ARCHIVE} has a table of this name already; rename that one first")));
        }
    }
    if let Some(table) = referred(connection, &name).await? {
        return Ok(Err(format!("rows of {table}, a table that mecapy does not know, refer to its calculations")));
    }
    let count = |sql: String| async move { value::<i64>(connection, &sql).await.map(Option::unwrap_or_default) };
    let of = |table: &str| format!("SELECT count(*) FROM {table} l WHERE l.calculation_id IN (SELECT id FROM {name})");
    let change = Change::Archive {
        partition: partition.name.clone(),
        rows: count(format!("SELECT count(*) FROM {name}")).await?,
        bytes: partition.bytes,
        files: count(of(LINKED[0])).await?,
        runs: count(of(LINKED[1])).await?,
    };
    let parent_keys = format!(
        "SELECT quote_ident(conname) FROM pg_catalog.pg_constraint \
         WHERE conrelid = '{name}'::regclass AND contype = 'f' AND confrelid = '{IDS}'::regclass"
    );
    let drops: Vec<String> = column(connection, &parent_keys).await?;
    let key = format!(
        "SELECT quote_ident(conname) FROM pg_catalog.pg_constraint WHERE conrelid = '{name}'::regclass AND contype = 'p'"
    );
    let key: String = value(connection, &key).await?.unwrap_or_default();
    Ok(Ok((moved(connection, &partition.name, &drops, &key).await?, change)))
}

/// The statements that move one partition with its links. In the archive the links lead to it, as they did before.
async fn moved(
    connection: &impl ConnectionTrait,
    partition: &str,
    parent_keys: &[String],
    key: &str,
) -> Result<Vec<String>, DbErr> {
    let month = partition.strip_prefix("calculations_").unwrap_or(partition);
    let name = sql::name(partition);
    let archived = format!("{ARCHIVE}.{name}");
    let mut statements = vec![format!("ALTER TABLE calculations DETACH PARTITION {name}")];
    // What it was made from may be gone one day; the number stays as it is.
    statements.extend(parent_keys.iter().map(|key| format!("ALTER TABLE {name} DROP CONSTRAINT {key}")));
    statements.extend([
        format!("ALTER TABLE {name} DROP CONSTRAINT {key}, ADD CONSTRAINT {key} PRIMARY KEY (id)"),
        format!("ALTER TABLE {name} SET SCHEMA {ARCHIVE}"),
    ]);
    for table in LINKED {
        let to = format!("{ARCHIVE}.{}", sql::name(&format!("{table}_{month}")));
        let columns = format!(
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute \
             WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
        );
        let columns: String = value(connection, &columns).await?.unwrap_or_default();
        statements.extend([
            format!("CREATE TABLE {to} (LIKE {table} INCLUDING ALL)"),
            format!(
                "WITH moved AS (DELETE FROM {table} l USING {archived} c WHERE l.calculation_id = c.id RETURNING l.*) \
                 INSERT INTO {to} ({columns}) SELECT {columns} FROM moved"
            ),
            format!("ALTER TABLE {to} ADD FOREIGN KEY (calculation_id) REFERENCES {archived} (id)"),
            format!("ALTER TABLE {to} ENABLE ROW LEVEL SECURITY"),
        ]);
        let others = format!(
            "SELECT format('ALTER TABLE %s ADD %s', {}, pg_catalog.pg_get_constraintdef(oid)) FROM pg_catalog.pg_constraint \
             WHERE conrelid = '{table}'::regclass AND contype = 'f' AND confrelid <> '{IDS}'::regclass ORDER BY conname",
            sql::text(&to)
        );
        statements.extend(column::<String>(connection, &others).await?);
    }
    let parents = format!("{ARCHIVE}.{}", sql::name(&format!("calculation_parents_{month}")));
    statements.extend([
        // Those that were made from one of them stay and forget it, as they do when it is deleted.
        format!(
            "CREATE TABLE {parents} (calculation_id BIGINT PRIMARY KEY, parent_id BIGINT NOT NULL REFERENCES {archived} (id))"
        ),
        format!(
            "INSERT INTO {parents} (calculation_id, parent_id) SELECT c.id, c.parent_id FROM calculations c \
             JOIN {archived} a ON a.id = c.parent_id"
        ),
        format!("ALTER TABLE {parents} ENABLE ROW LEVEL SECURITY"),
        format!("DELETE FROM {IDS} k USING {archived} a WHERE k.id = a.id"),
    ]);
    Ok(statements)
}

/// A table that mecapy does not know and that has rows of calculations of a partition.
async fn referred(connection: &impl ConnectionTrait, partition: &str) -> Result<Option<String>, DbErr> {
    let known = LINKED.map(|table| format!("'{table}'::regclass")).join(", ");
    let keys = format!(
        "SELECT k.conrelid::regclass::text, quote_ident(a.attname) FROM pg_catalog.pg_constraint k \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] \
         WHERE k.contype = 'f' AND k.confrelid = '{IDS}'::regclass AND k.conparentid = 0 \
         AND k.conrelid NOT IN ('calculations'::regclass, {known})"
    );
    for row in rows(connection, &keys).await? {
        let (table, column): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let refers = format!("SELECT EXISTS (SELECT FROM {table} r JOIN {partition} c ON c.id = r.{column})");
        if value(connection, &refers).await?.unwrap_or_default() {
            return Ok(Some(table));
        }
    }
    Ok(None)
}
