//! The roles of people and programs on a server that keeps people apart.
//!
//! A role belongs to the server and a person to the database; the row of [`migrations::security::PEOPLE`] says who is
//! who. Each verb is one transaction and can be said again: it does what is missing, and tells only that. To look first,
//! everything is done and taken back.

mod list;
mod password;
mod person;
mod role;
mod transaction;

pub use list::{Kind, Listed};
pub use password::Password;
pub use person::{Person, Provisioned};

use super::{connection::Admin, error::AdminError, secure::refused, sql};
use migrations::security::{ADMIN, PEOPLE, SERVICE, USER};
use transaction::{RoleTransaction, must_be_secured};

/// The longest name of a role, in bytes; PostgreSQL would cut it silently.
const MAX_ROLE: usize = 63;

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
                "{:?} cannot be the id of a person: it becomes part of the keys of files, so it has no / and no leading dot",
                person.sub
            );
            return Err(refused(&self.place, &problem));
        }
        let transaction = RoleTransaction::begin(self).await?;
        let state = transaction.state(role).await?;
        if let Some(why) = state.unfit(role) {
            return Err(refused(&self.place, &why));
        }
        if state.is_service || state.program.is_some() {
            return Err(refused(&self.place, &format!("{role} is the role of a program, which works for everybody")));
        }
        if let Some(other) = state.sub.as_ref().filter(|other| **other != person.sub) {
            return Err(refused(&self.place, &format!("{role} is the role of {other} already")));
        }
        if let Some(other) = transaction.role_of(&person.sub).await?.filter(|other| other != role) {
            let problem = format!("{} works with the role {other} already; mecapy admin off ends that", person.sub);
            return Err(refused(&self.place, &problem));
        }
        let mut change = transaction.make_role(&state, role, password).await?;
        transaction.join(&mut change, state.is_user, role, USER, "a person").await?;
        match person.is_admin {
            Some(true) => transaction.join(&mut change, state.is_admin, role, ADMIN, "an administrator").await?,
            Some(false) if state.is_admin => {
                transaction.run(&format!("REVOKE {ADMIN} FROM {}", sql::name(role))).await?;
                change.done.push(format!("{role} is no longer an administrator"));
            }
            _ => {}
        }
        transaction.as_owner().await?;
        transaction.make_row(&mut change, person, state.sub.is_some()).await?;
        transaction.end(dry).await?;
        Ok(change)
    }

    /// Makes the role of a program that works for everybody.
    pub async fn service(&self, role: &str, password: Option<Password>, dry: bool) -> Result<Provisioned, AdminError> {
        checked(&self.place, role)?;
        let transaction = RoleTransaction::begin(self).await?;
        let state = transaction.state(role).await?;
        if let Some(why) = state.unfit(role) {
            return Err(refused(&self.place, &why));
        }
        if state.sub.is_some() || state.is_user || state.is_admin {
            return Err(refused(
                &self.place,
                &format!("{role} is the role of a person, who sees what is that person's"),
            ));
        }
        let mut change = transaction.make_role(&state, role, password).await?;
        transaction.join(&mut change, state.is_service, role, SERVICE, "a program").await?;
        transaction.as_owner().await?;
        if state.program != Some(true) {
            let sql = format!(
                "INSERT INTO {PEOPLE} (role_name) VALUES ($1) ON CONFLICT (role_name) DO UPDATE SET is_on = true"
            );
            transaction.rows(&sql, [role.into()]).await?;
            change.done.push(format!("{role} works for everybody in this database"));
        }
        transaction.end(dry).await?;
        Ok(change)
    }

    /// Switches a person or a program on or off: from the next statement on a person sees nothing, and neither signs in
    /// again.
    pub async fn switch(&self, role: &str, on: bool, dry: bool) -> Result<Provisioned, AdminError> {
        let transaction = RoleTransaction::begin(self).await?;
        let state = transaction.existing(role).await?;
        if on && let Some(why) = state.unfit(role) {
            return Err(refused(&self.place, &why));
        }
        let mut change = Provisioned::default();
        if state.can_login == Some(!on) {
            let attribute = if on { "LOGIN" } else { "NOLOGIN" };
            transaction.run(&format!("ALTER ROLE {} {attribute}", sql::name(role))).await?;
            change.done.push(if on { format!("{role} may sign in") } else { format!("{role} may no longer sign in") });
        }
        if let Some(sub) = state.sub.as_ref().filter(|_| state.is_active != Some(on)) {
            transaction.as_owner().await?;
            let sql = "UPDATE users SET is_active = $1, updated_at = now() AT TIME ZONE 'utc' WHERE keycloak_id = $2";
            transaction.rows(sql, [on.into(), sub.into()]).await?;
            let now = if on { "is active" } else { "is switched off, and sees nothing from now on" };
            change.done.push(format!("{sub} {now}"));
        }
        if state.program == Some(!on) {
            transaction.as_owner().await?;
            let sql = format!("UPDATE {PEOPLE} SET is_on = $1 WHERE role_name = $2");
            transaction.rows(&sql, [on.into(), role.into()]).await?;
            let now = if on { "works for everybody again" } else { "is switched off, and sees nothing from now on" };
            change.done.push(format!("{role} {now}"));
        }
        transaction.end(dry).await?;
        Ok(change)
    }

    /// Ends the connections that a role has open; how many there were.
    pub async fn end_sessions(&self, role: &str) -> Result<u64, AdminError> {
        let asked = format!(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE usename = {} AND pid <> pg_backend_pid()",
            sql::text(role)
        );
        let count: Option<i64> = sql::value(&self.connection, &asked).await.map_err(|error| self.explain(error))?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    /// Gives a role another password.
    pub async fn new_password(
        &self,
        role: &str,
        password: Option<Password>,
        dry: bool,
    ) -> Result<Provisioned, AdminError> {
        let transaction = RoleTransaction::begin(self).await?;
        let state = transaction.existing(role).await?;
        if state.can_login.is_none() {
            return Err(refused(
                &self.place,
                &format!("the role {role} is gone; mecapy admin provision makes it again"),
            ));
        }
        let password = password.unwrap_or_else(Password::make);
        transaction.set_password(role, &password).await?;
        transaction.end(dry).await?;
        let done = vec![format!("{role} has another password; connections that are open stay")];
        Ok(Provisioned { done, password: Some(password) })
    }

    /// People and programs, with whatever is wrong about their roles.
    pub async fn people(&self) -> Result<Vec<Listed>, AdminError> {
        self.needs_server()?;
        must_be_secured(self).await?;
        list::list(&self.connection).await.map_err(|error| self.explain(error).into())
    }
}

fn checked(place: &str, role: &str) -> Result<(), AdminError> {
    if role.is_empty() || role.len() > MAX_ROLE || role.contains('\0') {
        return Err(refused(
            place,
            &format!("{role:?} cannot be the name of a role: it has 1 to {MAX_ROLE} bytes and no NUL"),
        ));
    }
    Ok(())
}
