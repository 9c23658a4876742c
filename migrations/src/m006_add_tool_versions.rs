//! Every version a tool ever had; publishing appends and never rewrites.

use crate::{Dialect, Step, dialect::drop_all};

pub(crate) const STEP: Step = Step { name: "006_add_tool_versions", up, down, concurrent: false };

fn up(d: Dialect) -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE tool_versions (\n  {}\n)",
            [
                d.id().to_owned(),
                format!("tool_id {} NOT NULL REFERENCES tools (id)", d.bigint()),
                d.varchar("version", 20, "NOT NULL"),
                d.varchar("code_template", 10_000, "NOT NULL"),
                d.varchar("docker_image", 200, "NOT NULL"),
                "memory_limit INTEGER NOT NULL DEFAULT 256".to_owned(),
                format!("cpu_limit {} NOT NULL DEFAULT 0.5", d.float()),
                "timeout INTEGER NOT NULL DEFAULT 30".to_owned(),
                d.varchar("changelog", 2000, "NULL"),
                d.now("created_at"),
                format!("created_by {} NOT NULL REFERENCES users (id)", d.bigint()),
            ]
            .join(",\n  ")
        ),
        "CREATE UNIQUE INDEX tool_versions_of_tool ON tool_versions (tool_id, version)".to_owned(),
        // Tools that stand already have one version so far: the current one.
        "INSERT INTO tool_versions (tool_id, version, code_template, docker_image, memory_limit, cpu_limit, timeout, \
         created_at, created_by) \
         SELECT id, version, code_template, docker_image, memory_limit, cpu_limit, timeout, updated_at, author_id \
         FROM tools"
            .to_owned(),
    ]
}

fn down(_: Dialect) -> Vec<String> {
    drop_all("TABLE", &["tool_versions"])
}
