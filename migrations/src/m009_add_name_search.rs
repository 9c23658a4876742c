//! The index that finds calculations by any part of their name.

use crate::{Dialect, Step};

/// The index on PostgreSQL. A server may lack what it needs, the extension `pg_trgm`: then names are searched without.
pub const NAME_INDEX: &str = "calculations_name_trigrams";

/// Makes the index where the extension is there, in whatever schema; `concurrently` while others write.
pub fn name_index(concurrently: bool) -> String {
    let word = if concurrently { "CONCURRENTLY " } else { "" };
    format!("CREATE INDEX {word}{NAME_INDEX} ON calculations USING gin (lower(name) gin_trgm_ops)")
}

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
        Dialect::Postgres => return vec![on_a_server("pg_trgm")],
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
        Dialect::Postgres => vec!["DROP INDEX IF EXISTS calculations_name_trigrams"],
    }
    .into_iter()
    .map(str::to_owned)
    .collect()
}

/// The extension may be missing, or not be ours to make: everything else is there all the same.
fn on_a_server(extension: &str) -> String {
    let index = name_index(false).replacen("CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1);
    format!(
        "DO $do$ BEGIN \
         BEGIN CREATE EXTENSION IF NOT EXISTS {extension}; \
         EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN \
         RAISE WARNING 'names are searched without an index: % (CREATE EXTENSION {extension}, then mecapy db upgrade)', SQLERRM; \
         END; \
         IF EXISTS (SELECT FROM pg_catalog.pg_opclass WHERE opcname = 'gin_trgm_ops' AND pg_catalog.pg_opclass_is_visible(oid)) \
         THEN {index}; END IF; END $do$"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_same_whoever_makes_it() {
        assert!(on_a_server("pg_trgm").contains(&format!("IF NOT EXISTS {NAME_INDEX} ON calculations")));
        assert!(
            name_index(true)
                .starts_with("CREATE INDEX CONCURRENTLY calculations_name_trigrams ON calculations USING gin")
        );
    }
}
