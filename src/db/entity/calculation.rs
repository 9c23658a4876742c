//! `calculations`: code, parameters and what came out.

use crate::db::Timestamp;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "calculations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub name: String,
    pub description: Option<String>,
    pub status: String,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub code: String,
    pub parameters: Option<String>,
    pub result_data: Option<String>,
    pub error_message: Option<String>,
    pub execution_time: Option<f64>,
    /// Another program may have written more than the column's 32 bits, which SQLite keeps.
    #[sea_orm(select_as = "bigint")]
    pub memory_used: Option<i64>,
    pub cpu_time: Option<f64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub timeout: Option<i32>,
    pub memory_limit: Option<i32>,
    pub cpu_limit: Option<f64>,
    pub tool_id: Option<i64>,
    pub tool_version_id: Option<i64>,
    pub parent_id: Option<i64>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
    /// Every linked file; `calculation_files.file_role` tells inputs from what came out.
    #[sea_orm(has_many, via = "calculation_file")]
    pub input_files: HasMany<super::user_file::Entity>,
    #[sea_orm(has_one)]
    pub run: HasOne<super::calculation_run::Entity>,
    #[sea_orm(belongs_to, from = "tool_id", to = "id")]
    pub tool: BelongsTo<Option<super::tool::Entity>>,
    #[sea_orm(belongs_to, from = "tool_version_id", to = "id")]
    pub tool_version: BelongsTo<Option<super::tool_version::Entity>>,
    #[sea_orm(self_ref, relation_enum = "Parent", from = "parent_id", to = "id", on_delete = "SetNull")]
    pub parent: BelongsTo<Option<Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
