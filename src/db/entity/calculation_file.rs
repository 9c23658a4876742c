//! `calculation_files`: which files a calculation reads and which it wrote.

use crate::db::Timestamp;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "calculation_files")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub calculation_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub file_id: i64,
    pub added_at: Timestamp,
    pub file_role: String,
    pub alias: Option<String>,
    #[sea_orm(belongs_to, from = "calculation_id", to = "id")]
    pub calculation: BelongsTo<super::calculation::Entity>,
    #[sea_orm(belongs_to, from = "file_id", to = "id")]
    pub file: BelongsTo<super::user_file::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
