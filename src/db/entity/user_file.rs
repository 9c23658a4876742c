//! `user_files`: uploads, outputs and logs.

use crate::db::Timestamp;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_files")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub filename: String,
    pub original_filename: String,
    pub file_size: i64,
    pub content_type: String,
    #[sea_orm(unique)]
    pub s3_key: String,
    pub s3_bucket: String,
    pub s3_url: String,
    pub uploaded_at: Timestamp,
    pub is_public: bool,
    pub description: Option<String>,
    pub file_hash: Option<String>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub owner: BelongsTo<super::user::Entity>,
    #[sea_orm(has_many, via = "calculation_file")]
    pub calculations: HasMany<super::calculation::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
