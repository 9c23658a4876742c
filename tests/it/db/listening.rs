//! A PostgreSQL server tells what other programs change: hints, few of them, and none lost for good.

use super::story::identity;
use crate::support::{
    postgres::{self, Server},
    proxy::Proxy,
};
use mecapy::{
    db::{
        Db, Options,
        changes::{Change, Changes},
        users,
    },
    domain::{
        change::{Kind, Kinds},
        id::UserId,
    },
};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use sqlx::postgres::PgListener;
use std::time::Duration;

/// How long nothing has to happen to say that nothing happens.
const QUIET: Duration = Duration::from_millis(500);
/// How long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(40);

const CALCULATIONS: Change = Change::Rows(Kinds::only(Kind::Calculations));

async fn told(changes: &mut Changes) -> Change {
    tokio::time::timeout(PATIENCE, changes.next()).await.expect("the change is told").expect("the database is open")
}

async fn is_quiet(changes: &mut Changes) -> bool {
    tokio::time::timeout(QUIET, changes.next()).await.is_err()
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(std::time::Instant::now() < end, "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// `count` calculations of a person in one statement.
fn insert(user: UserId, count: u32) -> String {
    format!(
        "INSERT INTO calculations (user_id, name, code, status, created_at, updated_at) \
         SELECT {user}, 'n' || n, 'x', 'pending', now(), now() FROM generate_series(1, {count}) AS n"
    )
}

/// Opens a database as a person of this name and listens.
async fn listening(url: &str, name: &str) -> (Db, UserId, Changes) {
    let db = Db::open(url).await.unwrap();
    let user = users::sign_in(&db, &identity(name)).await.unwrap().id;
    let mut changes = db.changes(user).await.unwrap();
    assert_eq!(told(&mut changes).await, Change::Rows(Kinds::ALL), "what changed before nobody knows");
    assert!(is_quiet(&mut changes).await);
    (db, user, changes)
}

#[tokio::test]
async fn what_was_asked_for_at_once_is_not_told_again() {
    let Some(database) = postgres::database() else { return };
    let (_db, ann, mut changes) = listening(&database.url(), "ann").await;
    assert!(is_quiet(&mut changes).await);
    let other = database.connect().await;
    for _ in 0..20 {
        other.execute_unprepared(&insert(ann, 1)).await.unwrap();
        assert_eq!(changes.caught_up().await, Some(CALCULATIONS), "what is committed is told by the next answer");
    }
    assert!(is_quiet(&mut changes).await);
    assert_eq!(changes.caught_up().await, None);
    other.execute_unprepared(&insert(ann, 1)).await.unwrap();
    assert_eq!(told(&mut changes).await, CALCULATIONS);
}

#[tokio::test]
async fn own_rows_that_another_program_changes_are_told_and_those_of_others_are_not() {
    let Some(database) = postgres::database() else { return };
    let (db, ann, mut changes) = listening(&database.url(), "ann").await;
    let bob = users::sign_in(&db, &identity("bob")).await.unwrap().id;
    let python = database.connect().await;

    python.execute_unprepared(&insert(ann, 1)).await.unwrap();
    assert_eq!(told(&mut changes).await, CALCULATIONS);
    python.execute_unprepared("UPDATE calculations SET status = 'running'").await.unwrap();
    assert_eq!(told(&mut changes).await, CALCULATIONS);
    python.execute_unprepared("DELETE FROM calculations").await.unwrap();
    assert_eq!(told(&mut changes).await, CALCULATIONS);

    python.execute_unprepared(&insert(bob, 2)).await.unwrap();
    python.execute_unprepared("UPDATE calculations SET name = 'same' WHERE false").await.unwrap();
    let transaction = python.begin().await.unwrap();
    transaction.execute_unprepared(&insert(ann, 1)).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(is_quiet(&mut changes).await, "rows of others, no rows, and rows that never came to be");

    let tool = format!(
        "INSERT INTO tools (name, display_name, description, version, code_template, docker_image, author_id, \
         created_at, updated_at) VALUES ('t', 'T', '', '1', 'x', 'i', {bob}, now(), now())"
    );
    python.execute_unprepared(&tool).await.unwrap();
    assert_eq!(told(&mut changes).await, Change::Rows(Kinds::only(Kind::Tools)), "the catalogue is everybody's");
    // Anybody can send on the channel: what is no hint is nothing.
    python.execute_unprepared("NOTIFY mecapy, 'users; DROP TABLE users'").await.unwrap();
    assert!(is_quiet(&mut changes).await);
}

#[tokio::test]
async fn a_million_rows_are_one_message_and_a_long_transaction_few() {
    let Some(database) = postgres::database() else { return };
    let db = Db::open(&database.url()).await.unwrap();
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let mut listener = PgListener::connect(&database.url()).await.unwrap();
    listener.listen("mecapy").await.unwrap();
    let python = database.connect().await;
    let mut messages = async |count: usize| {
        let mut messages = Vec::new();
        while let Ok(message) = tokio::time::timeout(QUIET, listener.recv()).await {
            messages.push(message.unwrap().payload().to_owned());
        }
        assert_eq!(messages.len(), count, "{messages:?}");
        messages
    };

    python.execute_unprepared(&insert(ann, 100_000)).await.unwrap();
    assert_eq!(messages(1).await, ["calculations * *"]);
    python.execute_unprepared(&insert(ann, 3)).await.unwrap();
    for message in messages(3).await {
        let words: Vec<&str> = message.split(' ').collect();
        assert_eq!((words[0], words[2]), ("calculations", ann.to_string().as_str()), "{message}");
        assert!(words[1].parse::<i64>().is_ok(), "{message}");
    }
    let transaction = python.begin().await.unwrap();
    for _ in 0..500 {
        transaction.execute_unprepared(&insert(ann, 1)).await.unwrap();
    }
    transaction.commit().await.unwrap();
    assert_eq!(messages(17).await.last().unwrap(), "calculations * *");
    // The next transaction counts from nothing.
    python.execute_unprepared(&insert(ann, 1)).await.unwrap();
    messages(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_program_holds_two_connections_and_gives_both_back() {
    let Some(database) = postgres::database() else { return };
    // The pool gives back what rests for a minute; here sooner.
    let options = Options { idle_timeout: Duration::from_secs(1), ..Options::default() };
    let db = Db::open_with(&database.url(), &options).await.unwrap();
    let mut changes = db.changes(UserId(1)).await.unwrap();
    told(&mut changes).await;
    let count = || {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND application_name = 'mecapy'",
            database.name()
        );
        database.superuser(&sql).parse::<u32>().unwrap()
    };
    wait_until("more than two connections", || count() <= 2);
    let listening = tokio::spawn(async move { while changes.next().await.is_some() {} });
    db.close().await.unwrap();
    listening.await.unwrap();
    wait_until("connections stay behind", || count() == 0);
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_everything_may_have_changed() {
    let Some(database) = postgres::database() else { return };
    let (_db, ann, mut changes) = listening(&database.url(), "ann").await;
    let ours = "application_name = 'mecapy' AND datname = current_database()";
    database.superuser(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"));
    assert_eq!(told(&mut changes).await, Change::Rows(Kinds::ALL));
    database.connect().await.execute_unprepared(&insert(ann, 1)).await.unwrap();
    assert_eq!(told(&mut changes).await, CALCULATIONS);
}

#[tokio::test]
async fn a_server_that_is_gone_is_said_and_its_return_is_seen() {
    let Some(server) = Server::start(&[]) else { return crate::support::skipped("PostgreSQL is not installed") };
    server.create_migrated("shared");
    let (_db, ann, mut changes) = listening(&server.url("shared"), "ann").await;
    server.stop();
    let Change::Silent(why) = told(&mut changes).await else { panic!("it is not told") };
    assert!(why.contains("cannot be reached"), "{why}");
    assert!(!why.contains(postgres::PASSWORD), "{why}");
    let changes = tokio::spawn(async move {
        assert_eq!(told(&mut changes).await, Change::Rows(Kinds::ALL));
        changes
    });
    server.run();
    let mut changes = changes.await.unwrap();
    let python = sea_orm::Database::connect(server.url("shared")).await.unwrap();
    python.execute_unprepared(&insert(ann, 1)).await.unwrap();
    assert_eq!(told(&mut changes).await, CALCULATIONS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_went_without_a_word_is_noticed_and_listened_to_again() {
    let Some(database) = postgres::database() else { return };
    let proxy = Proxy::to(database.server().port());
    let url = database.url_by(proxy.port());
    let quiet = Options { quiet: Duration::from_millis(300), ..Options::default() };
    let db = Db::open_with(&url, &quiet).await.unwrap();
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let mut changes = db.changes(ann).await.unwrap();
    assert_eq!(told(&mut changes).await, Change::Rows(Kinds::ALL));
    // Asked whether it is there it answers, again and again, and that is no change.
    assert!(tokio::time::timeout(Duration::from_secs(1), changes.next()).await.is_err());
    let python = database.connect().await;
    python.execute_unprepared(&insert(ann, 1)).await.unwrap();
    assert_eq!(told(&mut changes).await, CALCULATIONS);

    // No end of the connection is told: only silence tells it.
    proxy.freeze();
    let Change::Silent(why) = told(&mut changes).await else { panic!("it is not told") };
    assert!(why.contains("cannot be reached"), "{why}");
    proxy.thaw();
    assert_eq!(told(&mut changes).await, Change::Rows(Kinds::ALL));
    python.execute_unprepared(&insert(ann, 1)).await.unwrap();
    assert_eq!(told(&mut changes).await, CALCULATIONS);
    // Asking costs two wake-ups, and an idle program may wake five times in so long.
    assert!(Options::default().quiet >= Duration::from_secs(20));
}
