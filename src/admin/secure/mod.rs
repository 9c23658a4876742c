//! Row security put on a database and taken off again: planned first, one transaction, as often as one likes.

mod protection;
mod role;

pub use protection::{Protection, expected, read};
pub(super) use role::CurrentRole;

use super::{
    catalogue::Catalogue,
    compare::Difference,
    connection::Admin,
    error::AdminError,
    execute,
    plan::{Piece, Plan},
    sql, status,
};
use crate::db::DbError;
use migrations::{Dialect, security};
use sea_orm::{ConnectionTrait, DbErr};

/// The name of the piece of a plan.
pub const PIECE: &str = "row security";

/// Whether row security was put on this database.
pub(super) async fn is_on(connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let asked = format!(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relname = '{}' \
         AND c.relnamespace = current_schema()::text::regnamespace)",
        security::PEOPLE
    );
    Ok(sql::value(connection, &asked).await?.unwrap_or(false))
}

/// Takes out of a catalogue what row security adds to a schema; it is compared by itself.
pub(super) fn remove_secured(catalogue: &mut Catalogue) {
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
    let status = status::read(connection).await.map_err(explain)?;
    status.not_newer(place)?;
    if let Some(step) = status.missing().first() {
        return Err(refused(place, &format!("the step {} is missing; mecapy db upgrade comes first", step.name)));
    }
    let here = CurrentRole::read(connection).await.map_err(explain)?;
    let was_on = is_on(connection).await.map_err(explain)?;
    let differences = differences(connection).await.map_err(explain)?;
    let mut plan = Plan::default();
    if was_on && differences.is_empty() {
        return Ok(plan);
    }
    allowed(&here, place)?;
    let found = read(connection).await.map_err(explain)?;
    let mut statements = if here.missing_groups.is_empty() { Vec::new() } else { security::groups() };
    statements.extend(here.become_owner());
    for (sql, note) in found.revoke_foreign(&here.schema) {
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
    let here = CurrentRole::read(connection).await.map_err(explain)?;
    allowed(&here, place)?;
    let mut statements: Vec<String> = here.become_owner().into_iter().collect();
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
pub(super) async fn reapply(connection: &impl ConnectionTrait) -> Result<Option<Piece>, DbErr> {
    if Dialect::of(connection.get_database_backend())? != Dialect::Postgres || !is_on(connection).await? {
        return Ok(None);
    }
    let here = CurrentRole::read(connection).await?;
    let statements = here.become_owner().into_iter().chain(security::up(&here.schema)).collect();
    Ok(Some(Piece { name: PIECE.to_owned(), statements, concurrent: false }))
}

fn allowed(here: &CurrentRole, place: &str) -> Result<(), AdminError> {
    if !here.one_owner {
        let problem = "its tables belong to several roles; ALTER TABLE … OWNER TO gives them to one";
        return Err(refused(place, problem));
    }
    if !here.is_owner {
        let CurrentRole { role, owner, .. } = here;
        return Err(refused(place, &format!("its tables belong to {owner}, and {role} is not a member of that role")));
    }
    if !here.missing_groups.is_empty() && !here.makes_roles && !here.is_superuser {
        let make: Vec<String> = here.missing_groups.iter().map(|group| format!("CREATE ROLE {group};")).collect();
        return Err(refused(
            place,
            &format!("{} may not make roles; a role that may must run once: {}", here.role, make.join(" ")),
        ));
    }
    Ok(())
}

pub(in crate::admin) fn refused(place: &str, problem: &str) -> AdminError {
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
        self.needs_server()?;
        plan(&self.connection, &self.place, on).await
    }

    /// Puts row security on, or takes it off. Returns what was done.
    pub async fn secure(&self, on: bool) -> Result<Plan, AdminError> {
        self.needs_server()?;
        let done = execute::run(self, async |connection| plan(connection, &self.place, on).await).await?;
        Ok(done.0)
    }
}

async fn plan(connection: &impl ConnectionTrait, place: &str, on: bool) -> Result<Plan, AdminError> {
    if on { plan_on(connection, place).await } else { plan_off(connection, place).await }
}
