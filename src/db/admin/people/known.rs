//! What a server and a database know of a role.

use migrations::security::{ADMIN, PEOPLE, SERVICE, USER};
use sea_orm::{DbErr, QueryResult};

/// What is known; by default nothing, since there is no such role and nobody works with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
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

impl Known {
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
pub(super) fn question() -> String {
    format!(
        "SELECT r.rolcanlogin, {}, {}, {}, {}, m.keycloak_id, m.is_active, m.program \
         FROM (SELECT $1::text AS name) n LEFT JOIN pg_catalog.pg_roles r ON r.rolname = n.name \
         LEFT JOIN (SELECT p.role_name, u.keycloak_id, u.is_active, \
           CASE WHEN p.user_id IS NULL THEN p.is_on END AS program FROM {PEOPLE} p LEFT JOIN users u ON u.id = p.user_id) m \
           ON m.role_name = n.name",
        powers(),
        is_in(USER),
        is_in(ADMIN),
        is_in(SERVICE)
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
    format!(
        "concat_ws(', ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END, \
         CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END, \
         CASE WHEN r.oid = {owner} THEN 'owner of the tables' END, \
         (SELECT string_agg('member of ' || g.rolname, ', ' ORDER BY g.rolname) FROM pg_catalog.pg_roles g \
          WHERE g.oid <> r.oid AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER') \
          AND (g.rolsuper OR g.rolbypassrls OR g.rolcreaterole OR g.oid = {owner} OR g.rolname IN ('pg_write_all_data', \
            'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'))))"
    )
}
