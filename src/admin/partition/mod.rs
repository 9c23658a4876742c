//! `calculations` in monthly partitions on a PostgreSQL server: made from the one table, kept up, taken back.
//!
//! Everything is one transaction under the lock of migrations: whatever interrupts it leaves all as it was. It is
//! planned from the server's own catalogue, in the transaction that holds the table, so that nothing that stands on the
//! table is forgotten: rights, row security, triggers, views, keys of tables that mecapy does not know.

mod adapt;
mod change;
mod convert;
mod dependents;
mod id_table;
mod maintain;
mod planning;
mod settings;

pub(super) use adapt::{expected, migrations};
pub(super) use change::ARCHIVED;
pub use change::{Change, PartitionPlan, Partitioning};
pub(super) use id_table::IDS;

use super::{connection::Admin, error::AdminError, execute, sql};
use crate::db::partitions::{self, ARCHIVE, Partitions};
use migrations::Dialect;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

/// Why a file is refused.
const FILE: &str = "a SQLite file has no partitions, and needs none: it is one person's, and its indexes find a page of a \
                    million calculations as fast as one of a hundred";

impl Admin {
    /// The partitions of `calculations` on a server; `None` where it is one table.
    pub async fn partitions(&self) -> Result<Option<Partitions>, AdminError> {
        needs_partitions(self)?;
        Ok(partitions::look(&self.connection).await.map_err(|error| self.explain(error))?)
    }

    /// The names of the months that were detached, oldest first.
    pub async fn archived(&self) -> Result<Vec<String>, AdminError> {
        let names = format!(
            "SELECT c.relname::text FROM pg_catalog.pg_class c WHERE c.relnamespace = to_regnamespace('{ARCHIVE}') \
             AND c.relkind = 'r' AND c.relname LIKE 'calculations\\_y%' ORDER BY 1"
        );
        Ok(sql::column(&self.connection, &names).await.map_err(|error| self.explain(error))?)
    }

    /// What would become of the partitions of `calculations`.
    pub async fn plan_partitions(&self, what: Partitioning) -> Result<PartitionPlan, AdminError> {
        needs_partitions(self)?;
        let explain = |error| self.explain(error);
        let transaction = self.connection.begin().await.map_err(explain)?;
        let settings = settings::read(&transaction, self).await?;
        settings.enter(&transaction, false).await.map_err(explain)?;
        let mut plan = planning::make(&transaction, self, what).await?;
        transaction.rollback().await.map_err(explain)?;
        if !plan.statements.is_empty() {
            plan.statements.splice(0..0, settings.statements());
            plan.statements.extend(settings.leave());
        }
        Ok(plan)
    }

    /// Makes, maintains or merges the partitions of `calculations`, in one transaction. Returns what was done.
    pub async fn partition(&self, what: Partitioning) -> Result<PartitionPlan, AdminError> {
        needs_partitions(self)?;
        execute::under_lock(self, partition(self, what)).await
    }
}

async fn partition(admin: &Admin, what: Partitioning) -> Result<PartitionPlan, AdminError> {
    let explain = |error| admin.explain(error);
    let transaction = admin.connection.begin().await.map_err(explain)?;
    let settings = settings::read(&transaction, admin).await?;
    settings.enter(&transaction, true).await.map_err(explain)?;
    let plan = planning::make(&transaction, admin, what).await?;
    for statement in plan.statements.iter().cloned().chain(settings.leave()) {
        tracing::debug!(%statement, "partitions");
        transaction.execute_unprepared(&statement).await.map_err(|error| AdminError::Refused {
            place: admin.place.clone(),
            problem: admin.explain(error).to_string(),
        })?;
    }
    transaction.commit().await.map_err(explain)?;
    if !plan.statements.is_empty() {
        // Without figures of the new tables, plans read everything.
        admin.execute("ANALYZE calculations").await?;
    }
    Ok(plan)
}

/// Refuses a file, which has no partitions.
fn needs_partitions(admin: &Admin) -> Result<(), AdminError> {
    if admin.dialect == Dialect::Postgres { Ok(()) } else { Err(AdminError::Target(FILE.to_owned())) }
}
