//! The expected catalogues: what the steps make, what the entities read.

use super::place::{Place, db, places};
use mecapy::{
    admin::{Catalogue, expected_catalogue},
    db::entity,
};
use migrations::{Dialect, Migrator, MigratorTrait as _};
use sea_orm::{ColumnTrait as _, EntityTrait, Iterable as _, sea_query::ColumnType};

/// After a new step: `MECAPY_UPDATE_SCHEMA=1 cargo test --test it admin::catalogue`.
#[tokio::test]
async fn the_expected_catalogues_are_what_the_steps_make() {
    for place in places() {
        let connection = place.connect().await;
        Migrator::up(&connection, None).await.unwrap();
        connection.close().await.unwrap();
        let (name, dialect) =
            if place.is_server() { ("postgres", Dialect::Postgres) } else { ("sqlite", Dialect::Sqlite) };
        let made = place.catalogue().await;
        let path = format!("{}/migrations/expected/{name}.json", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("MECAPY_UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
            continue;
        }
        assert_eq!(
            made,
            expected_catalogue(dialect),
            "{path} is old: MECAPY_UPDATE_SCHEMA=1 cargo test --test it admin::catalogue"
        );
    }
}

#[test]
fn every_entity_reads_columns_that_are_there() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let catalogue = expected_catalogue(dialect);
        of::<entity::user::Entity>(dialect, &catalogue);
        of::<entity::user_file::Entity>(dialect, &catalogue);
        of::<entity::calculation::Entity>(dialect, &catalogue);
        of::<entity::calculation_file::Entity>(dialect, &catalogue);
        of::<entity::tool::Entity>(dialect, &catalogue);
        of::<entity::tool_version::Entity>(dialect, &catalogue);
        of::<entity::calculation_run::Entity>(dialect, &catalogue);
    }
}

fn of<E: EntityTrait>(dialect: Dialect, catalogue: &Catalogue) {
    let table = E::default();
    let name = table.table_name();
    let columns = &catalogue.tables[name].columns;
    let mut read = Vec::new();
    for column in E::Column::iter() {
        use sea_orm::IdenStatic as _;
        let found = columns.get(column.as_str()).unwrap_or_else(|| panic!("{name} has no {}", column.as_str()));
        let of = format!("{name}.{}: {}", column.as_str(), found.kind);
        assert_eq!(column.def().is_null(), found.nullable, "{of}");
        let (sqlite, postgres): (&str, &[&str]) = match column.def().get_column_type() {
            ColumnType::BigInteger => ("INTEGER", &["bigint", "integer"]),
            ColumnType::Integer => ("INTEGER", &["integer"]),
            ColumnType::Double => ("FLOAT", &["double precision"]),
            ColumnType::Boolean => ("BOOLEAN", &["boolean"]),
            ColumnType::DateTime => ("DATETIME", &["timestamp without time zone"]),
            ColumnType::String(_) | ColumnType::Text => ("", &["character varying", "text"]),
            other => panic!("{of}: {other:?}"),
        };
        match dialect {
            Dialect::Sqlite if sqlite.is_empty() => {
                assert!(found.kind.starts_with("VARCHAR") || found.kind == "TEXT", "{of}");
            }
            Dialect::Sqlite => assert_eq!(found.kind, sqlite, "{of}"),
            Dialect::Postgres => assert!(postgres.iter().any(|kind| found.kind.starts_with(kind)), "{of}"),
        }
        read.push(column.as_str().to_owned());
    }
    read.sort();
    assert_eq!(read, columns.keys().cloned().collect::<Vec<_>>(), "{name} has columns that no entity reads");
}

#[tokio::test]
async fn check_tells_what_differs_and_nothing_where_nothing_does() {
    for place in places() {
        let home = place.home();
        db(&home, &["upgrade"]).code(0);
        let clean = db(&home, &["check"]).code(0).says("is as this mecapy expects it");
        assert_eq!(clean.out, "");
        damage(&place).await;
        let told = db(&home, &["check"]).code(1);
        for words in [
            "missing  index users.ix_users_username",
            "extra    index users.by_email",
            "extra    column users.nickname: ",
            "extra    table invoices",
            "missing  view recent_calculations",
            "missing  table tool_versions",
        ] {
            assert!(told.out.contains(words), "{words}: {}", told.out);
        }
        if place.is_server() {
            for words in [
                "differs  type users.username: character varying(50), expected character varying(100)",
                "differs  nullability users.email: NULL, expected NOT NULL",
                "differs  default calculations.status: none, expected 'pending'",
                "missing  check user_files: (file_size >= 0)",
                "missing  foreign key user_files: FOREIGN KEY (user_id) REFERENCES users(id)",
                "extra    unique calculations: name",
            ] {
                assert!(told.out.contains(words), "{words}: {}", told.out);
            }
        }
        let lines = db(&home, &["check", "--json"]).code(1).json_lines();
        assert_eq!(lines.len(), told.out.lines().count());
        assert!(lines.iter().any(|line| line["what"] == "table" && line["of"] == "invoices"), "{lines:?}");
    }
}

async fn damage(place: &Place) {
    for sql in [
        "DROP INDEX ix_users_username",
        "CREATE INDEX by_email ON users (email)",
        "ALTER TABLE users ADD COLUMN nickname TEXT",
        "CREATE TABLE invoices (id INTEGER)",
        "DROP VIEW recent_calculations",
    ] {
        place.sql(sql).await;
    }
    if !place.is_server() {
        place.sql("PRAGMA foreign_keys = OFF; DROP TABLE tool_versions").await;
        return;
    }
    for sql in [
        "DROP TABLE tool_versions CASCADE",
        "DROP VIEW user_stats",
        "ALTER TABLE users ALTER COLUMN username TYPE VARCHAR(50), ALTER COLUMN email DROP NOT NULL",
        "ALTER TABLE calculations ALTER COLUMN status DROP DEFAULT, ADD UNIQUE (name)",
        "ALTER TABLE user_files DROP CONSTRAINT user_files_file_size_check, DROP CONSTRAINT user_files_user_id_fkey",
    ] {
        place.sql(sql).await;
    }
}
