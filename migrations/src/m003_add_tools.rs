//! Tools: the current version of each.

use crate::{Dialect, Step, dialect::drop_all};

pub(crate) const STEP: Step = Step { name: "003_add_tools", up, down, concurrent: false };

fn up(d: Dialect) -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE tools (\n  {}\n)",
            [
                d.id().to_owned(),
                d.varchar("name", 100, "NOT NULL"),
                d.varchar("display_name", 200, "NOT NULL"),
                d.varchar("description", 2000, "NOT NULL"),
                d.varchar("version", 20, "NOT NULL"),
                d.varchar("code_template", 10_000, "NOT NULL"),
                d.varchar("docker_image", 200, "NOT NULL"),
                "memory_limit INTEGER NOT NULL DEFAULT 256".to_owned(),
                format!("cpu_limit {} NOT NULL DEFAULT 0.5", d.float()),
                "timeout INTEGER NOT NULL DEFAULT 30".to_owned(),
                d.now("created_at"),
                d.now("updated_at"),
                d.boolean("is_active", true),
                format!("author_id {} NOT NULL REFERENCES users (id)", d.bigint()),
            ]
            .join(",\n  ")
        ),
        "CREATE UNIQUE INDEX ix_tools_name ON tools (name)".to_owned(),
        "CREATE INDEX ix_tools_author_id ON tools (author_id)".to_owned(),
        "CREATE INDEX ix_tools_is_active ON tools (is_active)".to_owned(),
    ]
}

fn down(_: Dialect) -> Vec<String> {
    drop_all("TABLE", &["tools"])
}
