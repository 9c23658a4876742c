//! Row security put on a database and taken off again: planned first, one transaction, as often as one likes.

mod catalogue;

pub use catalogue::{Protection, expected, read};

use super::{
    Admin, AdminError, Difference, Piece, Plan,
    catalogue::{Catalogue, rows},
    sql,
};
use crate::db::DbError;
use migrations::{Dialect, security};
use sea_orm::{ConnectionTrait, DbErr};

/// The name of the piece of a plan.
pub const PIECE: &str = "row security";

/// Who connects, and what that role may do here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::db::admin) struct Standpoint {
    /// The role that signed in.
    pub(in crate::db::admin) role: String,
    /// Whether it may do everything.
    pub(in crate::db::admin) is_superuser: bool,
    /// Whether it may make roles.
    pub(in crate::db::admin) makes_roles: bool,
    /// Whether it is a member of the owner of the tables, or the owner itself.
    pub(in crate::db::admin) is_owner: bool,
    /// Who owns the tables.
    pub(in crate::db::admin) owner: String,
    /// Whether that is one role only, which row security is built on.
    pub(in crate::db::admin) one_owner: bool,
    /// Where the tables are.
    pub(in crate::db::admin) schema: String,
    /// The groups that are not there yet.
    pub(in crate::db::admin) missing_groups: Vec<String>,
}

impl Standpoint {
    /// Asks the server.
    pub(in crate::db::admin) async fn look(connection: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let tables = security::TABLES.map(|table| sql::text(table.name)).join(", ");
        let groups = security::GROUPS.map(|group| format!("({})", sql::text(group))).join(", ");
        let asked = format!(
            "WITH o AS (SELECT DISTINCT c.relowner AS oid FROM pg_catalog.pg_class c \
               WHERE c.relnamespace = current_schema()::text::regnamespace AND c.relname IN ({tables})) \
             SELECT session_user::text, r.rolsuper, r.rolcreaterole, \
               coalesce((SELECT bool_and(pg_has_role(session_user, oid, 'MEMBER')) FROM o), false), \
               coalesce((SELECT min(oid::regrole::text) FROM o), ''), (SELECT count(*) FROM o) = 1, \
               current_schema()::text, \
               (SELECT coalesce(string_agg(g.name, ' '), '') FROM (VALUES {groups}) g (name) \
                WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles x WHERE x.rolname = g.name)) \
             FROM pg_catalog.pg_roles r WHERE r.rolname = session_user"
        );
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
}

/// Whether row security was put on this database.
pub(super) async fn is_on(connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let asked = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relname = '{}' \
         AND c.relnamespace = current_schema()::text::regnamespace)",
        security::PEOPLE
    );
    rows(connection, &asked).await?.first().map_or(Ok(false), |row| row.try_get_by_index(0))
}

/// Takes out of a catalogue what row security adds to a schema; it is compared by itself.
pub(super) fn set_aside(catalogue: &mut Catalogue) {
    catalogue.tables.remove(security::PEOPLE);
    catalogue.views.remove(security::NAMES);
    if let Some(users) = catalogue.tables.get_mut("users") {
        users.triggers.remove(security::GUARD);
    }
}

/// What differs from row security as this mecapy puts it on; where it was not put on, what is there of it.
pub(super) async fn differences(connection: &impl ConnectionTrait) -> Result<Vec<Difference>, DbErr> {
    let found = read(connection).await?;
    Ok(if is_on(connection).await? { expected().compare(&found) } else { found.remains() })
}

/// What putting it on would do; no pieces where all of it stands.
pub(super) async fn plan_on(connection: &impl ConnectionTrait, place: &str) -> Result<Plan, AdminError> {
    let explain = |error| AdminError::Db(DbError::explain(place, error));
    let standing = super::standing::look(connection).await.map_err(explain)?;
    standing.not_newer(place)?;
    if let Some(step) = standing.missing().first() {
        return Err(refused(place, &format!("the step {} is missing; mecapy db upgrade comes first", step.name)));
    }
    let here = Standpoint::look(connection).await.map_err(explain)?;
    let was_on = is_on(connection).await.map_err(explain)?;
    let differences = differences(connection).await.map_err(explain)?;
    let mut plan = Plan::default();
    if was_on && differences.is_empty() {
        return Ok(plan);
    }
    allowed(&here, place)?;
    let found = read(connection).await.map_err(explain)?;
    let mut statements = if here.missing_groups.is_empty() { Vec::new() } else { security::groups() };
    statements.extend(as_owner(&here));
    for (sql, note) in found.strangers(&here.schema) {
        statements.push(sql);
        plan.notes.extend(Some(note).filter(|note| !note.is_empty()));
    }
    statements.extend(security::up(&here.schema));
    plan.pieces.push(Piece { name: PIECE.to_owned(), statements, concurrent: false });
    if !was_on {
        plan.notes.push(
            "from then on nobody works here but people with a role of their own (mecapy admin provision) and programs with \
             a role for programs (mecapy admin service)"
                .to_owned(),
        );
    }
    Ok(plan)
}

/// What taking it off would do; no pieces where nothing of it is there.
pub(super) async fn plan_off(connection: &impl ConnectionTrait, place: &str) -> Result<Plan, AdminError> {
    let explain = |error| AdminError::Db(DbError::explain(place, error));
    let mut plan = Plan::default();
    if !is_on(connection).await.map_err(explain)? {
        return Ok(plan);
    }
    let here = Standpoint::look(connection).await.map_err(explain)?;
    allowed(&here, place)?;
    let mut statements: Vec<String> = as_owner(&here).into_iter().collect();
    statements.extend(security::down(&here.schema));
    plan.pieces.push(Piece { name: PIECE.to_owned(), statements, concurrent: false });
    plan.notes.push(
        "the roles of people and programs stay on the server, without any right here, and which role is whose is forgotten; \
         GRANT says who may work here again"
            .to_owned(),
    );
    Ok(plan)
}

/// The piece that an upgrade of a protected database ends with: what its steps made is covered, too.
pub(super) async fn again(connection: &impl ConnectionTrait) -> Result<Option<Piece>, DbErr> {
    if super::Dialect::of(connection.get_database_backend())? != Dialect::Postgres || !is_on(connection).await? {
        return Ok(None);
    }
    let here = Standpoint::look(connection).await?;
    let statements = as_owner(&here).into_iter().chain(security::up(&here.schema)).collect();
    Ok(Some(Piece { name: PIECE.to_owned(), statements, concurrent: false }))
}

/// Everything belongs to the owner of the tables, also where somebody else puts it on: what runs with the owner's eyes
/// must not run with those of a superuser.
pub(in crate::db::admin) fn as_owner(here: &Standpoint) -> Option<String> {
    (sql::name(&here.role) != here.owner && here.role != here.owner).then(|| format!("SET LOCAL ROLE {}", here.owner))
}

fn allowed(here: &Standpoint, place: &str) -> Result<(), AdminError> {
    if !here.one_owner {
        let problem = "its tables belong to several roles; ALTER TABLE … OWNER TO gives them to one";
        return Err(refused(place, problem));
    }
    if !here.is_owner {
        let Standpoint { role, owner, .. } = here;
        return Err(refused(place, &format!("its tables belong to {owner}, and {role} is no member of that role")));
    }
    if !here.missing_groups.is_empty() && !here.makes_roles && !here.is_superuser {
        let make: Vec<String> = here.missing_groups.iter().map(|group| format!("CREATE ROLE {group};")).collect();
        return Err(refused(
            place,
            &format!("{} may not make roles; whoever may runs once: {}", here.role, make.join(" ")),
        ));
    }
    Ok(())
}

pub(in crate::db::admin) fn refused(place: &str, problem: &str) -> AdminError {
    DbError::Denied { place: place.to_owned(), problem: format!("{problem}; nothing was changed") }.into()
}

impl Admin {
    /// Whether row security was put on this database.
    pub async fn is_secured(&self) -> Result<bool, DbError> {
        match self.dialect {
            Dialect::Sqlite => Ok(false),
            Dialect::Postgres => is_on(&self.connection).await.map_err(|error| self.explain(error)),
        }
    }

    /// What [`Admin::secure`] would do.
    pub async fn plan_secure(&self, on: bool) -> Result<Plan, AdminError> {
        self.on_server()?;
        plan(&self.connection, &self.place, on).await
    }

    /// Puts row security on, or takes it off. Returns what was done.
    pub async fn secure(&self, on: bool) -> Result<Plan, AdminError> {
        self.on_server()?;
        let done = super::run::run(self, async |connection| plan(connection, &self.place, on).await).await?;
        Ok(done.0)
    }

    pub(super) fn on_server(&self) -> Result<(), AdminError> {
        match self.dialect {
            Dialect::Postgres => Ok(()),
            Dialect::Sqlite => Err(AdminError::Target(
                "a SQLite file knows no roles: whoever can read the file reads everything in it; people are isolated on a \
                 PostgreSQL server (DATABASE_URL)"
                    .to_owned(),
            )),
        }
    }
}

async fn plan(connection: &impl ConnectionTrait, place: &str, on: bool) -> Result<Plan, AdminError> {
    if on { plan_on(connection, place).await } else { plan_off(connection, place).await }
}
