//! Months that come, rows that no month took, months that go; migrations, copies and Python programs meanwhile.

use super::{
    super::{
        place::{Place, db},
        python::share_partitioned,
    },
    Server,
};
use crate::support::{home::Home, postgres, python::SqlModel};
use mecapy::db::Db;

#[tokio::test]
async fn missing_months_are_told_and_made_with_the_rows_that_waited_for_them() {
    let Some(server) = Server::filled().await else { return };
    server.partition(&["--yes", "--ahead", "0"]).code(0);
    let said = |words: &str| {
        let doctor = server.home.run(&["doctor"]);
        assert!(doctor.out.contains(words) && doctor.out.contains("mecapy db partition --yes"), "{}", doctor.out);
        let stats = server.home.run(&["stats", "--database"]).code(0);
        assert!(stats.out.contains(words) && stats.out.contains("mecapy db partition --yes"), "{}", stats.out);
        server.partition(&["--list"]).code(0).says(words);
    };
    said("calculations has no partition for ");
    // Rows of a month that nobody made, with links, and a run that goes on.
    server
        .place
        .sql(
            "INSERT INTO calculations (id, user_id, name, code, status, created_at, parent_id) VALUES
                 (100, 1, 'a', 'x', 'running', '2023-03-05', 5), (101, 2, 'b', 'x', 'completed', '2023-03-31 23:59:59.999999', 100),
                 (102, 2, 'c', 'x', 'completed', '2023-04-01', NULL);
             UPDATE calculations SET parent_id = 102 WHERE id = 6;
             INSERT INTO calculation_files (calculation_id, file_id) VALUES (100, 1), (102, 2);
             INSERT INTO calculation_runs (id, calculation_id, user_id, host, timeout, memory_limit, cpu_limit)
                 VALUES ('r', 100, 1, 'h', 1, 1, 1)",
        )
        .await;
    assert_eq!(server.count("calculations_default").await, "5");
    said("rows outside the months of calculations lie in calculations_default");
    let rows = server.rows().await;
    let told = server.partition(&[]).code(0);
    assert!(told.out.contains("would make calculations_y2023m03 (2 rows)\n"), "{}", told.out);
    assert_eq!(server.count("calculations_default").await, "5");
    let done = server.partition(&["--yes"]).code(0);
    assert_eq!(done.out.lines().count(), 5, "two old months and three to come: {}", done.out);
    assert_eq!(server.rows().await, rows);
    let there = server
        .place
        .texts("SELECT tableoid::regclass::text FROM calculations WHERE id IN (101, 102) ORDER BY id")
        .await;
    assert_eq!(there, ["calculations_y2023m03", "calculations_y2023m04"]);
    assert_eq!(server.count("calculations_default").await, "2", "of no month there is");
    db(&server.home, &["check"]).code(0);
    server.partition(&["--yes"]).code(0).says("nothing to do");
    // What clocks did wrong is deleted; nothing is left to be told.
    server
        .place
        .sql("UPDATE calculations SET created_at = '2024-01-05' WHERE id > 40 AND created_at > '2900-01-01'")
        .await;
    server.place.sql("VACUUM calculations_default").await;
    let doctor = server.home.run(&["doctor"]);
    assert!(doctor.out.contains("calculations in 9 partitions"), "{}", doctor.out);
    let listed = server.partition(&["--list", "--json"]).code(0).json_lines();
    assert_eq!(
        (listed.len(), &listed[0]["is_default"], &listed[1]["name"]),
        (9, &true.into(), &"calculations_y2023m03".into())
    );
    // Sizes stand under the table, not under each partition.
    let stats = server.home.run(&["stats", "--database", "--json"]).code(0).json();
    let tables = stats["database"]["tables"].as_array().unwrap();
    let of = |name: &str| {
        tables.iter().filter(|table| table["table"].as_str().unwrap().starts_with(name)).collect::<Vec<_>>()
    };
    assert_eq!(of("calculations").len(), 1, "{tables:?}");
    let bytes: i64 = listed.iter().map(|partition| partition["bytes"].as_i64().unwrap()).sum();
    assert_eq!(of("calculations")[0]["total_bytes"], bytes);
    let indexes = stats["database"]["indexes"].as_array().unwrap();
    let index = indexes.iter().find(|index| index["index"] == "ix_calculations_status").unwrap();
    assert_eq!(index["table"], "calculations");
}

#[tokio::test]
async fn old_months_are_detached_with_their_links_and_what_has_not_ended_stays() {
    let Some(server) = Server::filled().await else { return };
    server.partition(&["--yes"]).code(0);
    server.place.sql("UPDATE calculations SET status = 'running' WHERE id = 3").await;
    let (rows, all) = (server.rows().await, server.count("calculations").await);
    let told = server.partition(&["--archive-before", "2024-03"]).code(0);
    let detach = "would detach calculations_y2024m02 into the schema archive (15 calculations,";
    assert!(told.out.contains(detach) && told.out.contains("15 links to files, 15 runs"), "{}", told.out);
    assert!(
        told.out.contains("would leave calculations_y2024m01: some of its calculations have not ended: 3;"),
        "{}",
        told.out
    );
    assert_eq!((server.rows().await, server.count("calculations").await), (rows, all));
    server.partition(&["--archive-before", "2999-01", "--yes"]).code(2).says("yet to come");

    let (id, listens) = (26, server.place.connect().await);
    let child = server
        .place
        .texts("SELECT id::text FROM calculations WHERE parent_id BETWEEN 26 AND 40 AND id > 40 ORDER BY id")
        .await;
    assert!(!child.is_empty());
    server.partition(&["--archive-before", "2024-03", "--yes"]).code(0);
    db(&server.home, &["check"]).code(0);
    assert_eq!(server.count("calculations WHERE created_at >= '2024-02-01' AND created_at < '2024-03-01'").await, "0");
    for (table, count) in [("calculations", "15"), ("calculation_files", "15"), ("calculation_runs", "15")] {
        assert_eq!(server.count(&format!("archive.{table}_y2024m02")).await, count, "{table}");
    }
    // Nothing leads to what is gone, and what was made from it is known.
    for table in ["calculation_files", "calculation_runs"] {
        let dangling = format!("{table} l WHERE NOT EXISTS (SELECT FROM calculations c WHERE c.id = l.calculation_id)");
        assert_eq!(server.count(&dangling).await, "0", "{table}");
    }
    assert_eq!(server.count("calculations c WHERE parent_id NOT IN (SELECT id FROM calculations)").await, "0");
    let parents =
        server.place.texts("SELECT calculation_id::text FROM archive.calculation_parents_y2024m02 ORDER BY 1").await;
    assert_eq!(parents, child);
    assert_eq!(server.count(&format!("archive.calculations_y2024m02 WHERE id = {id} AND parent_id = 23")).await, "1");
    assert_eq!(server.count(&format!("calculation_ids WHERE id = {id}")).await, "0");
    // In the archive links are guarded by keys, and a file that it uses is not deleted.
    let gone = super::outcome(&listens, "DELETE FROM archive.calculations_y2024m02 WHERE id = 30").await;
    assert_eq!(gone.unwrap_err().0, "23503");
    assert_eq!(super::outcome(&listens, "DELETE FROM user_files WHERE id = 1").await.unwrap_err().0, "23503");
    listens.close().await.unwrap();

    server.place.sql("UPDATE calculations SET status = 'completed' WHERE id = 3; UPDATE calculation_runs SET completed_at = NULL WHERE calculation_id = 4").await;
    let left = server.partition(&["--archive-before", "2024-03", "--yes"]).code(0);
    assert!(
        left.out.contains("left calculations_y2024m01: some of its calculations have not ended: 4"),
        "{}",
        left.out
    );
    server.place.sql("UPDATE calculation_runs SET completed_at = now() WHERE calculation_id = 4").await;
    // A table that mecapy does not know keeps a month, whatever its key says.
    server.place.sql("CREATE TABLE notes (about BIGINT REFERENCES calculation_ids (id) ON DELETE CASCADE); INSERT INTO notes VALUES (5)").await;
    let left = server.partition(&["--archive-before", "2024-03", "--yes"]).code(0);
    assert!(
        left.out.contains("left calculations_y2024m01: rows of notes, a table that mecapy does not know, refer"),
        "{}",
        left.out
    );
    server.place.sql("DROP TABLE notes").await;
    server.partition(&["--archive-before", "2024-03", "--yes"]).code(0);
    assert_eq!(server.count("archive.calculations_y2024m01").await, "25");
    let listed = server.partition(&["--list", "--json"]).code(0).json_lines();
    let archived: Vec<_> = listed.iter().filter(|line| line["archived"] == true).map(|line| &line["name"]).collect();
    assert_eq!(archived, ["calculations_y2024m01", "calculations_y2024m02"]);
    // A straggler makes the month again, which then stays: the archive has that name.
    server
        .place
        .sql("INSERT INTO calculations (user_id, name, code, status, created_at) VALUES (1, 's', 'x', 'failed', '2024-01-09')")
        .await;
    server.partition(&["--yes"]).code(0);
    let left = server.partition(&["--archive-before", "2024-03", "--yes"]).code(0);
    assert!(
        left.out.contains("left calculations_y2024m01: the schema archive has a table of this name"),
        "{}",
        left.out
    );
    server.partition(&["--undo", "--yes"]).code(0).says("2 months stay in the schema archive");
    db(&server.home, &["check"]).code(0);
}

#[tokio::test]
async fn migrations_go_down_and_up_on_partitions() {
    let Some(server) = Server::filled().await else { return };
    server.partition(&["--yes"]).code(0);
    let catalogue = server.place.catalogue().await;
    let rows = server.count("calculations").await;
    db(&server.home, &["downgrade", "-1"]).code(0);
    db(&server.home, &["upgrade"]).code(0);
    assert_eq!(server.place.catalogue().await, catalogue);
    db(&server.home, &["downgrade", "003", "--yes"]).code(0);
    db(&server.home, &["partition", "--yes"]).code(1).says("mecapy db upgrade comes first");
    db(&server.home, &["upgrade"]).code(0);
    assert_eq!(server.place.catalogue().await, catalogue);
    db(&server.home, &["check"]).code(0);
    assert_eq!(server.count("calculations").await, rows);
    // An interrupted index of one partition is made anew.
    db(&server.home, &["downgrade", "007", "--yes"]).code(0);
    server
        .place
        .sql(
            "CREATE INDEX calculations_list_status ON ONLY calculations (user_id, status, id);
             CREATE INDEX calculations_list_status_y2024m01 ON calculations_y2024m01 (user_id)",
        )
        .await;
    assert!(db(&server.home, &["check"]).code(1).out.contains("calculations_list_status"));
    db(&server.home, &["upgrade"]).code(0);
    assert_eq!(server.place.catalogue().await, catalogue);
    let before = server.place.catalogue().await;
    db(&server.home, &["downgrade", "001", "--yes"]).code(1).says("mecapy db partition --undo --yes");
    assert_eq!(server.place.catalogue().await, before);
    server.partition(&["--undo", "--yes"]).code(0);
    db(&server.home, &["downgrade", "base", "--yes"]).code(0);
    assert_eq!(
        server.place.texts("SELECT proname::text FROM pg_proc WHERE proname LIKE 'mecapy%'").await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_copy_of_partitions_and_their_archive_is_put_back_whole() {
    let Some(server) = Server::filled().await else { return };
    server.partition(&["--yes"]).code(0);
    server.partition(&["--yes", "--archive-before", "2024-02"]).code(0);
    let rows = server.place.rows().await;
    for name in ["copy.dump", "copy.sql.gz"] {
        db(&server.home, &["backup", name]).code(0);
        let from = server.home.path().join(name);
        let target = Place::Server(postgres::empty_database().unwrap());
        let home = Home::new().with("DATABASE_URL", &target.url());
        // Into an empty one, then over itself: months that were detached are never lost.
        for again in [false, true] {
            let done = db(&home, &["restore", from.to_str().unwrap(), "--yes"]).code(0);
            assert_eq!(done.err.contains("are in the schema archive_2"), again, "{}", done.err);
            assert_eq!(target.rows().await, rows, "{name}");
            assert_eq!(target.texts("SELECT count(*)::text FROM archive.calculation_runs_y2024m01").await, ["25"]);
            db(&home, &["check"]).code(0);
        }
        // What is put back works as it did.
        db(&home, &["partition", "--yes", "--archive-before", "2024-03"]).code(0);
        let open = Db::open(&target.url()).await.unwrap();
        let ann = mecapy::domain::id::UserId(1);
        let id = mecapy::db::calculations::create(&open, ann, &crate::db::story::calculation("n")).await.unwrap();
        assert_eq!(id.0, 46, "an id whose row is gone is not given out again");
        mecapy::db::calculations::delete(&open, ann, id, None).await.unwrap();
        open.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_newest_models_work_on_partitions() {
    share_partitioned(SqlModel::Newest).await;
}

#[tokio::test]
async fn older_models_work_on_partitions() {
    share_partitioned(SqlModel::Older).await;
}
