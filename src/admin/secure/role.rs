//! The role that signed in, and what it may do with a database.

use crate::admin::sql::{self, rows};
use migrations::security;
use sea_orm::{ConnectionTrait, DbErr};

/// Who connects, and what that role may do here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct CurrentRole {
    /// The role that signed in.
    pub(in crate::admin) role: String,
    /// Whether it may do everything.
    pub(in crate::admin) is_superuser: bool,
    /// Whether it may make roles.
    pub(in crate::admin) makes_roles: bool,
    /// Whether it is a member of the owner of the tables, or the owner itself.
    pub(in crate::admin) is_owner: bool,
    /// Who owns the tables.
    pub(in crate::admin) owner: String,
    /// Whether that is one role only, which row security is built on.
    pub(in crate::admin) one_owner: bool,
    /// Where the tables are.
    pub(in crate::admin) schema: String,
    /// The groups that are not there yet.
    pub(in crate::admin) missing_groups: Vec<String>,
}

impl CurrentRole {
    /// Asks the server.
    pub(in crate::admin) async fn read(connection: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let tables = security::TABLES.map(|table| sql::text(table.name)).join(", ");
        let groups = security::GROUPS.map(|group| format!("({})", sql::text(group))).join(", ");
        let asked = format!(include_str!("current_role.sql"), tables = tables, groups = groups);
        let found = rows(connection, &asked).await?;
        let row = found.first().ok_or_else(|| DbErr::RecordNotFound("the role that signed in".to_owned()))?;
        let missing: String = row.try_get_by_index(7)?;
        Ok(Self {
            role: row.try_get_by_index(0)?,
            is_superuser: row.try_get_by_index(1)?,
            makes_roles: row.try_get_by_index(2)?,
            is_owner: row.try_get_by_index(3)?,
            owner: row.try_get_by_index(4)?,
            one_owner: row.try_get_by_index(5)?,
            schema: sql::name(&row.try_get_by_index::<String>(6)?),
            missing_groups: missing.split_whitespace().map(str::to_owned).collect(),
        })
    }

    /// The statement after which whatever is made belongs to the owner of the tables, where somebody else signed in: what
    /// runs with the owner's rights must not run with those of a superuser.
    pub(in crate::admin) fn become_owner(&self) -> Option<String> {
        (sql::name(&self.role) != self.owner && self.role != self.owner)
            .then(|| format!("SET LOCAL ROLE {}", self.owner))
    }
}
