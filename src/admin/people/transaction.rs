//! The transaction in which a verb changes roles.

use super::{
    password::Password,
    person::{Person, Provisioned},
    role::{self, RoleState},
};
use crate::{
    admin::{
        connection::Admin,
        error::AdminError,
        execute::AnyConnection,
        secure::{CurrentRole, refused},
        sql,
    },
    db::DbError,
};
use migrations::security::PEOPLE;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement, TransactionTrait as _, Value};

/// The transaction of one verb: what it changes of a role, and of the rows that belong to it.
pub(super) struct RoleTransaction<'a> {
    admin: &'a Admin,
    transaction: DatabaseTransaction,
    here: CurrentRole,
}

impl<'a> RoleTransaction<'a> {
    /// Begins, where the role that signed in may change roles.
    pub(super) async fn begin(admin: &'a Admin) -> Result<Self, AdminError> {
        admin.needs_server()?;
        must_be_secured(admin).await?;
        let transaction = admin.connection.begin().await.map_err(|error| admin.explain(error))?;
        let here = CurrentRole::read(&AnyConnection::from(&transaction)).await.map_err(|error| admin.explain(error))?;
        if !here.is_owner {
            let problem =
                format!("its tables belong to {}, and {} is not a member of that role", here.owner, here.role);
            return Err(refused(&admin.place, &problem));
        }
        if !here.makes_roles && !here.is_superuser {
            let problem = format!("{} may not make or change roles; it needs CREATEROLE", here.role);
            return Err(refused(&admin.place, &problem));
        }
        Ok(Self { admin, transaction, here })
    }

    pub(super) async fn run(&self, sql: &str) -> Result<(), AdminError> {
        self.transaction.execute_unprepared(sql).await.map(drop).map_err(|error| self.explain(error))
    }

    pub(super) async fn rows<const N: usize>(
        &self,
        sql: &str,
        values: [Value; N],
    ) -> Result<Vec<sea_orm::QueryResult>, AdminError> {
        let statement = Statement::from_sql_and_values(sea_orm::DbBackend::Postgres, sql, values);
        self.transaction.query_all_raw(statement).await.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: DbErr) -> AdminError {
        self.admin.explain(error).into()
    }

    /// The state of a role; there may be none.
    pub(super) async fn state(&self, role: &str) -> Result<RoleState, AdminError> {
        let rows = self.rows(&role::query(), [role.into()]).await?;
        rows.first().map_or_else(|| Ok(RoleState::default()), RoleState::read).map_err(|error| self.explain(error))
    }

    /// The state of a role that is a person's or a program's here.
    pub(super) async fn existing(&self, role: &str) -> Result<RoleState, AdminError> {
        let state = self.state(role).await?;
        if state.sub.is_none() && state.program.is_none() {
            return Err(DbError::not_found("person or program", &role).into());
        }
        Ok(state)
    }

    pub(super) async fn role_of(&self, sub: &str) -> Result<Option<String>, AdminError> {
        let sql =
            format!("SELECT p.role_name FROM {PEOPLE} p JOIN users u ON u.id = p.user_id WHERE u.keycloak_id = $1");
        let rows = self.rows(&sql, [sub.into()]).await?;
        rows.first().map(|row| row.try_get_by_index(0)).transpose().map_err(|error| self.explain(error))
    }

    /// A role that signs in with a password and may do nothing by itself.
    pub(super) async fn make_role(
        &self,
        state: &RoleState,
        role: &str,
        password: Option<Password>,
    ) -> Result<Provisioned, AdminError> {
        let mut done = Provisioned::default();
        match state.can_login {
            None => {
                let password = password.unwrap_or_else(Password::make);
                let attributes = "LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";
                let (name, verifier) = (sql::name(role), sql::text(&password.verifier()));
                self.run(&format!("CREATE ROLE {name} {attributes} PASSWORD {verifier}")).await?;
                done.done.push(format!("the role {role} is made"));
                done.password = Some(password);
                return Ok(done);
            }
            Some(false) => {
                self.run(&format!("ALTER ROLE {} LOGIN", sql::name(role))).await?;
                done.done.push(format!("{role} may sign in"));
            }
            Some(true) => {}
        }
        if let Some(password) = password {
            self.set_password(role, &password).await?;
            done.done.push(format!("{role} has another password"));
            done.password = Some(password);
        }
        Ok(done)
    }

    pub(super) async fn set_password(&self, role: &str, password: &Password) -> Result<(), AdminError> {
        let (name, verifier) = (sql::name(role), sql::text(&password.verifier()));
        self.run(&format!("ALTER ROLE {name} PASSWORD {verifier}")).await
    }

    pub(super) async fn join(
        &self,
        done: &mut Provisioned,
        is: bool,
        role: &str,
        group: &str,
        what: &str,
    ) -> Result<(), AdminError> {
        if !is {
            self.run(&format!("GRANT {group} TO {}", sql::name(role))).await?;
            done.done.push(format!("{role} works as {what}"));
        }
        Ok(())
    }

    /// From here on as the owner of the tables.
    pub(super) async fn as_owner(&self) -> Result<(), AdminError> {
        match self.here.become_owner() {
            Some(sql) => self.run(&sql).await,
            None => Ok(()),
        }
    }

    pub(super) async fn make_row(
        &self,
        done: &mut Provisioned,
        person: &Person,
        is_mapped: bool,
    ) -> Result<(), AdminError> {
        let sql = "SELECT id FROM users WHERE keycloak_id = $1";
        let found = self.rows(sql, [(&person.sub).into()]).await?;
        let known = !found.is_empty();
        let (username, email) = (person.username.as_deref(), person.email.as_deref());
        if known {
            let sql = include_str!("update_user.sql");
            let values = [(&person.sub).into(), username.into(), email.into(), person.display_name.as_deref().into()];
            if !self.rows(sql, values).await?.is_empty() {
                done.done.push(format!("the row of {} is corrected", person.sub));
            }
        } else {
            let Some(email) = email else {
                return Err(refused(
                    &self.admin.place,
                    &format!("nobody is known by {}, so --email is needed", person.sub),
                ));
            };
            let sql = "INSERT INTO users (keycloak_id, username, email, display_name) VALUES ($1, $2, $3, $4)";
            let username = username.unwrap_or(&person.role);
            self.rows(
                sql,
                [(&person.sub).into(), username.into(), email.into(), person.display_name.as_deref().into()],
            )
            .await?;
            done.done.push(format!("{} has a row among the users", person.sub));
        }
        if !is_mapped {
            let sql =
                format!("INSERT INTO {PEOPLE} (role_name, user_id) SELECT $1, id FROM users WHERE keycloak_id = $2");
            self.rows(&sql, [(&person.role).into(), (&person.sub).into()]).await?;
            done.done.push(format!("{} is the role of {}", person.role, person.sub));
        }
        Ok(())
    }

    pub(super) async fn end(self, dry: bool) -> Result<(), AdminError> {
        let admin = self.admin;
        let ended = if dry { self.transaction.rollback().await } else { self.transaction.commit().await };
        ended.map_err(|error| admin.explain(error).into())
    }
}

/// Refuses a database in which people are not kept apart.
pub(super) async fn must_be_secured(admin: &Admin) -> Result<(), AdminError> {
    if admin.is_secured().await? {
        return Ok(());
    }
    Err(refused(&admin.place, "people are not isolated here; mecapy db secure comes first"))
}
