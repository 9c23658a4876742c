//! Calculations and the files they use.

use crate::{Dialect, Step, dialect::drop_all};

pub(crate) const STEP: Step = Step { name: "002_add_calculations", up, down, concurrent: false };

fn up(d: Dialect) -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE calculations (\n  {}\n)",
            [
                d.id().to_owned(),
                format!("user_id {} NOT NULL REFERENCES users (id)", d.bigint()),
                d.varchar("name", 200, "NOT NULL"),
                d.varchar("description", 2000, "NULL"),
                // Text by value: the SQL of the description compares with 'completed'.
                "status VARCHAR(9) NOT NULL DEFAULT 'pending' \
                 CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled'))"
                    .to_owned(),
                d.time("started_at"),
                d.time("completed_at"),
                d.varchar("code", 10_000, "NOT NULL"),
                d.varchar("parameters", 5_000, "NULL"),
                d.varchar("result_data", 50_000, "NULL"),
                d.varchar("error_message", 2_000, "NULL"),
                format!("execution_time {} CHECK (execution_time >= 0)", d.float()),
                "memory_used INTEGER CHECK (memory_used >= 0)".to_owned(),
                format!("cpu_time {} CHECK (cpu_time >= 0)", d.float()),
                d.now("created_at"),
                d.now("updated_at"),
            ]
            .join(",\n  ")
        ),
        "CREATE INDEX ix_calculations_user_id ON calculations (user_id)".to_owned(),
        "CREATE INDEX ix_calculations_status ON calculations (status)".to_owned(),
        "CREATE INDEX ix_calculations_created_at ON calculations (created_at)".to_owned(),
        format!(
            "CREATE TABLE calculation_files (\n  {}\n)",
            [
                format!("calculation_id {} NOT NULL REFERENCES calculations (id)", d.bigint()),
                format!("file_id {} NOT NULL REFERENCES user_files (id)", d.bigint()),
                d.now("added_at"),
                d.varchar("file_role", 50, "NOT NULL DEFAULT 'input'"),
                "PRIMARY KEY (calculation_id, file_id)".to_owned(),
            ]
            .join(",\n  ")
        ),
    ]
}

fn down(_: Dialect) -> Vec<String> {
    drop_all("TABLE", &["calculation_files", "calculations"])
}
