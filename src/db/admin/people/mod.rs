//! The roles of people and programs on a server that keeps people apart.
//!
//! A role belongs to the server and a person to the database; the row of [`migrations::security::PEOPLE`] says who is
//! who. Each verb is one transaction and can be said again: it does what is missing, and tells only that. To look first,
//! everything is done and taken back.

mod known;
mod list;
mod password;

pub use list::{Kind, Listed};
pub use password::Password;

use super::{
    Admin, AdminError, run,
    secure::{self, Standpoint, refused},
    sql,
};
use crate::db::DbError;
use known::Known;
use migrations::security::{ADMIN, PEOPLE, SERVICE, USER};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, Statement, TransactionTrait as _, Value};

/// The longest name of a role, in bytes; PostgreSQL would cut it silently.
const MAX_ROLE: usize = 63;

/// Somebody to be provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name of the role, and of the person where `username` says nothing else.
    pub role: String,
    /// The id that the platform knows the person by.
    pub sub: String,
    /// The e-mail address; where there is none a known person keeps hers.
    pub email: Option<String>,
    /// The name in the platform.
    pub username: Option<String>,
    /// What is shown.
    pub display_name: Option<String>,
    /// Whether the person is an administrator; as it is where nothing is said.
    pub is_admin: Option<bool>,
}

/// What a verb did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// A sentence for each thing; nothing where nothing was to be done.
    pub done: Vec<String>,
    /// The password that the role has from now on, where it is a new one.
    pub password: Option<Password>,
}

impl Admin {
    /// Makes a person's role and row, or completes what is there of them. A new role gets `password`, else a made one; an
    /// old one only a given one.
    pub async fn provision(
        &self,
        person: &Person,
        password: Option<Password>,
        dry: bool,
    ) -> Result<Provisioned, AdminError> {
        let role = &person.role;
        checked(&self.place, role)?;
        if person.sub.is_empty()
            || person.sub.len() > 255
            || person.sub.contains(['/', '\0'])
            || person.sub.starts_with('.')
        {
            let problem = format!(
                "{:?} is no id of a person: it is part of the keys of files, so no / and no dot in front",
                person.sub
            );
            return Err(refused(&self.place, &problem));
        }
        let work = self.begin().await?;
        let known = work.known(role).await?;
        if let Some(why) = known.unfit(role) {
            return Err(refused(&self.place, &why));
        }
        if known.is_service || known.program.is_some() {
            return Err(refused(&self.place, &format!("{role} is the role of a program, which works for everybody")));
        }
        if let Some(other) = known.sub.as_ref().filter(|other| **other != person.sub) {
            return Err(refused(&self.place, &format!("{role} is the role of {other} already")));
        }
        if let Some(other) = work.role_of(&person.sub).await?.filter(|other| other != role) {
            let problem = format!("{} works with the role {other} already; mecapy admin off ends that", person.sub);
            return Err(refused(&self.place, &problem));
        }
        let mut change = work.make_role(&known, role, password).await?;
        work.join(&mut change, known.is_user, role, USER, "a person").await?;
        match person.is_admin {
            Some(true) => work.join(&mut change, known.is_admin, role, ADMIN, "an administrator").await?,
            Some(false) if known.is_admin => {
                work.run(&format!("REVOKE {ADMIN} FROM {}", sql::name(role))).await?;
                change.done.push(format!("{role} is no administrator any more"));
            }
            _ => {}
        }
        work.as_owner().await?;
        work.make_row(&mut change, person, known.sub.is_some()).await?;
        work.end(dry).await?;
        Ok(change)
    }

    /// Makes the role of a program that works for everybody.
    pub async fn service(&self, role: &str, password: Option<Password>, dry: bool) -> Result<Provisioned, AdminError> {
        checked(&self.place, role)?;
        let work = self.begin().await?;
        let known = work.known(role).await?;
        if let Some(why) = known.unfit(role) {
            return Err(refused(&self.place, &why));
        }
        if known.sub.is_some() || known.is_user || known.is_admin {
            return Err(refused(
                &self.place,
                &format!("{role} is the role of a person, who sees what is that person's"),
            ));
        }
        let mut change = work.make_role(&known, role, password).await?;
        work.join(&mut change, known.is_service, role, SERVICE, "a program").await?;
        work.as_owner().await?;
        if known.program != Some(true) {
            let sql = format!(
                "INSERT INTO {PEOPLE} (role_name) VALUES ($1) ON CONFLICT (role_name) DO UPDATE SET is_on = true"
            );
            work.rows(&sql, [role.into()]).await?;
            change.done.push(format!("{role} works for everybody in this database"));
        }
        work.end(dry).await?;
        Ok(change)
    }

    /// Switches a person or a program on or off: from the next statement on a person sees nothing, and neither signs in
    /// again.
    pub async fn switch(&self, role: &str, on: bool, dry: bool) -> Result<Provisioned, AdminError> {
        let work = self.begin().await?;
        let known = work.mine(role).await?;
        if on && let Some(why) = known.unfit(role) {
            return Err(refused(&self.place, &why));
        }
        let mut change = Provisioned::default();
        if known.can_login == Some(!on) {
            let attribute = if on { "LOGIN" } else { "NOLOGIN" };
            work.run(&format!("ALTER ROLE {} {attribute}", sql::name(role))).await?;
            change.done.push(if on { format!("{role} may sign in") } else { format!("{role} may no longer sign in") });
        }
        if let Some(sub) = known.sub.as_ref().filter(|_| known.is_active != Some(on)) {
            work.as_owner().await?;
            let sql = "UPDATE users SET is_active = $1, updated_at = now() AT TIME ZONE 'utc' WHERE keycloak_id = $2";
            work.rows(sql, [on.into(), sub.into()]).await?;
            let now = if on { "is active" } else { "is switched off, and sees nothing from now on" };
            change.done.push(format!("{sub} {now}"));
        }
        if known.program == Some(!on) {
            work.as_owner().await?;
            let sql = format!("UPDATE {PEOPLE} SET is_on = $1 WHERE role_name = $2");
            work.rows(&sql, [on.into(), role.into()]).await?;
            let now = if on { "works for everybody again" } else { "is switched off, and sees nothing from now on" };
            change.done.push(format!("{role} {now}"));
        }
        work.end(dry).await?;
        Ok(change)
    }

    /// Ends the connections that a role has open; how many there were.
    pub async fn end_sessions(&self, role: &str) -> Result<u64, AdminError> {
        let asked = format!(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE usename = {} AND pid <> pg_backend_pid()",
            sql::text(role)
        );
        let rows = super::catalogue::rows(&self.connection, &asked).await.map_err(|error| self.explain(error))?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(|e| self.explain(e))?;
        Ok(count.unsigned_abs())
    }

    /// Gives a role another password.
    pub async fn new_password(
        &self,
        role: &str,
        password: Option<Password>,
        dry: bool,
    ) -> Result<Provisioned, AdminError> {
        let work = self.begin().await?;
        let known = work.mine(role).await?;
        if known.can_login.is_none() {
            return Err(refused(
                &self.place,
                &format!("the role {role} is gone; mecapy admin provision makes it again"),
            ));
        }
        let password = password.unwrap_or_else(Password::make);
        work.set_password(role, &password).await?;
        work.end(dry).await?;
        let done = vec![format!("{role} has another password; connections that are open stay")];
        Ok(Provisioned { done, password: Some(password) })
    }

    /// People and programs, with whatever is wrong about their roles.
    pub async fn people(&self) -> Result<Vec<Listed>, AdminError> {
        self.on_server()?;
        self.must_be_secured().await?;
        list::list(&self.connection).await.map_err(|error| self.explain(error).into())
    }

    async fn must_be_secured(&self) -> Result<(), AdminError> {
        if self.is_secured().await? {
            return Ok(());
        }
        Err(refused(&self.place, "people are not isolated here; mecapy db secure comes first"))
    }

    /// A transaction, where the role that signed in may do such work.
    async fn begin(&self) -> Result<Work<'_>, AdminError> {
        self.on_server()?;
        self.must_be_secured().await?;
        let transaction = self.connection.begin().await.map_err(|error| self.explain(error))?;
        let here =
            Standpoint::look(&run::AnyConnection::from(&transaction)).await.map_err(|error| self.explain(error))?;
        if !here.is_owner {
            let problem = format!("its tables belong to {}, and {} is no member of that role", here.owner, here.role);
            return Err(refused(&self.place, &problem));
        }
        if !here.makes_roles && !here.is_superuser {
            let problem = format!("{} may not make or change roles; it needs CREATEROLE", here.role);
            return Err(refused(&self.place, &problem));
        }
        Ok(Work { admin: self, transaction, here })
    }
}

fn checked(place: &str, role: &str) -> Result<(), AdminError> {
    if role.is_empty() || role.len() > MAX_ROLE || role.contains('\0') {
        return Err(refused(place, &format!("a role's name has 1 to {MAX_ROLE} bytes, and {role:?} is none")));
    }
    Ok(())
}

/// One verb at work.
struct Work<'a> {
    admin: &'a Admin,
    transaction: DatabaseTransaction,
    here: Standpoint,
}

impl Work<'_> {
    async fn run(&self, sql: &str) -> Result<(), AdminError> {
        self.transaction.execute_unprepared(sql).await.map(drop).map_err(|error| self.explain(error))
    }

    async fn rows<const N: usize>(
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

    /// What is known of a role; there may be none.
    async fn known(&self, role: &str) -> Result<Known, AdminError> {
        let rows = self.rows(&known::question(), [role.into()]).await?;
        rows.first().map_or_else(|| Ok(Known::default()), Known::read).map_err(|error| self.explain(error))
    }

    /// The same of a role that is a person's or a program's here.
    async fn mine(&self, role: &str) -> Result<Known, AdminError> {
        let known = self.known(role).await?;
        if known.sub.is_none() && known.program.is_none() {
            return Err(DbError::not_found("person or program", &role).into());
        }
        Ok(known)
    }

    async fn role_of(&self, sub: &str) -> Result<Option<String>, AdminError> {
        let sql =
            format!("SELECT p.role_name FROM {PEOPLE} p JOIN users u ON u.id = p.user_id WHERE u.keycloak_id = $1");
        let rows = self.rows(&sql, [sub.into()]).await?;
        rows.first().map(|row| row.try_get_by_index(0)).transpose().map_err(|error| self.explain(error))
    }

    /// A role that signs in with a password and may do nothing by itself.
    async fn make_role(
        &self,
        known: &Known,
        role: &str,
        password: Option<Password>,
    ) -> Result<Provisioned, AdminError> {
        let mut change = Provisioned::default();
        match known.can_login {
            None => {
                let password = password.unwrap_or_else(Password::make);
                let attributes = "LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS";
                let (name, verifier) = (sql::name(role), sql::text(&password.verifier()));
                self.run(&format!("CREATE ROLE {name} {attributes} PASSWORD {verifier}")).await?;
                change.done.push(format!("the role {role} is made"));
                change.password = Some(password);
                return Ok(change);
            }
            Some(false) => {
                self.run(&format!("ALTER ROLE {} LOGIN", sql::name(role))).await?;
                change.done.push(format!("{role} may sign in"));
            }
            Some(true) => {}
        }
        if let Some(password) = password {
            self.set_password(role, &password).await?;
            change.done.push(format!("{role} has another password"));
            change.password = Some(password);
        }
        Ok(change)
    }

    async fn set_password(&self, role: &str, password: &Password) -> Result<(), AdminError> {
        let (name, verifier) = (sql::name(role), sql::text(&password.verifier()));
        self.run(&format!("ALTER ROLE {name} PASSWORD {verifier}")).await
    }

    async fn join(
        &self,
        change: &mut Provisioned,
        is: bool,
        role: &str,
        group: &str,
        what: &str,
    ) -> Result<(), AdminError> {
        if !is {
            self.run(&format!("GRANT {group} TO {}", sql::name(role))).await?;
            change.done.push(format!("{role} works as {what}"));
        }
        Ok(())
    }

    /// From here on as the owner of the tables.
    async fn as_owner(&self) -> Result<(), AdminError> {
        match secure::as_owner(&self.here) {
            Some(sql) => self.run(&sql).await,
            None => Ok(()),
        }
    }

    async fn make_row(&self, change: &mut Provisioned, person: &Person, is_mapped: bool) -> Result<(), AdminError> {
        let sql = "SELECT id FROM users WHERE keycloak_id = $1";
        let found = self.rows(sql, [(&person.sub).into()]).await?;
        let known = !found.is_empty();
        let (username, email) = (person.username.as_deref(), person.email.as_deref());
        if known {
            let sql = "UPDATE users SET username = coalesce($2, username), email = coalesce($3, email), \
                       display_name = coalesce($4, display_name), is_active = true, updated_at = now() AT TIME ZONE 'utc' \
                       WHERE keycloak_id = $1 AND (NOT is_active OR username <> $2 OR email <> $3 \
                       OR display_name IS DISTINCT FROM coalesce($4, display_name)) RETURNING id";
            let values = [(&person.sub).into(), username.into(), email.into(), person.display_name.as_deref().into()];
            if !self.rows(sql, values).await?.is_empty() {
                change.done.push(format!("the row of {} is put right", person.sub));
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
            change.done.push(format!("{} has a row among the users", person.sub));
        }
        if !is_mapped {
            let sql =
                format!("INSERT INTO {PEOPLE} (role_name, user_id) SELECT $1, id FROM users WHERE keycloak_id = $2");
            self.rows(&sql, [(&person.role).into(), (&person.sub).into()]).await?;
            change.done.push(format!("{} is the role of {}", person.role, person.sub));
        }
        Ok(())
    }

    async fn end(self, dry: bool) -> Result<(), AdminError> {
        let admin = self.admin;
        let ended = if dry { self.transaction.rollback().await } else { self.transaction.commit().await };
        ended.map_err(|error| admin.explain(error).into())
    }
}
