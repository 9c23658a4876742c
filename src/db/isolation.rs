//! Whether a server keeps people apart, asked of the server itself; no setting says it.

use super::{Db, DbError, ExplainError};
use crate::domain::{id::UserId, isolation::Isolation};
use migrations::security;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};

/// What was found at the opening of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) isolation: Isolation,
    /// Whose role signed in, where roles are people.
    pub(super) person: Option<UserId>,
    /// What should be protected and is not, in a sentence.
    pub(super) note: Option<String>,
}

impl Found {
    /// A file, or nothing to isolate.
    pub(super) const LOCAL: Self = Self { isolation: Isolation::Local, person: None, note: None };
}

/// Looks at a server. Where row security is on, a role that it does not hold back, or that is nobody, is refused: daily
/// work is done as a person.
pub(super) async fn look(connection: &impl ConnectionTrait, place: &str) -> Result<Found, DbError> {
    let explain = |error| DbError::explain(place, error);
    let row = one(connection, &question()).await.map_err(explain)?;
    if !row.try_get_by_index::<bool>(0).map_err(explain)? {
        return Ok(Found { isolation: Isolation::None, person: None, note: None });
    }
    let role: String = row.try_get_by_index(1).map_err(explain)?;
    for (column, what) in [
        (2, "is a superuser"),
        (3, "has BYPASSRLS"),
        (4, "owns its tables, or is a member of the role that does"),
        (5, "works for everybody (mecapy_service)"),
    ] {
        if row.try_get_by_index(column).map_err(explain)? {
            let problem = format!(
                "people are isolated here, and {role} {what}, so nothing would hold it back. Daily work is done by each \
                 person's own role, which mecapy admin provision makes; this one is for mecapy db, mecapy admin and programs"
            );
            return Err(DbError::Denied { place: place.to_owned(), problem });
        }
    }
    let nobody = || {
        let problem = format!(
            "people are isolated here, and {role} is nobody: never provisioned, or switched off. Whoever runs the database \
             sees it with mecapy admin list"
        );
        DbError::Denied { place: place.to_owned(), problem }
    };
    if !row.try_get_by_index::<bool>(6).map_err(explain)? {
        return Err(nobody());
    }
    let me = one(connection, "SELECT me()").await.map_err(explain)?;
    let me: Option<i64> = me.try_get_by_index(0).map_err(explain)?;
    let person = Some(UserId(me.ok_or_else(nobody)?));
    let open: Option<String> = row.try_get_by_index(7).map_err(explain)?;
    Ok(match open {
        None => Found { isolation: Isolation::People, person, note: None },
        Some(tables) => {
            let note = format!(
                "row security was put on, but does not protect {tables}: whoever runs the database sees more with mecapy db \
                 check, and puts it right with mecapy db secure"
            );
            Found { isolation: Isolation::None, person, note: Some(note) }
        }
    })
}

/// Whether it is on; who asks, and what of that role goes past it; whether the role is one of people's; what is open.
fn question() -> String {
    let tables = security::TABLES.map(|table| format!("'{}'", table.name)).join(", ");
    let member = |group: &str| {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_roles g WHERE g.rolname = '{group}' AND \
             pg_catalog.pg_has_role(session_user, g.oid, 'USAGE'))"
        )
    };
    let of_ours = format!(
        "pg_catalog.pg_class c WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relkind IN ('r', 'p') \
         AND c.relname IN ({tables})"
    );
    format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class p WHERE p.relname = '{}' \
           AND p.relnamespace = current_schema()::text::regnamespace), \
         r.rolname::text, r.rolsuper, r.rolbypassrls, \
         EXISTS (SELECT FROM {of_ours} AND pg_catalog.pg_has_role(session_user, c.relowner, 'MEMBER')), {}, {}, \
         (SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM {of_ours} \
           AND NOT pg_catalog.row_security_active(c.oid)) \
         FROM pg_catalog.pg_roles r WHERE r.rolname = session_user",
        security::PEOPLE,
        member(security::SERVICE),
        member(security::USER),
    )
}

async fn one(connection: &impl ConnectionTrait, sql: &str) -> Result<QueryResult, DbErr> {
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the role that signed in".to_owned()))
}

impl Db {
    /// What keeps people apart here, as the server said when it was opened.
    pub fn isolation(&self) -> Isolation {
        self.0.found.isolation
    }

    /// Whose role signed in, where the server knows people by their roles.
    pub fn person(&self) -> Option<UserId> {
        self.0.found.person
    }

    /// Refuses where the server no longer knows whoever signed in: then rows are not gone, only out of sight.
    pub async fn still_somebody(&self) -> Result<(), DbError> {
        if self.person().is_none() {
            return Ok(());
        }
        let me: Option<i64> =
            one(self.connection(), "SELECT me()").await.and_then(|row| row.try_get_by_index(0)).explain(self)?;
        if me.is_some() {
            return Ok(());
        }
        let problem = "you were switched off here; whoever runs the database can switch you on again".to_owned();
        Err(DbError::Denied { place: self.place().to_owned(), problem })
    }
}
