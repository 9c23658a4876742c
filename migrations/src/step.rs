//! One step of the schema and how it is run.

use crate::Dialect;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait,
    sea_orm::{ConnectionTrait, DbErr},
};

/// One step: its name and the statements that make it and take it back.
#[derive(Clone, Copy)]
pub struct Step {
    /// Stored in [`crate::APPLIED_TABLE`] and named by `upgrade` and `downgrade`.
    pub name: &'static str,
    /// The statements that apply it, in order.
    pub up: fn(Dialect) -> Vec<String>,
    /// The statements that take it back, in order.
    pub down: fn(Dialect) -> Vec<String>,
    /// Whether PostgreSQL must run it outside a transaction (`CREATE INDEX CONCURRENTLY`).
    pub concurrent: bool,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        self.concurrent.then_some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, (self.up)(Dialect::of(manager.get_database_backend())?)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, (self.down)(Dialect::of(manager.get_database_backend())?)).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: Vec<String>) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}
