//! What links to a calculation is guarded as it was by foreign keys: the same statements end the same way.

use super::{Server, outcome};
use crate::db::engines::texts;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use std::time::Duration;

/// Each tried on its own and taken back; some need several statements.
const STATEMENTS: [&str; 34] = [
    "INSERT INTO calculations (id, user_id, name, code) VALUES (5, 1, 'x', 'x')",
    "INSERT INTO calculations (id, user_id, name, code, created_at) VALUES (5, 1, 'x', 'x', '2024-02-20')",
    "INSERT INTO calculations (id, user_id, name, code, created_at) SELECT id, user_id, name, code, created_at FROM calculations WHERE id = 5",
    "INSERT INTO calculations (id, user_id, name, code) VALUES (1000, 1, 'x', 'x'), (1000, 1, 'y', 'y')",
    "INSERT INTO calculations (id, user_id, name, code, created_at) VALUES (1000, 1, 'x', 'x', '2024-01-03'), (1001, 1, 'y', 'y', 'infinity')",
    "INSERT INTO calculations (user_id, name, code) VALUES (1, 'x', 'x')",
    "INSERT INTO calculations (user_id, name, code) VALUES (99, 'x', 'x')",
    "INSERT INTO calculations (user_id, name, code, tool_id) VALUES (1, 'x', 'x', 99)",
    "INSERT INTO calculations (user_id, name, code, parent_id) VALUES (1, 'x', 'x', 999)",
    "INSERT INTO calculations (id, user_id, name, code, parent_id) VALUES (1000, 1, 'x', 'x', 1001), (1001, 1, 'y', 'y', 1000)",
    "INSERT INTO calculations (id, user_id, name, code, parent_id) VALUES (1000, 1, 'x', 'x', 1000)",
    "INSERT INTO calculations (user_id, name, code, created_at) VALUES (1, 'x', 'x', NULL)",
    "INSERT INTO calculation_files (calculation_id, file_id) VALUES (5, 1)",
    "INSERT INTO calculation_files (calculation_id, file_id) VALUES (999, 1)",
    "INSERT INTO calculation_files (calculation_id, file_id) VALUES (5, 1), (5, 1)",
    "UPDATE calculation_files SET calculation_id = 999 WHERE calculation_id = 5",
    "UPDATE calculation_files SET calculation_id = 41 WHERE calculation_id = 5",
    "UPDATE calculation_runs SET calculation_id = 999 WHERE calculation_id = 5",
    "UPDATE calculation_runs SET calculation_id = 6 WHERE calculation_id = 5",
    "INSERT INTO calculation_runs (id, calculation_id, user_id, host, timeout, memory_limit, cpu_limit) VALUES ('x', 999, 1, 'h', 1, 1, 1)",
    "DELETE FROM calculations WHERE id = 5",
    "DELETE FROM calculations",
    "DELETE FROM user_files WHERE id = 2",
    "WITH l AS (DELETE FROM calculation_files WHERE calculation_id = 5), r AS (DELETE FROM calculation_runs WHERE calculation_id = 5) DELETE FROM calculations WHERE id = 5",
    "TRUNCATE calculations",
    "UPDATE calculations SET created_at = '2024-02-20' WHERE id = 5",
    "UPDATE calculations SET created_at = created_at + interval '20 days' WHERE id < 30",
    "UPDATE calculations SET created_at = '2024-01-01 00:00:01' WHERE id = 5",
    "UPDATE calculations SET id = 1000 WHERE id = 5",
    "UPDATE calculations SET id = 6 WHERE id = 5",
    "UPDATE calculations SET id = 1000, created_at = '2024-02-20' WHERE id = 5",
    "UPDATE calculations SET parent_id = 999 WHERE id = 5",
    "UPDATE calculations SET user_id = 99 WHERE id = 5",
    "DELETE FROM users WHERE id = 1",
];

/// What a statement leaves: rows, links and parents.
const LEFT: &str = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (
    SELECT format('%s %s', CASE WHEN c.id BETWEEN 45 AND 999 THEN 'given' ELSE c.id::text END, c.parent_id) FROM calculations c
    UNION ALL SELECT format('f %s %s', calculation_id, file_id) FROM calculation_files
    UNION ALL SELECT format('r %s', calculation_id) FROM calculation_runs) AS t (t)";

#[tokio::test]
async fn the_same_statements_end_the_same_way() {
    let Some(server) = Server::filled().await else { return };
    let mut seen: Vec<Vec<_>> = Vec::new();
    for parted in [false, true] {
        if parted {
            server.partition(&["--yes"]).code(0);
        }
        let mut these = Vec::new();
        for sql in STATEMENTS {
            let connection = server.place.connect().await;
            let transaction = connection.begin().await.unwrap();
            let ended = outcome(&transaction, sql).await;
            let left = if ended.is_ok() { texts(&transaction, LEFT).await } else { Vec::new() };
            transaction.rollback().await.unwrap();
            connection.close().await.unwrap();
            these.push((sql, ended, left));
        }
        seen.push(these);
        // Both tables of ids agree, whatever was tried.
        if parted {
            let differ = "calculations c FULL JOIN calculation_ids k ON k.id = c.id AND k.created_at = c.created_at \
                          WHERE c.id IS NULL OR k.id IS NULL";
            assert_eq!(server.count(differ).await, "0");
        }
    }
    for (whole, parts) in seen[0].iter().zip(&seen[1]) {
        // It may be the month's own constraint that says so, or that of the table of ids.
        let (sql, mut ended, left) = parts.clone();
        if let Err((_, Some(constraint))) = &mut ended {
            let name = constraint.split('_').filter(|part| !part.starts_with("y20")).collect::<Vec<_>>();
            *constraint = name.join("_").replace("calculation_ids", "calculations");
        }
        assert_eq!(*whole, (sql, ended, left));
    }
    let refused = seen[0].iter().filter(|(_, ended, _)| ended.is_err()).count();
    assert!((15..STATEMENTS.len() - 8).contains(&refused), "{refused} of both kinds");
}

#[tokio::test]
async fn the_tables_of_ids_agree_after_rows_moved_and_went() {
    let Some(server) = Server::filled().await else { return };
    server.partition(&["--yes"]).code(0);
    for sql in [
        "UPDATE calculations SET created_at = created_at + interval '25 days' WHERE id % 2 = 0 AND isfinite(created_at)",
        "UPDATE calculations SET created_at = '2031-05-05' WHERE id = 7",
        "DELETE FROM calculation_files WHERE calculation_id IN (7, 8); DELETE FROM calculation_runs WHERE calculation_id IN (7, 8)",
        "DELETE FROM calculations WHERE id IN (7, 8)",
        "INSERT INTO calculations (id, user_id, name, code, created_at) SELECT id, user_id, name, code, created_at FROM calculations \
         WHERE id = 9 ON CONFLICT DO NOTHING",
    ] {
        server.place.sql(sql).await;
    }
    let differ = "calculations c FULL JOIN calculation_ids k ON k.id = c.id AND k.created_at = c.created_at \
                  WHERE c.id IS NULL OR k.id IS NULL";
    assert_eq!(server.count(differ).await, "0");
    assert_eq!(server.count("calculations").await, "42");
    assert_eq!(server.count("calculations WHERE id IN (10, 11) AND parent_id IS NULL").await, "2", "they forgot it");
}

/// Whoever deletes a calculation waits for a link that is being made, and the other way round: as with its foreign key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_and_a_link_wait_for_each_other() {
    let Some(server) = Server::filled().await else { return };
    server
        .place
        .sql("INSERT INTO calculations (id, user_id, name, code) VALUES (2000, 1, 'x', 'x'), (2001, 1, 'x', 'x')")
        .await;
    server.partition(&["--yes"]).code(0);
    let database = server.database();
    let waiting = || {
        super::super::place::until("nobody waits", || {
            database.superuser("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0"
        });
    };
    let link = |id: u32| format!("INSERT INTO calculation_files (calculation_id, file_id) VALUES ({id}, 1)");
    // The link is first: the delete waits for it and is refused.
    let (one, two) = (server.place.connect().await, server.place.connect().await);
    let linking = one.begin().await.unwrap();
    linking.execute_unprepared(&link(2000)).await.unwrap();
    let delete = tokio::spawn(async move { (outcome(&two, "DELETE FROM calculations WHERE id = 2000").await, two) });
    tokio::task::block_in_place(waiting);
    linking.commit().await.unwrap();
    let (ended, two) = tokio::time::timeout(Duration::from_mins(1), delete).await.unwrap().unwrap();
    assert_eq!(ended, Err(("23503".to_owned(), Some("calculation_files_calculation_id_fkey".to_owned()))));
    // Somebody holds the row to delete it: the link waits, and is refused once it is gone.
    let deleting = one.begin().await.unwrap();
    deleting.execute_unprepared("SELECT id FROM calculations WHERE id = 2001 FOR UPDATE").await.unwrap();
    let linked = tokio::spawn(async move { outcome(&two, &link(2001)).await });
    tokio::task::block_in_place(waiting);
    deleting.execute_unprepared("DELETE FROM calculations WHERE id = 2001").await.unwrap();
    deleting.commit().await.unwrap();
    let ended = tokio::time::timeout(Duration::from_mins(1), linked).await.unwrap().unwrap();
    assert_eq!(ended, Err(("23503".to_owned(), Some("calculation_files_calculation_id_fkey".to_owned()))));
}

/// Of two that take one id at the same moment, in different months, one gets it.
#[tokio::test]
async fn an_id_is_taken_once_across_months() {
    let Some(server) = Server::filled().await else { return };
    server.partition(&["--yes"]).code(0);
    let (one, two) = (server.place.connect().await, server.place.connect().await);
    let insert = |at: &str| {
        format!("INSERT INTO calculations (id, user_id, name, code, created_at) VALUES (3000, 1, 'x', 'x', '{at}')")
    };
    let first = one.begin().await.unwrap();
    first.execute_unprepared(&insert("2024-01-05")).await.unwrap();
    let sql = insert("2024-02-05");
    let second = tokio::spawn(async move { outcome(&two, &sql).await });
    first.commit().await.unwrap();
    let ended = tokio::time::timeout(Duration::from_mins(1), second).await.unwrap().unwrap();
    assert_eq!(ended, Err(("23505".to_owned(), Some("calculations_pkey".to_owned()))));
    assert_eq!(server.count("calculations WHERE id = 3000").await, "1");
}
