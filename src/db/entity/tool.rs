//! `tools`: the current version of each tool.

use crate::db::Timestamp;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tools")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub name: String,
    pub display_name: String,
    pub description: String,
    pub version: String,
    pub code_template: String,
    pub docker_image: String,
    pub memory_limit: i32,
    pub cpu_limit: f64,
    pub timeout: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub is_active: bool,
    pub author_id: i64,
    #[sea_orm(belongs_to, from = "author_id", to = "id")]
    pub author: BelongsTo<super::user::Entity>,
    #[sea_orm(has_many)]
    pub tool_versions: HasMany<super::tool_version::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
