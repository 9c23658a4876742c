//! `calculations` in monthly partitions on a PostgreSQL server: made from the one table, kept up, taken back.
//!
//! Everything is one transaction under the lock of migrations: whatever interrupts it leaves all as it was. It is
//! planned from the server's own catalogue, in the transaction that holds the table, so that nothing that stands on the
//! table is forgotten: rights, row security, triggers, views, keys of tables that mecapy does not know.

mod adapt;
mod carry;
mod convert;
mod register;
mod upkeep;

pub(super) use adapt::{expected, migrations};
pub(super) use register::IDS;

use super::{Admin, AdminError, catalogue::rows, plan, run, standing};
use crate::db::{
    DbError,
    partitions::{self, ARCHIVE, Month, Partitions},
};
use migrations::Dialect;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, TransactionTrait as _};
use serde::Serialize;

/// The comment by which the schema of detached months is known.
pub(super) const ARCHIVED: &str = "months of calculations that mecapy db partition detached";
/// Why a file is refused.
const FILE: &str = "a SQLite file has no partitions, and needs none: it is one person's, and its indexes find a page of a \
                    million calculations as fast as one of a hundred";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// Partitions where there is one table; then the present month and so many after it.
    Keep {
        /// Months to make ahead of time.
        ahead: u32,
        /// What lies wholly before this month is detached.
        archive_before: Option<Month>,
    },
    /// One table again.
    Undo,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// The one table becomes partitions.
    Convert {
        /// Rows that are written anew.
        rows: u64,
        /// Bytes of the table with its indexes.
        bytes: i64,
        /// How many months are made.
        months: usize,
    },
    /// A partition is made.
    Make {
        /// Its name.
        partition: String,
        /// Rows that come into it.
        rows: u64,
    },
    /// A partition is detached.
    Archive {
        /// Its name.
        partition: String,
        /// Its rows.
        rows: i64,
        /// Bytes with its indexes.
        bytes: i64,
        /// Links to files that go with it.
        files: i64,
        /// Records of runs that go with it.
        runs: i64,
    },
    /// A partition that was to be detached stays.
    Leave {
        /// Its name.
        partition: String,
        /// The reason, and what to do.
        why: String,
    },
    /// The partitions become one table.
    Merge {
        /// Rows that are written anew.
        rows: u64,
        /// Bytes of all partitions with their indexes.
        bytes: i64,
        /// How many there are.
        partitions: usize,
    },
}

/// What is to be done, or was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// In order.
    pub changes: Vec<Change>,
    /// One transaction, without its begin and end.
    pub statements: Vec<String>,
}

/// What there is; `None` where `calculations` is one table.
pub(super) async fn look(admin: &Admin) -> Result<Option<Partitions>, AdminError> {
    is_server(admin)?;
    Ok(partitions::look(&admin.connection).await.map_err(|error| admin.explain(error))?)
}

/// What would be done.
pub(super) async fn plan(admin: &Admin, what: Partitioning) -> Result<Work, AdminError> {
    is_server(admin)?;
    let explain = |error| admin.explain(error);
    let transaction = admin.connection.begin().await.map_err(explain)?;
    let setting = setting(&transaction, admin).await?;
    setting.enter(&transaction, false).await.map_err(explain)?;
    let mut work = planned(&transaction, admin, what).await?;
    transaction.rollback().await.map_err(explain)?;
    if !work.statements.is_empty() {
        work.statements.splice(0..0, setting.whole());
        work.statements.extend(setting.leave());
    }
    Ok(work)
}

/// Does it.
pub(super) async fn work(admin: &Admin, what: Partitioning) -> Result<Work, AdminError> {
    is_server(admin)?;
    run::under_lock(admin, locked(admin, what)).await
}

async fn locked(admin: &Admin, what: Partitioning) -> Result<Work, AdminError> {
    let explain = |error| admin.explain(error);
    let transaction = admin.connection.begin().await.map_err(explain)?;
    let setting = setting(&transaction, admin).await?;
    setting.enter(&transaction, true).await.map_err(explain)?;
    let work = planned(&transaction, admin, what).await?;
    for statement in work.statements.iter().cloned().chain(setting.leave()) {
        tracing::debug!(%statement, "partitions");
        transaction.execute_unprepared(&statement).await.map_err(|error| AdminError::Refused {
            place: admin.place.clone(),
            problem: admin.explain(error).to_string(),
        })?;
    }
    transaction.commit().await.map_err(explain)?;
    if !work.statements.is_empty() {
        // Without figures of the new tables, plans read everything.
        admin.run("ANALYZE calculations").await?;
    }
    Ok(work)
}

fn is_server(admin: &Admin) -> Result<(), AdminError> {
    if admin.dialect == Dialect::Postgres { Ok(()) } else { Err(AdminError::Target(FILE.to_owned())) }
}

/// What the transaction must have around the work.
struct Setting {
    /// The role to work as, where it is another, quoted.
    role: Option<String>,
    /// Tables that nobody may use meanwhile.
    ours: Vec<String>,
    /// Tables that nobody may write to meanwhile, since keys to them are made.
    referred: Vec<String>,
    /// Those of `ours` whose row security holds for their owner too, who must see every row.
    forced: Vec<String>,
}

impl Setting {
    /// All of it as statements.
    fn whole(&self) -> Vec<String> {
        let mut statements = self.role.iter().map(|role| format!("SET LOCAL ROLE {role}")).collect::<Vec<_>>();
        statements.extend(
            ["lock_timeout = '10s'", "row_security = off", "enable_seqscan = on", "client_min_messages = warning"]
                .map(|setting| format!("SET LOCAL {setting}")),
        );
        statements.push(format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", self.ours.join(", ")));
        if !self.referred.is_empty() {
            statements.push(format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", self.referred.join(", ")));
        }
        statements.extend(self.forced.iter().map(|table| format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")));
        statements
    }

    /// Puts it on a transaction; `hold` takes the locks. To see every row, a look must take them too for a moment.
    async fn enter(&self, transaction: &DatabaseTransaction, hold: bool) -> Result<(), DbErr> {
        for statement in self.whole() {
            let changes = statement.starts_with("LOCK") || statement.starts_with("ALTER");
            if hold || !changes || (!self.forced.is_empty() && statement.starts_with("ALTER")) {
                transaction.execute_unprepared(&statement).await?;
            }
        }
        Ok(())
    }

    /// What ends it; the rest ends with the transaction.
    fn leave(&self) -> impl Iterator<Item = String> {
        self.forced.iter().map(|table| format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
    }
}

/// Looks at who may do it, and what else must stand still.
async fn setting(transaction: &DatabaseTransaction, admin: &Admin) -> Result<Setting, AdminError> {
    let explain = |error| admin.explain(error);
    let standing = standing::look(transaction).await.map_err(explain)?;
    standing.not_newer(&admin.place)?;
    if !standing.is_ours || !standing.missing().is_empty() {
        return Err(refused(admin, "it does not have the schema of this mecapy; mecapy db upgrade comes first"));
    }
    let owner = format!(
        "SELECT quote_ident(pg_catalog.pg_get_userbyid(relowner)), \
         relowner = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user), \
         pg_catalog.pg_has_role(current_user, relowner, 'MEMBER') FROM pg_catalog.pg_class WHERE oid = {}",
        carry::TABLE
    );
    let found = rows(transaction, &owner).await.map_err(explain)?;
    let Some(row) = found.first() else { return Err(refused(admin, "there is no table calculations")) };
    let owner: String = row.try_get_by_index(0).map_err(explain)?;
    let (is_owner, may): (bool, bool) =
        (row.try_get_by_index(1).map_err(explain)?, row.try_get_by_index(2).map_err(explain)?);
    if !may {
        let problem = format!("calculations belongs to {owner}; connect as that role");
        return Err(DbError::Denied { place: admin.place.clone(), problem }.into());
    }
    let tables = async |sql: String| -> Result<Vec<String>, AdminError> {
        let found = rows(transaction, &sql).await.map_err(explain)?;
        let names: Result<_, DbErr> = found.iter().map(|row| row.try_get_by_index(0)).collect();
        Ok(names.map_err(explain)?)
    };
    let target = format!("({}, to_regclass(quote_ident(current_schema()) || '.calculation_ids'))", carry::TABLE);
    let ours = format!(
        "SELECT DISTINCT t FROM (SELECT k.conrelid::regclass::text AS t FROM pg_catalog.pg_constraint k \
         WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN {target}) AS all_of \
         WHERE t <> 'calculations' ORDER BY t"
    );
    let referred = format!(
        "SELECT DISTINCT k.confrelid::regclass::text FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' \
         AND k.conrelid = {} AND k.confrelid NOT IN {target} ORDER BY 1",
        carry::TABLE
    );
    let mut setting = Setting {
        role: (!is_owner).then_some(owner),
        ours: vec!["calculations".to_owned()],
        referred: tables(referred).await?,
        forced: Vec::new(),
    };
    setting.ours.extend(tables(ours).await?);
    let list = setting.ours.iter().map(|table| format!("{}::regclass", super::sql::text(table))).collect::<Vec<_>>();
    let forced = format!(
        "SELECT oid::regclass::text FROM pg_catalog.pg_class WHERE relforcerowsecurity AND oid IN ({}) ORDER BY 1",
        list.join(", ")
    );
    setting.forced = tables(forced).await?;
    Ok(setting)
}

fn refused(admin: &Admin, problem: impl Into<String>) -> AdminError {
    AdminError::Refused { place: admin.place.clone(), problem: problem.into() }
}

/// Plans under whatever the transaction holds.
async fn planned(connection: &DatabaseTransaction, admin: &Admin, what: Partitioning) -> Result<Work, AdminError> {
    let explain = |error| admin.explain(error);
    let found = partitions::look(connection).await.map_err(explain)?;
    let carried = carry::read(connection, found.is_some()).await.map_err(explain)?;
    match (what, found) {
        (Partitioning::Undo, None) => Err(refused(admin, "calculations is one table already")),
        (Partitioning::Undo, Some(found)) => {
            carriable(admin, &carried)?;
            let rows = months_sum(connection, admin).await?;
            let bytes = found.all.iter().map(|partition| partition.bytes).sum();
            let merge = Change::Merge { rows, bytes, partitions: found.all.len() };
            Ok(Work { changes: vec![merge], statements: convert::to_one(&carried) })
        }
        (Partitioning::Keep { archive_before: Some(_), .. }, None) => {
            Err(refused(admin, "calculations is one table; mecapy db partition --yes makes months of it first"))
        }
        (Partitioning::Keep { ahead, archive_before: None }, None) => {
            carriable(admin, &carried)?;
            first_time(connection, admin, &carried, ahead).await
        }
        (Partitioning::Keep { ahead, archive_before }, Some(found)) => {
            let options = carried.options.as_deref();
            let (mut statements, mut changes) =
                upkeep::months(connection, &found, ahead, &carried.columns, options).await.map_err(explain)?;
            if let Some(before) = archive_before {
                if Month::of(found.now).is_some_and(|now| before > now) {
                    return Err(AdminError::Target(format!("{before}: that month is yet to come")));
                }
                let (more, detached) = upkeep::archive(connection, &found, before).await.map_err(explain)?;
                statements.extend(more);
                changes.extend(detached);
            }
            Ok(Work { changes, statements })
        }
    }
}

fn carriable(admin: &Admin, carried: &carry::Carried) -> Result<(), AdminError> {
    if carried.problems.is_empty() { Ok(()) } else { Err(refused(admin, carried.problems.join("; "))) }
}

/// From one table to partitions: months with rows, the present one, those to come.
async fn first_time(
    connection: &DatabaseTransaction,
    admin: &Admin,
    carried: &carry::Carried,
    ahead: u32,
) -> Result<Work, AdminError> {
    let explain = |error| admin.explain(error);
    let facts = format!(
        "SELECT pg_catalog.pg_total_relation_size({}), now() AT TIME ZONE 'utc', current_schema()::text",
        carry::TABLE
    );
    let found = rows(connection, &facts).await.map_err(explain)?;
    let Some(row) = found.first() else { return Err(refused(admin, "there is no table calculations")) };
    let (bytes, schema): (i64, String) =
        (row.try_get_by_index(0).map_err(explain)?, row.try_get_by_index(2).map_err(explain)?);
    let none = Partitions { all: Vec::new(), now: row.try_get_by_index(1).map_err(explain)? };
    let coming = none.missing(ahead);
    let mut months = upkeep::months_of(connection, "calculations").await.map_err(explain)?;
    months.retain(|month, _| Some(month) <= coming.last());
    for month in coming {
        months.entry(month).or_default();
    }
    let rows = months_sum(connection, admin).await?;
    let mut changes = vec![Change::Convert { rows, bytes, months: months.len() }];
    changes.extend(months.iter().map(|(month, rows)| Change::Make { partition: month.partition(), rows: *rows }));
    let in_months: u64 = months.values().sum();
    changes.push(Change::Make { partition: partitions::DEFAULT.to_owned(), rows: rows.saturating_sub(in_months) });
    let months: Vec<Month> = months.into_keys().collect();
    for name in months.iter().map(|month| month.partition()).chain([partitions::DEFAULT.to_owned()]) {
        let taken = format!("SELECT to_regclass(quote_ident(current_schema()) || '.{name}') IS NOT NULL");
        let taken = self::rows(connection, &taken).await.map_err(explain)?;
        if taken.first().map_or(Ok(false), |row| row.try_get_by_index(0)).map_err(explain)? {
            return Err(refused(admin, format!("there is a table {name} already; rename it or drop it")));
        }
    }
    Ok(Work { changes, statements: convert::to_partitions(carried, &schema, &months) })
}

async fn months_sum(connection: &DatabaseTransaction, admin: &Admin) -> Result<u64, AdminError> {
    let explain = |error| admin.explain(error);
    let found = rows(connection, "SELECT count(*) FROM calculations").await.map_err(explain)?;
    let count: i64 = found.first().map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(explain)?;
    Ok(count.unsigned_abs())
}

/// The names of the months that were detached, oldest first.
pub(super) async fn archived(admin: &Admin) -> Result<Vec<String>, AdminError> {
    let sql = format!(
        "SELECT c.relname::text FROM pg_catalog.pg_class c WHERE c.relnamespace = to_regnamespace('{ARCHIVE}') \
         AND c.relkind = 'r' AND c.relname LIKE 'calculations\\_y%' ORDER BY 1"
    );
    let found = rows(&admin.connection, &sql).await.map_err(|error| admin.explain(error))?;
    found.iter().map(|row| row.try_get_by_index(0).map_err(|error| admin.explain(error).into())).collect()
}

impl Work {
    /// As a script for `psql`.
    pub fn script(&self) -> String {
        let piece =
            super::Piece { name: "partitions".to_owned(), statements: self.statements.clone(), concurrent: false };
        plan::script(Dialect::Postgres, &super::Plan { pieces: vec![piece], ..super::Plan::default() })
    }
}
