//! The schema of MecaPy's database, step by step.
//!
//! Every step is plain data: its SQL is a pure function of the database's kind, so that it can be read, printed
//! and compared without a server. [`Migrator`] runs the steps through sea-orm-migration. The first three carry the
//! names and the tables of the platform's own description; whatever mecapy adds comes after them, as further tables
//! or nullable columns, so that a program that knows only the description goes on working.

mod dialect;
mod m001_initial_tables;
mod m002_add_calculations;
mod m003_add_tools;
mod m004_add_views;
mod m005_add_recommended_indexes;
mod m006_add_tool_versions;
mod m007_add_runs;
mod m008_add_list_indexes;
mod m009_add_name_search;
mod m010_add_live_state;
mod m011_add_change_notification;
pub mod security;
mod step;

pub use dialect::Dialect;
pub use m009_add_name_search::{NAME_INDEX, name_index};
pub use sea_orm_migration::MigratorTrait;
pub use step::Step;

use sea_orm_migration::{MigrationTrait, sea_orm::DynIden, sea_orm::sea_query::IntoIden};

/// The table that remembers which steps were applied. Not sea-orm's own name: a database may hold a second program's.
pub const APPLIED_TABLE: &str = "mecapy_migrations";

/// All steps, oldest first.
pub const STEPS: [Step; 11] = [
    m001_initial_tables::STEP,
    m002_add_calculations::STEP,
    m003_add_tools::STEP,
    m004_add_views::STEP,
    m005_add_recommended_indexes::STEP,
    m006_add_tool_versions::STEP,
    m007_add_runs::STEP,
    m008_add_list_indexes::STEP,
    m009_add_name_search::STEP,
    m010_add_live_state::STEP,
    m011_add_change_notification::STEP,
];

/// Applies and takes back the [`STEPS`].
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        STEPS.into_iter().map(|step| Box::new(step) as Box<dyn MigrationTrait>).collect()
    }

    fn migration_table_name() -> DynIden {
        APPLIED_TABLE.into_iden()
    }
}
