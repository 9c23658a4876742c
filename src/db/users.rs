//! People: one row for each identity that ever worked here.

use super::{Db, DbError, ExplainError, entity::user, validate};
use crate::domain::{
    check_text,
    id::UserId,
    user::{Identity, User},
};
use chrono::TimeDelta;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::OnConflict,
};

/// A sign-in this soon after the last one is not noted: a start then waits for no disk, and works where nothing can be
/// written.
const NOTED_EVERY: TimeDelta = TimeDelta::hours(1);

/// Finds the row of `identity` or makes it, takes over what the identity says by now, and notes the sign-in.
///
/// The same path serves the operating system's user and a person known to Keycloak.
pub async fn sign_in(db: &Db, identity: &Identity) -> Result<User, DbError> {
    check(identity)?;
    let now = db.now();
    db.wait_for_idle().await;
    let found = user::Entity::find().filter(user::Column::KeycloakId.eq(&identity.keycloak_id));
    if let Some(row) = found.one(db.connection()).await.explain(db)?
        && row.last_login.is_some_and(|last| (now.time() - last.time()).abs() < NOTED_EVERY)
    {
        let user = User::from(row);
        if user.identity == *identity {
            return Ok(user);
        }
    }
    let row = user::ActiveModel {
        id: NotSet,
        keycloak_id: Set(identity.keycloak_id.clone()),
        username: Set(identity.username.clone()),
        email: Set(identity.email.clone()),
        first_name: Set(identity.first_name.clone()),
        last_name: Set(identity.last_name.clone()),
        display_name: Set(identity.display_name.clone()),
        created_at: Set(now),
        updated_at: Set(now),
        last_login: Set(Some(now)),
        is_active: Set(true),
    };
    // One statement: two processes that start at once both get the same row.
    let known = OnConflict::column(user::Column::KeycloakId)
        .update_columns([
            user::Column::Username,
            user::Column::Email,
            user::Column::FirstName,
            user::Column::LastName,
            user::Column::DisplayName,
            user::Column::UpdatedAt,
            user::Column::LastLogin,
        ])
        .to_owned();
    db.wait_for_idle().await;
    let row = user::Entity::insert(row).on_conflict(known).exec_with_returning(db.connection()).await.explain(db)?;
    Ok(row.into())
}

/// The person whose role signed in, where the server keeps people apart; notes the sign-in. The row was made for that
/// person by somebody else, who wrote down the names, too: nothing is taken from the operating system's user.
pub async fn present(db: &Db, person: UserId) -> Result<User, DbError> {
    let row = user::Entity::find_by_id(person.0).one(db.connection()).await.explain(db)?;
    let row = row.ok_or_else(|| DbError::not_found("person", &person))?;
    let now = db.now();
    if row.last_login.is_none_or(|last| (now.time() - last.time()).abs() >= NOTED_EVERY) {
        user::Entity::update_many()
            .set(user::ActiveModel { last_login: Set(Some(now)), updated_at: Set(now), ..user::ActiveModel::default() })
            .filter(user::Column::Id.eq(person.0))
            .exec(db.connection())
            .await
            .explain(db)?;
    }
    Ok(row.into())
}

fn check(identity: &Identity) -> Result<(), DbError> {
    check_text("keycloak_id", &identity.keycloak_id, 255)?;
    check_text("username", &identity.username, 100)?;
    check_text("email", &identity.email, 255)?;
    validate::optional("first_name", identity.first_name.as_deref(), 100)?;
    validate::optional("last_name", identity.last_name.as_deref(), 100)?;
    validate::optional("display_name", identity.display_name.as_deref(), 200)?;
    Ok(())
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self {
            id: UserId(row.id),
            identity: Identity {
                keycloak_id: row.keycloak_id,
                username: row.username,
                email: row.email,
                first_name: row.first_name,
                last_name: row.last_name,
                display_name: row.display_name,
            },
            is_active: row.is_active,
        }
    }
}
