//! Who works with a database that keeps people apart.

use super::role::{is_in, powers};
use crate::admin::sql::rows;
use migrations::security::{ADMIN, PEOPLE, SERVICE, USER};
use sea_orm::{ConnectionTrait, DbErr};
use serde::Serialize;

/// What a role is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Sees own rows.
    Person,
    /// Reads everything, switches people on and off.
    Admin,
    /// Works for everybody.
    Service,
}

/// A person or a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The name of the role.
    pub role: String,
    /// What it is for.
    pub kind: Kind,
    /// The row of a person.
    pub user_id: Option<i64>,
    /// The id that the platform knows a person by.
    pub sub: Option<String>,
    /// The name in the platform.
    pub username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether it may work here: may sign in and, as a person, is active.
    pub is_active: bool,
    /// UTC, as the database keeps it.
    #[serde(serialize_with = "crate::domain::time::utc")]
    pub last_login: Option<chrono::NaiveDateTime>,
    /// Connections open right now.
    pub connections: i64,
    /// What is wrong about it.
    pub problems: Vec<String>,
}

pub(super) async fn list(connection: &impl ConnectionTrait) -> Result<Vec<Listed>, DbErr> {
    let asked = format!(
        include_str!("list.sql"),
        is_admin = is_in(ADMIN),
        is_service = is_in(SERVICE),
        is_user = is_in(USER),
        powers = powers(),
        people = PEOPLE,
    );
    let mut all = Vec::new();
    for row in rows(connection, &asked).await? {
        let (is_admin, is_service): (bool, bool) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let user_id: Option<i64> = row.try_get_by_index(3)?;
        let (is_active, can_login): (bool, bool) = (row.try_get_by_index(7)?, row.try_get_by_index(8)?);
        let (is_there, is_user): (bool, bool) = (row.try_get_by_index(11)?, row.try_get_by_index(12)?);
        let powers: String = row.try_get_by_index(13)?;
        let mut problems = Vec::new();
        if !is_there {
            problems.push("the role is gone".to_owned());
        } else if user_id.is_some() && !is_user {
            problems.push(format!("the role is not in {USER}"));
        } else if user_id.is_none() && !is_service {
            problems.push(format!("the role is not in {SERVICE}"));
        }
        if is_there && is_active != can_login {
            let (one, other) = if is_active { ("active", "may not sign in") } else { ("switched off", "may sign in") };
            problems.push(format!("{one}, but {other}"));
        }
        if user_id.is_some() && is_service {
            problems
                .push(format!("a person who is in {SERVICE} too, and so may write more than mecapy lets people write"));
        }
        if !powers.is_empty() {
            problems.push(format!("row security does not hold it back: {powers}"));
        }
        all.push(Listed {
            role: row.try_get_by_index(0)?,
            kind: match (user_id, is_admin) {
                (None, _) => Kind::Service,
                (Some(_), true) => Kind::Admin,
                (Some(_), false) => Kind::Person,
            },
            user_id,
            sub: row.try_get_by_index(4)?,
            username: row.try_get_by_index(5)?,
            email: row.try_get_by_index(6)?,
            is_active: is_active && can_login,
            last_login: row.try_get_by_index(9)?,
            connections: row.try_get_by_index(10)?,
            problems,
        });
    }
    Ok(all)
}
