//! `users`: everybody who owns something.

use crate::db::Timestamp;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub keycloak_id: String,
    pub username: String,
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub display_name: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_login: Option<Timestamp>,
    pub is_active: bool,
    #[sea_orm(has_many)]
    pub files: HasMany<super::user_file::Entity>,
    #[sea_orm(has_many)]
    pub calculations: HasMany<super::calculation::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
