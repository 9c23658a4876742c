//! One index for each order of the list of calculations.
//!
//! Status stands before the sort column, so that the same index serves a list of some states and a list of all:
//! the list is a merge of at most five ordered ranges, one a state. Without it a rare state among a million rows
//! would be looked for in all of them.

use crate::{Dialect, Step};

pub(crate) const STEP: Step = Step { name: "008_add_list_indexes", up, down, concurrent: true };

const INDEXES: [(&str, &str); 6] = [
    ("calculations_list_created", "calculations (user_id, status, created_at, id)"),
    ("calculations_list_name", "calculations (user_id, status, lower(name), id)"),
    ("calculations_list_status", "calculations (user_id, status, id)"),
    ("calculations_list_started", "calculations (user_id, status, started_at, id)"),
    ("calculations_list_duration", "calculations (user_id, status, execution_time, id)"),
    ("tools_list_name", "tools (is_active, name)"),
];

fn up(d: Dialect) -> Vec<String> {
    // Names stand in the order of their bytes on both: no language's order knows the names that begin with a text as
    // one range, and an update of the system's languages would break the index.
    let name = match d {
        Dialect::Sqlite => "lower(name)",
        Dialect::Postgres => "lower(name) COLLATE \"C\"",
    };
    INDEXES
        .map(|(index, on)| format!("CREATE INDEX {}{index} ON {}", d.concurrently(), on.replace("lower(name)", name)))
        .to_vec()
}

fn down(d: Dialect) -> Vec<String> {
    INDEXES.map(|(name, _)| format!("DROP INDEX {}{name}", d.concurrently())).to_vec()
}
