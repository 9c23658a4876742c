//! Where calculations come from, what their runs may use, and the record of each run.

use crate::{Dialect, Step, dialect::drop_all};

pub(crate) const STEP: Step = Step { name: "007_add_runs", up, down, concurrent: false };

/// Nullable columns only: a program that knows just the description inserts without them.
fn columns(d: Dialect) -> [(&'static str, String); 6] {
    [
        ("timeout", "INTEGER CHECK (timeout > 0)".to_owned()),
        ("memory_limit", "INTEGER CHECK (memory_limit > 0)".to_owned()),
        ("cpu_limit", format!("{} CHECK (cpu_limit > 0)", d.float())),
        ("tool_id", format!("{} REFERENCES tools (id)", d.bigint())),
        ("tool_version_id", format!("{} REFERENCES tool_versions (id)", d.bigint())),
        ("parent_id", format!("{} REFERENCES calculations (id) ON DELETE SET NULL", d.bigint())),
    ]
}

fn up(d: Dialect) -> Vec<String> {
    let mut statements: Vec<String> = columns(d)
        .into_iter()
        .map(|(column, definition)| format!("ALTER TABLE calculations ADD COLUMN {column} {definition}"))
        .collect();
    statements.push(format!("ALTER TABLE calculation_files ADD COLUMN {}", d.varchar("alias", 255, "NULL")));
    statements.push(format!(
        "CREATE TABLE calculation_runs (\n  {}\n)",
        [
            d.varchar("id", 36, "NOT NULL PRIMARY KEY"),
            format!("calculation_id {} NOT NULL REFERENCES calculations (id)", d.bigint()),
            format!("user_id {} NOT NULL REFERENCES users (id)", d.bigint()),
            d.varchar("host", 255, "NOT NULL"),
            d.now("submitted_at"),
            d.time("started_at"),
            d.time("heartbeat_at"),
            d.time("completed_at"),
            d.time("stop_requested_at"),
            d.varchar("engine", 20, "NULL"),
            d.varchar("level", 100, "NULL"),
            "guarantee TEXT".to_owned(),
            "interpreter TEXT".to_owned(),
            d.varchar("image_digest", 200, "NULL"),
            d.varchar("container_id", 100, "NULL"),
            "timeout INTEGER NOT NULL CHECK (timeout > 0)".to_owned(),
            "memory_limit INTEGER NOT NULL CHECK (memory_limit > 0)".to_owned(),
            format!("cpu_limit {} NOT NULL CHECK (cpu_limit > 0)", d.float()),
            "exit_code INTEGER".to_owned(),
            "signal INTEGER".to_owned(),
            d.varchar("error_kind", 20, "NULL"),
            "error_line INTEGER".to_owned(),
            format!("cpu_time {} CHECK (cpu_time >= 0)", d.float()),
            format!("peak_memory {} CHECK (peak_memory >= 0)", d.bigint()),
            d.varchar("accounting", 20, "NULL"),
            // A JSON array of sentences.
            "notes TEXT".to_owned(),
        ]
        .join(",\n  ")
    ));
    statements.extend(
        [
            "CREATE UNIQUE INDEX calculation_runs_of_calculation ON calculation_runs (calculation_id)",
            "CREATE INDEX calculation_runs_unfinished ON calculation_runs (host, submitted_at, id) \
             WHERE completed_at IS NULL",
            "CREATE INDEX calculation_runs_of_user ON calculation_runs (user_id)",
            // Deleting a row looks for what refers to it: without these every delete reads whole tables.
            "CREATE INDEX calculation_files_of_file ON calculation_files (file_id)",
            "CREATE INDEX calculations_of_parent ON calculations (parent_id) WHERE parent_id IS NOT NULL",
            "CREATE INDEX calculations_of_tool ON calculations (tool_id) WHERE tool_id IS NOT NULL",
            "CREATE INDEX calculations_of_tool_version ON calculations (tool_version_id) \
             WHERE tool_version_id IS NOT NULL",
        ]
        .map(str::to_owned),
    );
    statements
}

fn down(d: Dialect) -> Vec<String> {
    let mut statements = drop_all(
        "INDEX",
        &[
            "calculations_of_tool_version",
            "calculations_of_tool",
            "calculations_of_parent",
            "calculation_files_of_file",
        ],
    );
    statements.extend(drop_all("TABLE", &["calculation_runs"]));
    statements.push("ALTER TABLE calculation_files DROP COLUMN alias".to_owned());
    statements
        .extend(columns(d).iter().rev().map(|(column, _)| format!("ALTER TABLE calculations DROP COLUMN {column}")));
    statements
}
