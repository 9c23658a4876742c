//! The three indexes that the description recommends.

use crate::{Dialect, Step};

pub(crate) const STEP: Step = Step { name: "005_add_recommended_indexes", up, down, concurrent: true };

fn up(d: Dialect) -> Vec<String> {
    [
        "idx_user_files_user_created ON user_files (user_id, uploaded_at DESC)",
        "idx_calculations_user_status_created ON calculations (user_id, status, created_at DESC)",
        "idx_user_files_hash_size ON user_files (file_hash, file_size)",
    ]
    .map(|index| format!("CREATE INDEX {}{index}", d.concurrently()))
    .to_vec()
}

fn down(d: Dialect) -> Vec<String> {
    ["idx_user_files_hash_size", "idx_calculations_user_status_created", "idx_user_files_user_created"]
        .map(|name| format!("DROP INDEX {}{name}", d.concurrently()))
        .to_vec()
}
