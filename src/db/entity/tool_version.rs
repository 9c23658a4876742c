//! `tool_versions`: every version a tool ever had.

use crate::db::Timestamp;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tool_versions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub tool_id: i64,
    pub version: String,
    pub code_template: String,
    pub docker_image: String,
    pub memory_limit: i32,
    pub cpu_limit: f64,
    pub timeout: i32,
    pub changelog: Option<String>,
    pub created_at: Timestamp,
    pub created_by: i64,
    #[sea_orm(belongs_to, from = "tool_id", to = "id")]
    pub tool: BelongsTo<super::tool::Entity>,
    #[sea_orm(belongs_to, relation_enum = "CreatedBy", from = "created_by", to = "id")]
    pub author: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
