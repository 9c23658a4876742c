//! The two views of the description.

use crate::{Dialect, Step, dialect::drop_all};

pub(crate) const STEP: Step = Step { name: "004_add_views", up, down, concurrent: false };

fn up(_: Dialect) -> Vec<String> {
    vec![
        // Each side is counted by itself: joining files and calculations first counts every file once per
        // calculation. The casts keep BIGINT on PostgreSQL, where a sum of BIGINT is NUMERIC.
        "CREATE VIEW user_stats AS\n\
         SELECT\n\
        \x20 u.id,\n\
        \x20 u.username,\n\
        \x20 (SELECT COUNT(*) FROM user_files f WHERE f.user_id = u.id) AS total_files,\n\
        \x20 (SELECT CAST(COALESCE(SUM(f.file_size), 0) AS BIGINT) FROM user_files f WHERE f.user_id = u.id) \
         AS total_storage_bytes,\n\
        \x20 (SELECT COUNT(*) FROM calculations c WHERE c.user_id = u.id) AS total_calculations,\n\
        \x20 (SELECT COUNT(*) FROM calculations c WHERE c.user_id = u.id AND c.status = 'completed') \
         AS completed_calculations\n\
         FROM users u"
            .to_owned(),
        "CREATE VIEW recent_calculations AS\n\
         SELECT c.id, c.name, c.status, c.created_at, c.execution_time, u.username, u.display_name\n\
         FROM calculations c\n\
         JOIN users u ON c.user_id = u.id\n\
         ORDER BY c.created_at DESC"
            .to_owned(),
    ]
}

fn down(_: Dialect) -> Vec<String> {
    drop_all("VIEW", &["recent_calculations", "user_stats"])
}
