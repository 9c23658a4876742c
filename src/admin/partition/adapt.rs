//! The schema of partitioned calculations, and how a migration's statements are run on them.

use super::id_table::{self, IDS};
use crate::admin::{
    catalogue::{self, Catalogue, Column, Table},
    plan::Piece,
};

/// What is expected of a database whose calculations are partitioned.
pub(in crate::admin) fn expected(mut catalogue: Catalogue) -> Catalogue {
    for (name, table) in &mut catalogue.tables {
        let keys = std::mem::take(&mut table.foreign_keys);
        for key in keys {
            let Some(column) = key
                .split_once(" REFERENCES calculations(id)")
                .and_then(|(from, _)| from.strip_prefix("FOREIGN KEY (")?.strip_suffix(')'))
            else {
                table.foreign_keys.insert(key);
                continue;
            };
            if name != "calculations" {
                let trigger = format!("mecapy_calculation_kept_{column}");
                let definition = format!(
                    "CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE OF {column} ON {name} FOR EACH ROW \
                     EXECUTE FUNCTION mecapy_calculation_kept('{column}')"
                );
                table.triggers.insert(trigger, definition);
            }
            table.foreign_keys.insert(key.replace(" REFERENCES calculations(id)", &format!(" REFERENCES {IDS}(id)")));
        }
    }
    if let Some(calculations) = catalogue.tables.get_mut("calculations") {
        "id, created_at".clone_into(&mut calculations.primary_key);
        let function = "EXECUTE FUNCTION mecapy_calculation_id()";
        for (event, definition) in [
            ("insert", format!("BEFORE INSERT ON calculations FOR EACH ROW {function}")),
            (
                "update",
                format!(
                    "BEFORE UPDATE ON calculations FOR EACH ROW WHEN (((old.id <> new.id) OR \
                     (old.created_at <> new.created_at))) {function}"
                ),
            ),
            ("delete", format!("AFTER DELETE ON calculations FOR EACH ROW {function}")),
            (
                "truncate",
                "BEFORE TRUNCATE ON calculations FOR EACH STATEMENT EXECUTE FUNCTION mecapy_calculation_whole()"
                    .to_owned(),
            ),
        ] {
            let name = format!("{}_{event}", id_table::TRIGGER_PREFIX);
            calculations.triggers.insert(name.clone(), format!("CREATE TRIGGER {name} {definition}"));
        }
    }
    let column = |kind: &str| Column { kind: kind.to_owned(), nullable: false, default: None };
    let ids = Table {
        columns: [
            ("id".to_owned(), column("bigint")),
            ("created_at".to_owned(), column("timestamp without time zone")),
        ]
        .into(),
        primary_key: "id".to_owned(),
        ..Table::default()
    };
    catalogue.tables.insert(IDS.to_owned(), ids);
    catalogue
}

/// The pieces of a migration as partitions take them. `partitions` are the names of those that there are.
pub(in crate::admin) fn migrations(pieces: Vec<Piece>, partitions: &[String]) -> Vec<Piece> {
    pieces
        .into_iter()
        .map(|mut piece| {
            let mut statements: Vec<String> =
                piece.statements.iter().flat_map(|sql| adapted(sql, partitions)).collect();
            if statements.iter().any(|sql| sql.contains(&format!("REFERENCES {IDS} (id)"))) {
                // Before the statement that remembers the step.
                statements.insert(statements.len().saturating_sub(1), id_table::lock_referred_calculations());
            }
            piece.statements = statements;
            piece
        })
        .collect()
}

fn adapted(sql: &str, partitions: &[String]) -> Vec<String> {
    let keyed = sql.replace("REFERENCES calculations (id)", &format!("REFERENCES {IDS} (id)"));
    let words: Vec<&str> = keyed.split_whitespace().collect();
    match words.as_slice() {
        ["DROP", "INDEX", "CONCURRENTLY", rest @ ..] if rest.last().is_some_and(|name| is_of_calculations(name)) => {
            vec![format!("DROP INDEX {}", rest.join(" "))]
        }
        ["CREATE", "INDEX", "CONCURRENTLY", name, "ON", "calculations", ..] => {
            let on = keyed.split_once(" ON calculations ").map_or("", |(_, on)| on);
            // The parent's index is made of those of the partitions, each of which is made while others write.
            let mut statements = vec![format!("CREATE INDEX {name} ON ONLY calculations {on}")];
            for partition in partitions {
                let part = part(name, partition);
                statements.extend([
                    format!("DROP INDEX CONCURRENTLY IF EXISTS {part}"),
                    format!("CREATE INDEX CONCURRENTLY {part} ON {partition} {on}"),
                    format!("ALTER INDEX {name} ATTACH PARTITION {part}"),
                ]);
            }
            statements
        }
        _ => vec![keyed],
    }
}

/// The name of a partition's index.
fn part(index: &str, partition: &str) -> String {
    let month = partition.strip_prefix("calculations_").unwrap_or(partition);
    format!("{index}_{month}")
}

/// Whether an index of ours stands on `calculations`.
fn is_of_calculations(index: &str) -> bool {
    let expected = catalogue::expected(migrations::Dialect::Postgres);
    expected.tables.get("calculations").is_some_and(|table| table.indexes.contains_key(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_made_on_each_partition_while_others_write() {
        let partitions = ["calculations_y2024m01".to_owned(), "calculations_default".to_owned()];
        let sql = "CREATE INDEX CONCURRENTLY ix_calculations_status ON calculations (status)";
        assert_eq!(
            adapted(sql, &partitions),
            [
                "CREATE INDEX ix_calculations_status ON ONLY calculations (status)",
                "DROP INDEX CONCURRENTLY IF EXISTS ix_calculations_status_y2024m01",
                "CREATE INDEX CONCURRENTLY ix_calculations_status_y2024m01 ON calculations_y2024m01 (status)",
                "ALTER INDEX ix_calculations_status ATTACH PARTITION ix_calculations_status_y2024m01",
                "DROP INDEX CONCURRENTLY IF EXISTS ix_calculations_status_default",
                "CREATE INDEX CONCURRENTLY ix_calculations_status_default ON calculations_default (status)",
                "ALTER INDEX ix_calculations_status ATTACH PARTITION ix_calculations_status_default",
            ]
        );
        let drop = "DROP INDEX CONCURRENTLY IF EXISTS ix_calculations_status";
        assert_eq!(adapted(drop, &partitions), ["DROP INDEX IF EXISTS ix_calculations_status"]);
        let others = "CREATE INDEX CONCURRENTLY x ON user_files (user_id)";
        assert_eq!(adapted(others, &partitions), [others]);
        assert_eq!(adapted("DROP INDEX CONCURRENTLY ix_user_files_user_id", &partitions).len(), 1);
    }

    #[test]
    fn references_lead_to_the_table_of_ids() {
        let sql = "CREATE TABLE x (calculation_id BIGINT REFERENCES calculations (id))";
        let piece = Piece { name: "x".into(), statements: vec![sql.into(), "INSERT".into()], concurrent: false };
        let adapted = &super::migrations(vec![piece], &[])[0].statements;
        assert_eq!(adapted[0], "CREATE TABLE x (calculation_id BIGINT REFERENCES calculation_ids (id))");
        assert!(adapted[1].contains("mecapy_calculation_kept") && adapted[2] == "INSERT", "{adapted:?}");
    }
}
