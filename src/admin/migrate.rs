//! Up and down the steps of the schema, each planned first: what an upgrade or a downgrade would do, and doing it.

use super::{
    adopt, catalogue,
    connection::Admin,
    error::AdminError,
    execute, partition,
    plan::{self, Down, Piece, Plan, Up},
    secure, sql,
    status::{self, MigrationStatus},
};
use crate::db::{DbError, partitions};
use migrations::{Dialect, NAME_INDEX, name_index};
use sea_orm::ConnectionTrait;
use std::path::PathBuf;

/// What a downgrade throws away, counted: for a question before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// A table, or `table.column`.
    pub what: String,
    /// Rows of the table, or rows with something in the column.
    pub rows: u64,
}

impl Admin {
    /// What an upgrade would do; a database of the platform's other programs is adopted first.
    pub async fn plan_upgrade(&self, target: Up) -> Result<Plan, AdminError> {
        plan_upgrade(&self.connection, self.dialect, &self.place, target).await
    }

    /// Upgrades. Returns what was done and the copy that was kept of a file.
    pub async fn upgrade(&self, target: Up) -> Result<(Plan, Option<PathBuf>), AdminError> {
        execute::run(self, async |connection| plan_upgrade(connection, self.dialect, &self.place, target).await).await
    }

    /// What a downgrade would do.
    pub async fn plan_downgrade(&self, target: Down) -> Result<Plan, AdminError> {
        plan_downgrade(&self.connection, self.dialect, &self.place, target).await
    }

    /// Downgrades. Returns what was done and the copy that was kept of a file.
    pub async fn downgrade(&self, target: Down) -> Result<(Plan, Option<PathBuf>), AdminError> {
        execute::run(self, async |connection| plan_downgrade(connection, self.dialect, &self.place, target).await).await
    }

    /// The rows that a downgrade throws away.
    pub async fn losses(&self, plan: &Plan) -> Result<Vec<Loss>, DbError> {
        let dropped = plan::dropped(plan);
        let whole: Vec<&str> =
            dropped.iter().filter(|(_, column)| column.is_none()).map(|(table, _)| table.as_str()).collect();
        let mut losses = Vec::new();
        for (table, column) in &dropped {
            let (what, sql) = match column {
                // It goes with its table.
                Some(_) if whole.contains(&table.as_str()) => continue,
                Some(column) => {
                    (format!("{table}.{column}"), format!("SELECT COUNT(*) FROM {table} WHERE {column} IS NOT NULL"))
                }
                None => (table.clone(), format!("SELECT COUNT(*) FROM {table}")),
            };
            let rows: Option<i64> = sql::value(&self.connection, &sql).await.map_err(|error| self.explain(error))?;
            let rows = rows.unwrap_or_default().unsigned_abs();
            if rows > 0 {
                losses.push(Loss { what, rows });
            }
        }
        Ok(losses)
    }

    /// A plan as a script for `psql` or `sqlite3`.
    pub fn script(&self, plan: &Plan) -> String {
        plan::script(self.dialect, plan)
    }
}

async fn plan_upgrade(
    connection: &impl ConnectionTrait,
    dialect: Dialect,
    place: &str,
    target: Up,
) -> Result<Plan, AdminError> {
    let explain = |error| DbError::explain(place, error);
    let status = status::read(connection).await.map_err(explain)?;
    status.not_newer(place)?;
    let catalogue = catalogue::read(connection).await.map_err(explain)?;
    let (mut plan, adopted) = if status.is_ours || status.tables.is_empty() {
        (Plan::default(), Vec::new())
    } else if target == Up::To(None) {
        adopt::plan(connection, dialect, place, &status, &catalogue).await?
    } else {
        let words = "a database of the platform's other programs is adopted whole: mecapy db upgrade";
        return Err(AdminError::Target(words.to_owned()));
    };
    // Tables that are made anew come without the indexes that later steps make.
    let catalogue = if plan.rebuilds { catalogue::Catalogue::default() } else { catalogue };
    plan.pieces.extend(plan::up(dialect, &status, &catalogue, &adopted, target));
    if plan.pieces.is_empty() && target == Up::To(None) && dialect == Dialect::Postgres {
        plan.pieces.extend(late_name_search(connection, &catalogue).await.map_err(explain)?);
    }
    if let Some(names) = partitioned(connection, place).await? {
        plan.pieces = partition::migrations(plan.pieces, &names);
    }
    if let Some(last) = plan.pieces.last_mut() {
        last.statements.append(&mut plan.afterwards);
    }
    if !plan.pieces.is_empty()
        && let Some(piece) = secure::reapply(connection).await.map_err(explain)?
    {
        plan.pieces.push(piece);
    }
    if let (false, Some(first)) = (status.is_ours, plan.pieces.first_mut()) {
        first.statements.insert(0, plan::bookkeeping(dialect));
    }
    Ok(plan)
}

/// The index of the names, where the server lacked the extension for it and has it by now.
async fn late_name_search(
    connection: &impl ConnectionTrait,
    catalogue: &catalogue::Catalogue,
) -> Result<Option<Piece>, sea_orm::DbErr> {
    let has = catalogue.tables.get("calculations").and_then(|table| table.indexes.get(NAME_INDEX));
    let is_whole = has.is_some_and(|index| !index.ends_with(catalogue::INVALID));
    let sql =
        "SELECT FROM pg_catalog.pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_catalog.pg_opclass_is_visible(oid)";
    if is_whole || sql::rows(connection, sql).await?.is_empty() {
        return Ok(None);
    }
    // No index is made on a table in partitions while others write.
    let sql = "SELECT FROM pg_catalog.pg_class WHERE oid = 'calculations'::regclass AND relkind = 'p'";
    let is_one_table = sql::rows(connection, sql).await?.is_empty();
    let mut statements = vec![name_index(is_one_table)];
    if has.is_some() {
        let word = if is_one_table { "CONCURRENTLY " } else { "" };
        statements.insert(0, format!("DROP INDEX {word}{NAME_INDEX}"));
    }
    Ok(Some(Piece { name: "009_add_name_search".to_owned(), statements, concurrent: true }))
}

async fn plan_downgrade(
    connection: &impl ConnectionTrait,
    dialect: Dialect,
    place: &str,
    target: Down,
) -> Result<Plan, AdminError> {
    let status = status::read(connection).await.map_err(|error| DbError::explain(place, error))?;
    status.not_newer(place)?;
    ours(&status, place)?;
    if dialect == Dialect::Postgres
        && secure::is_on(connection).await.map_err(|error| DbError::explain(place, error))?
    {
        let problem =
            "row security is on, and holds on to what older schemas do not have; mecapy db secure --off comes first";
        return Err(secure::refused(place, problem));
    }
    let mut pieces = plan::down(dialect, &status, target)?;
    if let Some(names) = partitioned(connection, place).await? {
        if pieces.iter().flat_map(|piece| &piece.statements).any(|sql| sql == "DROP TABLE calculations") {
            let problem = "calculations is partitioned; mecapy db partition --undo --yes makes one table of it first";
            return Err(AdminError::Refused { place: place.to_owned(), problem: problem.to_owned() });
        }
        pieces = partition::migrations(pieces, &names);
    }
    Ok(Plan { pieces, ..Plan::default() })
}

/// The partitions of `calculations`; `None` where it is one table or none.
async fn partitioned(connection: &impl ConnectionTrait, place: &str) -> Result<Option<Vec<String>>, AdminError> {
    let found = partitions::look(connection).await.map_err(|error| DbError::explain(place, error))?;
    Ok(found.map(|found| found.all.into_iter().map(|partition| partition.name).collect()))
}

fn ours(status: &MigrationStatus, place: &str) -> Result<(), AdminError> {
    if status.is_ours || status.tables.is_empty() {
        return Ok(());
    }
    let tables = status.tables.iter().take(5).cloned().collect();
    Err(DbError::Foreign { place: place.to_owned(), tables }.into())
}
