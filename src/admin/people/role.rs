//! A role as the server and the database know it.

use migrations::security::{ADMIN, PEOPLE, SERVICE, USER};
use sea_orm::{DbErr, QueryResult};

/// What is known of a role; by default nothing: there is no such role and nobody works with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RoleState {
    /// Whether it may sign in; nothing where there is no such role.
    pub(super) can_login: Option<bool>,
    /// Attributes and memberships that row security does not hold back.
    pub(super) powers: String,
    pub(super) is_user: bool,
    pub(super) is_admin: bool,
    pub(super) is_service: bool,
    /// Whether it is a program of this database, and switched on.
    pub(super) program: Option<bool>,
    /// The person whose role it is.
    pub(super) sub: Option<String>,
    /// Whether that person is active.
    pub(super) is_active: Option<bool>,
}

impl RoleState {
    pub(super) fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            can_login: row.try_get_by_index(0)?,
            powers: row.try_get_by_index(1)?,
            is_user: row.try_get_by_index(2)?,
            is_admin: row.try_get_by_index(3)?,
            is_service: row.try_get_by_index(4)?,
            sub: row.try_get_by_index(5)?,
            is_active: row.try_get_by_index(6)?,
            program: row.try_get_by_index(7)?,
        })
    }

    /// Why a role is no role for a person or a program.
    pub(super) fn unfit(&self, role: &str) -> Option<String> {
        (!self.powers.is_empty())
            .then(|| format!("row security does not hold back the role {role}: {}; choose another one", self.powers))
    }
}

/// Asks about the role `$1`: always one row.
pub(super) fn query() -> String {
    format!(
        include_str!("role.sql"),
        powers = powers(),
        is_user = is_in(USER),
        is_admin = is_in(ADMIN),
        is_service = is_in(SERVICE),
        people = PEOPLE,
    )
}

/// Whether the role `r` was put into a group.
pub(super) fn is_in(group: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_auth_members a JOIN pg_catalog.pg_roles g ON g.oid = a.roleid \
         WHERE a.member = r.oid AND g.rolname = '{group}')"
    )
}

/// What a role `r` may do past row security.
pub(super) fn powers() -> String {
    let owner = "(SELECT t.relowner FROM pg_catalog.pg_class t WHERE t.relname = 'users' \
                 AND t.relnamespace = current_schema()::text::regnamespace)";
    format!(include_str!("powers.sql"), owner = owner)
}
