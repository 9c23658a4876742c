//! What the transaction that changes partitions must set and lock.

use super::dependents::TABLE;
use crate::{
    admin::{
        connection::Admin,
        error::AdminError,
        sql::{self, column, rows},
        status,
    },
    db::DbError,
};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr};

/// What the transaction must have around the work.
pub(super) struct TransactionSettings {
    /// The role to work as, where it is another, quoted.
    role: Option<String>,
    /// Tables that nobody may use meanwhile.
    ours: Vec<String>,
    /// Tables that nobody may write to meanwhile, since keys to them are made.
    referred: Vec<String>,
    /// Those of `ours` whose row security holds for their owner too, who must see every row.
    forced: Vec<String>,
}

impl TransactionSettings {
    /// All of it as statements.
    pub(super) fn statements(&self) -> Vec<String> {
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
    pub(super) async fn enter(&self, transaction: &DatabaseTransaction, hold: bool) -> Result<(), DbErr> {
        for statement in self.statements() {
            let changes = statement.starts_with("LOCK") || statement.starts_with("ALTER");
            if hold || !changes || (!self.forced.is_empty() && statement.starts_with("ALTER")) {
                transaction.execute_unprepared(&statement).await?;
            }
        }
        Ok(())
    }

    /// What ends it; the rest ends with the transaction.
    pub(super) fn leave(&self) -> impl Iterator<Item = String> {
        self.forced.iter().map(|table| format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
    }
}

/// Looks at who may do it, and what else must stand still.
pub(super) async fn read(transaction: &DatabaseTransaction, admin: &Admin) -> Result<TransactionSettings, AdminError> {
    let explain = |error| admin.explain(error);
    let status = status::read(transaction).await.map_err(explain)?;
    status.not_newer(&admin.place)?;
    if !status.is_ours || !status.missing().is_empty() {
        return Err(refused(admin, "it does not have the schema of this mecapy; mecapy db upgrade comes first"));
    }
    let owner = format!(
        "SELECT quote_ident(pg_catalog.pg_get_userbyid(relowner)), \
         relowner = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user), \
         pg_catalog.pg_has_role(current_user, relowner, 'MEMBER') FROM pg_catalog.pg_class WHERE oid = {TABLE}"
    );
    let owners = rows(transaction, &owner).await.map_err(explain)?;
    let Some(row) = owners.first() else { return Err(refused(admin, "there is no table calculations")) };
    let owner: String = row.try_get_by_index(0).map_err(explain)?;
    let (is_owner, may): (bool, bool) =
        (row.try_get_by_index(1).map_err(explain)?, row.try_get_by_index(2).map_err(explain)?);
    if !may {
        let problem = format!("calculations belongs to {owner}; connect as that role");
        return Err(DbError::Denied { place: admin.place.clone(), problem }.into());
    }
    let tables = async |sql: String| column(transaction, &sql).await.map_err(|error| AdminError::from(explain(error)));
    let target = format!("({TABLE}, to_regclass(quote_ident(current_schema()) || '.calculation_ids'))");
    let ours = format!(
        "SELECT DISTINCT t FROM (SELECT k.conrelid::regclass::text AS t FROM pg_catalog.pg_constraint k \
         WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN {target}) AS all_of \
         WHERE t <> 'calculations' ORDER BY t"
    );
    let referred = format!(
        "SELECT DISTINCT k.confrelid::regclass::text FROM pg_catalog.pg_constraint k WHERE k.contype = 'f' \
         AND k.conrelid = {TABLE} AND k.confrelid NOT IN {target} ORDER BY 1"
    );
    let mut found = TransactionSettings {
        role: (!is_owner).then_some(owner),
        ours: vec!["calculations".to_owned()],
        referred: tables(referred).await?,
        forced: Vec::new(),
    };
    found.ours.extend(tables(ours).await?);
    let list = found.ours.iter().map(|table| format!("{}::regclass", sql::text(table))).collect::<Vec<_>>();
    let forced = format!(
        "SELECT oid::regclass::text FROM pg_catalog.pg_class WHERE relforcerowsecurity AND oid IN ({}) ORDER BY 1",
        list.join(", ")
    );
    found.forced = tables(forced).await?;
    Ok(found)
}

pub(super) fn refused(admin: &Admin, problem: impl Into<String>) -> AdminError {
    AdminError::Refused { place: admin.place.clone(), problem: problem.into() }
}
