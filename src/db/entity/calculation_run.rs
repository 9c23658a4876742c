//! `calculation_runs`: how, where and within which limits a calculation was run.

use crate::db::Timestamp;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "calculation_runs")]
pub struct Model {
    /// The run's UUID as text, hyphenated, lower case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    #[sea_orm(unique)]
    pub calculation_id: i64,
    pub user_id: i64,
    pub host: String,
    pub submitted_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub heartbeat_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub stop_requested_at: Option<Timestamp>,
    pub engine: Option<String>,
    pub level: Option<String>,
    pub guarantee: Option<String>,
    pub interpreter: Option<String>,
    pub image_digest: Option<String>,
    pub container_id: Option<String>,
    pub timeout: i32,
    pub memory_limit: i32,
    pub cpu_limit: f64,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub error_kind: Option<String>,
    pub error_line: Option<i32>,
    pub cpu_time: Option<f64>,
    /// Bytes.
    pub peak_memory: Option<i64>,
    pub accounting: Option<String>,
    /// A JSON array of sentences.
    pub notes: Option<String>,
    /// A JSON object: what the run does right now.
    pub live: Option<String>,
    #[sea_orm(belongs_to, from = "calculation_id", to = "id")]
    pub calculation: BelongsTo<super::calculation::Entity>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
