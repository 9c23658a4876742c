//! Who may read calculations reads them through their table; a partition is nobody's, and the keys' table neither.

use super::{Server, db, outcome};
use crate::{
    db::{engines::texts, story},
    security::cast::{Cast, DENIED},
    support::home::Home,
};
use mecapy::{
    db::{Db, calculations, files, runs, users},
    domain::{
        file::FileRole,
        id::RunId,
        limits::Limits,
        page::{CalculationQuery, PageRequest},
    },
};

#[tokio::test]
async fn somebody_with_rights_on_the_table_works_and_reaches_no_partition() {
    let Some(server) = Server::filled().await else { return };
    server.partition(&["--yes"]).code(0);
    let database = server.database();
    let role = format!("person_{}", database.name());
    // As operators grant it: each of these, now and later, says "all tables".
    let all = format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
    );
    database.superuser(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; ALTER DEFAULT PRIVILEGES FOR ROLE mecapy GRANT ALL ON TABLES TO {role}; {all}"
    ));
    let url = server.place.url().replace("mecapy:corr3ct-horse", &format!("{role}:x"));

    let open = Db::open(&url).await.unwrap();
    let eve = users::sign_in(&open, &story::identity("eve")).await.unwrap().id;
    let id = calculations::create(&open, eve, &story::calculation("eve's")).await.unwrap();
    let file = files::insert(&open, &story::file(eve, "x")).await.unwrap();
    files::link(&open, id, file, &FileRole::Input, None).await.unwrap();
    runs::submit(&open, eve, id, RunId::new(), "here", &Limits::default()).await.unwrap();
    let page = calculations::page(&open, eve, &CalculationQuery::default(), &PageRequest::first(10)).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    open.close().await.unwrap();

    let person = sea_orm::Database::connect(&url).await.unwrap();
    let count = "SELECT count(*)::text FROM calculations_y2024m01";
    // Granted by mistake: row security without a rule shows nothing and takes nothing.
    assert_eq!(texts(&person, count).await, ["0"]);
    let insert = "INSERT INTO calculations_y2024m01 (id, user_id, name, code, created_at) VALUES (9999, 1, 'x', 'x', '2024-01-03')";
    assert_eq!(outcome(&person, insert).await.unwrap_err().0, "42501");
    assert_eq!(outcome(&person, "UPDATE calculations_y2024m01 SET name = 'x'").await, Ok(0));
    assert_eq!(outcome(&person, "DELETE FROM calculations_default").await, Ok(0));
    assert_eq!(texts(&person, "SELECT count(*)::text FROM calculation_ids").await, ["0"]);
    assert_eq!(outcome(&person, "INSERT INTO calculation_ids VALUES (9999, now())").await.unwrap_err().0, "42501");
    assert_eq!(outcome(&person, "DELETE FROM calculation_ids").await, Ok(0));
    // Taken back by the next upkeep; from then on it is refused outright, in new months too.
    server.partition(&["--yes", "--ahead", "5"]).code(0);
    for table in ["calculations_y2024m01", "calculations_default", "calculation_ids"] {
        assert_eq!(outcome(&person, &format!("SELECT count(*) FROM {table}")).await.unwrap_err().0, "42501", "{table}");
    }
    let granted = "SELECT count(*) FROM pg_class, aclexplode(relacl) a WHERE relispartition AND a.grantee <> relowner";
    assert_eq!(database.superuser(granted), "0");
    assert_eq!(
        database
            .superuser("SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r' AND NOT relrowsecurity"),
        "0"
    );
    // The functions that keep the ids work for their triggers alone.
    database.superuser(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
    assert!(
        outcome(&person, "CREATE TABLE bait (id BIGINT, created_at TIMESTAMP, calculation_id BIGINT)").await.is_ok()
    );
    for function in
        ["mecapy_calculation_id()", "mecapy_calculation_kept('calculation_id')", "mecapy_calculation_whole()"]
    {
        let trigger = format!("CREATE TRIGGER t BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION {function}");
        assert_eq!(outcome(&person, &trigger).await.unwrap_err().0, "42501", "{function}");
    }
    person.close().await.unwrap();
    database.superuser(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

/// Rules of the table hold for rows of every month, and for its owner where they are forced.
#[tokio::test]
async fn row_security_of_the_table_holds_in_every_month() {
    let Some(server) = Server::filled().await else { return };
    let database = server.database();
    let role = format!("ann_{}", database.name());
    database.superuser(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT, UPDATE, DELETE ON calculations TO {role}"
    ));
    server
        .place
        .sql(
            "CREATE POLICY own ON calculations USING (user_id = 1);
             ALTER TABLE calculations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        )
        .await;
    let url = server.place.url().replace("mecapy:corr3ct-horse", &format!("{role}:x"));
    let own = "SELECT string_agg(id::text, ',' ORDER BY id) FROM calculations";
    let person = sea_orm::Database::connect(&url).await.unwrap();
    let seen = texts(&person, own).await;
    let everybody = database.superuser("SELECT count(*) FROM calculations");
    server.partition(&[]).code(0).says("nothing was changed");
    // The owner, who is held to the rules, still moves every row.
    server.partition(&["--yes"]).code(0);
    assert_eq!(database.superuser("SELECT count(*) FROM calculations"), everybody);
    assert_eq!(texts(&person, own).await, seen);
    assert_eq!(outcome(&person, "UPDATE calculations SET name = 'mine' WHERE user_id = 2").await, Ok(0));
    server.place.sql("ALTER TABLE calculations NO FORCE ROW LEVEL SECURITY").await;
    database.superuser("ALTER TABLE calculations FORCE ROW LEVEL SECURITY");
    // Moved and archived are those of others too.
    let stray = "INSERT INTO calculations (user_id, name, code, status, created_at) VALUES (2, 'x', 'x', 'completed', '2023-07-01')";
    database.superuser(stray);
    server.partition(&["--yes", "--archive-before", "2024-02"]).code(0);
    server.partition(&["--yes", "--archive-before", "2024-02"]).code(0);
    assert_eq!(database.superuser("SELECT count(*) FROM archive.calculations_y2023m07"), "1");
    assert_eq!(database.superuser("SELECT count(*) FROM archive.calculations_y2024m01"), "25");
    assert_eq!(outcome(&person, "SELECT FROM archive.calculations_y2024m01").await.unwrap_err().0, "42501");
    server.partition(&["--undo", "--yes"]).code(0);
    assert_eq!(database.superuser("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'calculations'"), "t");
    person.close().await.unwrap();
    database.superuser(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

/// Row security as `mecapy db secure` puts it on, before the partitions and after.
#[tokio::test]
async fn people_are_isolated_on_partitions_as_they_are_on_one_table() {
    let Some(cast) = Cast::new() else { return };
    let superuser = cast.database.server().superuser_url(cast.database.name());
    let home = Home::new().with("DATABASE_URL", &superuser);
    let check = || {
        db(&home, &["check"]).code(0);
        db(&home, &["secure", "--dry-run"]).code(0);
    };
    check();
    db(&home, &["partition", "--yes"]).code(0);
    check();
    let (mut alice, me, bob) = (cast.connect("alice").await, cast.id("alice"), cast.id("bob"));
    assert_eq!(alice.one("SELECT count(*) FROM calculations").await, "2");
    assert_eq!(alice.one("SELECT total_calculations FROM user_stats").await, "2");
    for table in ["calculations_default", "calculation_ids"] {
        alice.refused(&format!("SELECT * FROM {table}"), DENIED).await;
        alice.refused(&format!("DELETE FROM {table}"), DENIED).await;
    }
    assert_eq!(alice.change(&format!("UPDATE calculations SET name = 'x' WHERE user_id = {bob}")).await, 0);
    assert_eq!(alice.change(&format!("DELETE FROM calculations WHERE user_id = {bob}")).await, 0);
    let (theirs, file) = (cast.first("calculations", "bob"), cast.first("user_files", "alice"));
    let link = |id: i64| format!("INSERT INTO calculation_files (calculation_id, file_id) VALUES ({id}, {file})");
    alice.refused(&link(theirs), DENIED).await;
    let insert = |user: i64| format!("INSERT INTO calculations (user_id, name, code) VALUES ({user}, 'new', 'x')");
    alice.refused(&insert(bob), DENIED).await;
    assert_eq!(alice.change(&insert(me)).await, 1);
    let new = alice.one("SELECT max(id) FROM calculations").await.parse().unwrap();
    assert_eq!(alice.change(&link(new)).await, 1);
    alice.refused(&format!("DELETE FROM calculations WHERE id = {new}"), "23503").await;
    assert_eq!(alice.change(&format!("DELETE FROM calculation_files WHERE calculation_id = {new}")).await, 1);
    assert_eq!(alice.change(&format!("DELETE FROM calculations WHERE id = {new}")).await, 1);
    // Put on again on partitions, and taken along when they become one table.
    db(&home, &["secure", "--off", "--yes"]).code(0);
    db(&home, &["secure"]).code(0);
    check();
    assert_eq!(cast.owner("SELECT count(*) FROM calculations c FULL JOIN calculation_ids k USING (id, created_at) WHERE c.user_id IS NULL OR k.id IS NULL"), "0");
    db(&home, &["partition", "--undo", "--yes"]).code(0);
    check();
}
