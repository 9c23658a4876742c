//! What a database is made of, as plain data that can be compared: tables, columns, constraints, indexes, views.

mod model;
mod postgres;
mod sqlite;

pub(super) use model::{ALEMBIC_TABLE, IDENTITY, INVALID, bare};
pub use model::{Catalogue, Column, Table, View};

use migrations::Dialect;
use sea_orm::{ConnectionTrait, DbErr};

/// Reads the catalogue of the database behind a connection.
pub async fn read(connection: &impl ConnectionTrait) -> Result<Catalogue, DbErr> {
    match Dialect::of(connection.get_database_backend())? {
        Dialect::Sqlite => sqlite::read(connection).await,
        Dialect::Postgres => postgres::read(connection).await,
    }
}

/// What this mecapy expects: the catalogue of a database to which every step was applied.
///
/// The files are made by the tests from fresh databases, never by hand.
pub fn expected(dialect: Dialect) -> Catalogue {
    let text = match dialect {
        Dialect::Sqlite => include_str!("../../../migrations/expected/sqlite.json"),
        Dialect::Postgres => include_str!("../../../migrations/expected/postgres.json"),
    };
    serde_json::from_str(text).expect("the tests compare this file with what the steps make")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_catalogues_can_be_read() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let catalogue = expected(dialect);
            assert!(catalogue.tables.contains_key("calculations") && catalogue.views.contains_key("user_stats"));
        }
    }
}
