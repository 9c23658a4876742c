//! Moves of a status when several programs want them, and what an update leaves behind.

use super::{
    engines::{Place, on_each_engine, texts},
    story::{calculation, identity, outcome, provenance},
};
use chrono::Utc;
use mecapy::{
    db::{Db, calculations, runs, tools, users},
    domain::{
        id::{CalculationId, RunId, UserId},
        limits::Limits,
        status::Status,
        tool::{DEFAULT_IMAGE, NewTool},
        user::Identity,
    },
};
use sea_orm::ConnectionTrait;

async fn queued(db: &Db, user: UserId) -> (CalculationId, RunId) {
    let id = calculations::create(db, user, &calculation("x")).await.unwrap();
    let run = RunId::new();
    runs::submit(db, user, id, run, "here", &Limits::default()).await.unwrap();
    (id, run)
}

async fn status(db: &Db, user: UserId, id: CalculationId) -> Status {
    calculations::row(db, user, id).await.unwrap().unwrap().status
}

async fn of_two_claimers_one_gets_the_run(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let ann = users::sign_in(&one, &identity("ann")).await.unwrap().id;
    for _ in 0..20 {
        let (id, run) = queued(&one, ann).await;
        let now = Utc::now().naive_utc();
        let provenance = provenance();
        let (first, second) =
            tokio::join!(runs::claim(&one, run, &provenance, now), runs::claim(&two, run, &provenance, now));
        assert_ne!(first.unwrap(), second.unwrap(), "exactly one");
        assert_eq!(status(&one, ann, id).await, Status::Running);
    }
}

async fn a_run_is_either_claimed_or_cancelled(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let ann = users::sign_in(&one, &identity("ann")).await.unwrap().id;
    for _ in 0..20 {
        let (id, run) = queued(&one, ann).await;
        let provenance = provenance();
        let (claimed, cancelled) = tokio::join!(
            runs::claim(&one, run, &provenance, Utc::now().naive_utc()),
            runs::cancel_pending(&two, ann, id)
        );
        let (claimed, cancelled) = (claimed.unwrap(), cancelled.unwrap());
        assert_ne!(claimed, cancelled);
        assert_eq!(status(&one, ann, id).await, if claimed { Status::Running } else { Status::Cancelled });
        assert_eq!(runs::get(&two, ann, id).await.unwrap().unwrap().completed_at.is_some(), cancelled);
    }
    assert!(!runs::cancel_pending(&one, ann, CalculationId(9_999)).await.unwrap());
    let bob = users::sign_in(&one, &identity("bob")).await.unwrap().id;
    let (hers, run) = queued(&one, ann).await;
    assert!(!runs::cancel_pending(&one, bob, hers).await.unwrap(), "it is not his");
    assert_eq!(runs::get(&one, bob, hers).await.unwrap(), None);
    assert_eq!(runs::get(&one, ann, hers).await.unwrap().map(|record| record.id), Some(run));
    assert_eq!(status(&one, ann, hers).await, Status::Pending);
    let draft = calculations::create(&one, ann, &calculation("draft")).await.unwrap();
    assert!(!runs::cancel_pending(&one, ann, draft).await.unwrap(), "nothing was asked for");
}

async fn many_writers_in_two_pools_wait_for_each_other(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let ann = users::sign_in(&one, &identity("ann")).await.unwrap().id;
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let db = if n % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(async move {
                for _ in 0..10 {
                    let (_, run) = queued(&db, ann).await;
                    let now = Utc::now().naive_utc();
                    assert!(runs::claim(&db, run, &provenance(), now).await.unwrap());
                    let finish = runs::finish(&db, run, &outcome(Status::Completed), now).await.unwrap();
                    assert_eq!(finish, runs::Finish::Done);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let done = mecapy::domain::page::CalculationQuery { statuses: vec![Status::Completed], ..Default::default() };
    assert_eq!(calculations::count(&two, ann, &done).await.unwrap(), 80);
}

async fn an_end_without_a_recorded_start_is_taken(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let (id, run) = queued(&db, ann).await;
    let end = Utc::now().naive_utc();
    assert_eq!(runs::finish(&db, run, &outcome(Status::Completed), end).await.unwrap(), runs::Finish::Done);
    let done = calculations::get(&db, ann, id).await.unwrap().unwrap();
    assert_eq!(done.status, Status::Completed);
    let ran = done.completed_at.unwrap() - done.started_at.unwrap();
    assert_eq!(ran.num_milliseconds(), 1_500, "the start is the end less the time it ran");
    assert_eq!(runs::get(&db, ann, id).await.unwrap().unwrap().started_at, done.started_at);

    // Never started at all: no start is made up.
    let (id, run) = queued(&db, ann).await;
    let mut refused = outcome(Status::Failed);
    refused.usage = None;
    runs::finish(&db, run, &refused, end).await.unwrap();
    let failed = calculations::get(&db, ann, id).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.started_at, failed.execution_time), (Status::Failed, None, None));
    assert_eq!(
        calculations::row(&db, ann, id).await.unwrap().unwrap().error_kind.as_ref().map(ToString::to_string).as_deref(),
        Some("timeout")
    );
}

async fn what_another_program_ended_keeps_its_end_and_the_record_of_the_run(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let (id, run) = queued(&db, ann).await;
    let now = Utc::now().naive_utc();
    runs::claim(&db, run, &provenance(), now).await.unwrap();
    let other = place.connect().await;
    other.execute_unprepared("UPDATE calculations SET status = 'cancelled'").await.unwrap();
    assert_eq!(runs::unfinished_of_host(&db, "here").await.unwrap()[0].status, Status::Cancelled);
    let finish = runs::finish(&db, run, &outcome(Status::Completed), now).await.unwrap();
    assert_eq!((finish, status(&db, ann, id).await), (runs::Finish::AlreadyFinal, Status::Cancelled));
    assert!(runs::unfinished_of_host(&db, "here").await.unwrap().is_empty());
    assert_eq!(runs::get(&db, ann, id).await.unwrap().unwrap().exit_code, Some(0));
}

async fn a_long_message_is_cut_and_a_long_result_refused(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let (id, run) = queued(&db, ann).await;
    let mut long = outcome(Status::Completed);
    long.result_data = Some("é".repeat(50_001));
    let error = runs::finish(&db, run, &long, Utc::now().naive_utc()).await.unwrap_err().to_string();
    assert!(error.contains("result_data: 50001 characters, the limit is 50000"), "{error}");
    assert_eq!(status(&db, ann, id).await, Status::Pending, "nothing changed");
    long.result_data = Some("é".repeat(50_000));
    long.error_message = Some(format!("{}\0", "é".repeat(5_000)));
    runs::finish(&db, run, &long, Utc::now().naive_utc()).await.unwrap();
    let done = calculations::get(&db, ann, id).await.unwrap().unwrap();
    assert_eq!(done.error_message.unwrap().chars().count(), 2_000);
    assert!(matches!(
        runs::finish(&db, RunId::new(), &long, Utc::now().naive_utc()).await,
        Err(mecapy::db::DbError::NotFound { what: "run", .. })
    ));
}

async fn every_update_moves_updated_at_and_times_keep_six_digits(place: Place) {
    let db = place.open().await;
    let other = place.connect().await;
    let text = async |sql: &str| -> String {
        // With its six digits, however the database itself would show it.
        let sql = place.pick(
            sql.to_owned(),
            sql.replacen("SELECT ", "SELECT to_char(", 1).replacen(" FROM", ", 'YYYY-MM-DD HH24:MI:SS.US') FROM", 1),
        );
        texts(&other, &sql).await.remove(0)
    };
    let age = async || {
        for table in ["users", "calculations", "tools"] {
            let sql = format!("UPDATE {table} SET updated_at = '2000-01-01 00:00:00.000000'");
            other.execute_unprepared(&sql).await.unwrap();
        }
    };
    let moved = async |table: &str| {
        let at = text(&format!("SELECT updated_at FROM {table}")).await;
        assert!(at.len() == 26 && at.starts_with("20") && !at.starts_with("2000"), "{table}: {at}");
    };

    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    age().await;
    users::sign_in(&db, &identity("ann")).await.unwrap();
    assert_eq!(
        text("SELECT updated_at FROM users").await,
        "2000-01-01 00:00:00.000000",
        "a start soon after writes nothing"
    );
    let renamed = Identity { display_name: Some("Ann".into()), ..identity("ann") };
    users::sign_in(&db, &renamed).await.unwrap();
    moved("users").await;
    age().await;
    other.execute_unprepared("UPDATE users SET last_login = '2000-01-01 00:00:00.000000'").await.unwrap();
    users::sign_in(&db, &renamed).await.unwrap();
    moved("users").await;
    assert_eq!(text("SELECT last_login FROM users").await.len(), 26);

    let (_, run) = queued(&db, ann).await;
    age().await;
    // Nanoseconds that the platform's clock gives are cut, and a whole second keeps its zeros.
    let started = chrono::NaiveDate::from_ymd_opt(2024, 1, 15).unwrap().and_hms_nano_opt(10, 20, 30, 999).unwrap();
    runs::claim(&db, run, &provenance(), started).await.unwrap();
    moved("calculations").await;
    assert_eq!(text("SELECT started_at FROM calculations").await, "2024-01-15 10:20:30.000000");
    age().await;
    runs::finish(&db, run, &outcome(Status::Failed), Utc::now().naive_utc()).await.unwrap();
    moved("calculations").await;
    for column in ["created_at", "completed_at"] {
        assert_eq!(text(&format!("SELECT {column} FROM calculations")).await.len(), 26, "{column}");
    }
    other.execute_unprepared("DELETE FROM calculation_runs; DELETE FROM calculations").await.unwrap();

    let draft = calculations::create(&db, ann, &calculation("a")).await.unwrap();
    age().await;
    calculations::update_draft(&db, ann, draft, &calculation("b")).await.unwrap();
    moved("calculations").await;
    runs::submit(&db, ann, draft, RunId::new(), "here", &Limits::default()).await.unwrap();
    age().await;
    assert!(runs::cancel_pending(&db, ann, draft).await.unwrap());
    moved("calculations").await;

    let tool = |version: &str| NewTool {
        name: "beam".to_owned(),
        display_name: "Beam".to_owned(),
        description: "d".to_owned(),
        version: version.to_owned(),
        code_template: "x".to_owned(),
        docker_image: DEFAULT_IMAGE.to_owned(),
        limits: Limits::default(),
        changelog: None,
    };
    tools::publish(&db, ann, &tool("1")).await.unwrap();
    age().await;
    tools::publish(&db, ann, &tool("2")).await.unwrap();
    moved("tools").await;
}

async fn two_that_seed_at_once_seed_once(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let ann = users::sign_in(&one, &identity("ann")).await.unwrap().id;
    let samples = mecapy::samples::samples;
    for _ in 0..5 {
        place.connect().await.execute_unprepared("DELETE FROM tool_versions; DELETE FROM tools").await.unwrap();
        let (first, second) = tokio::join!(tools::seed(&one, ann, samples), tools::seed(&two, ann, samples));
        assert_ne!(first.unwrap(), second.unwrap(), "exactly one");
        let page = tools::list(&one, "", &mecapy::domain::page::PageRequest::first(100)).await.unwrap();
        assert_eq!(page.rows.len(), samples().len());
        assert!(page.rows.iter().all(|tool| tool.current_version.is_some()));
    }
}

on_each_engine!(
    of_two_claimers_one_gets_the_run,
    a_run_is_either_claimed_or_cancelled,
    many_writers_in_two_pools_wait_for_each_other,
    an_end_without_a_recorded_start_is_taken,
    what_another_program_ended_keeps_its_end_and_the_record_of_the_run,
    a_long_message_is_cut_and_a_long_result_refused,
    every_update_moves_updated_at_and_times_keep_six_digits,
    two_that_seed_at_once_seed_once,
);
