//! The index that finds calculations by any part of their name.

use crate::{Dialect, Step};

pub(crate) const STEP: Step = Step { name: "009_add_name_search", up, down, concurrent: false };

fn up(d: Dialect) -> Vec<String> {
    match d {
        // An index over the names in `calculations`, without a second copy of them; triggers keep it, so that rows
        // which another program writes are found as well.
        Dialect::Sqlite => vec![
            "CREATE VIRTUAL TABLE calculation_names USING fts5(\
             name, content = 'calculations', content_rowid = 'id', tokenize = 'trigram')",
            "CREATE TRIGGER calculation_names_insert AFTER INSERT ON calculations BEGIN \
             INSERT INTO calculation_names (rowid, name) VALUES (new.id, new.name); END",
            "CREATE TRIGGER calculation_names_delete AFTER DELETE ON calculations BEGIN \
             INSERT INTO calculation_names (calculation_names, rowid, name) VALUES ('delete', old.id, old.name); END",
            "CREATE TRIGGER calculation_names_update AFTER UPDATE OF id, name ON calculations BEGIN \
             INSERT INTO calculation_names (calculation_names, rowid, name) VALUES ('delete', old.id, old.name); \
             INSERT INTO calculation_names (rowid, name) VALUES (new.id, new.name); END",
            "INSERT INTO calculation_names (calculation_names) VALUES ('rebuild')",
        ],
        Dialect::Postgres => vec![
            "CREATE EXTENSION IF NOT EXISTS pg_trgm",
            "CREATE INDEX calculations_name_trigrams ON calculations USING gin (lower(name) gin_trgm_ops)",
        ],
    }
    .into_iter()
    .map(str::to_owned)
    .collect()
}

fn down(d: Dialect) -> Vec<String> {
    match d {
        Dialect::Sqlite => vec![
            "DROP TRIGGER calculation_names_update",
            "DROP TRIGGER calculation_names_delete",
            "DROP TRIGGER calculation_names_insert",
            "DROP TABLE calculation_names",
        ],
        // The extension may serve others by now: it stays.
        Dialect::Postgres => vec!["DROP INDEX calculations_name_trigrams"],
    }
    .into_iter()
    .map(str::to_owned)
    .collect()
}
