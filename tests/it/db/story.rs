//! One story: a person signs in, makes a calculation, runs it, and deletes it.

use super::engines::{Place, on_each_engine};
use chrono::Utc;
use mecapy::{
    db::{Db, DbError, calculations, files, runs, tools, users},
    domain::{
        calculation::{InputLink, NewCalculation},
        file::{FileRole, NewFile},
        id::{RunId, UserId},
        limits::Limits,
        page::{CalculationQuery, Direction, Page, PageRequest},
        run::{Accounting, EngineKind, ErrorKind, Outcome, Provenance, Usage},
        status::Status,
        tool::{DEFAULT_IMAGE, NewTool, Tool},
        user::Identity,
    },
};
use sea_orm::ConnectionTrait;

pub fn identity(name: &str) -> Identity {
    Identity {
        keycloak_id: format!("local:test:{name}"),
        username: name.to_owned(),
        email: String::new(),
        first_name: None,
        last_name: None,
        display_name: None,
    }
}

pub fn calculation(name: &str) -> NewCalculation {
    NewCalculation {
        name: name.to_owned(),
        description: None,
        code: "print(1)".to_owned(),
        parameters: Some("{\"d\": 12}".to_owned()),
        limits: Limits::default(),
        tool_id: None,
        tool_version_id: None,
        parent_id: None,
        inputs: Vec::new(),
    }
}

pub fn file(user: UserId, name: &str) -> NewFile {
    NewFile {
        user_id: user,
        filename: name.to_owned(),
        original_filename: name.to_owned(),
        file_size: 5,
        content_type: "text/plain".to_owned(),
        s3_key: format!("users/x/files/{}/{name}", uuid::Uuid::new_v4()),
        s3_bucket: "local".to_owned(),
        s3_url: format!("file:///objects/{name}"),
        file_hash: Some("ab".repeat(32)),
        description: None,
    }
}

pub fn provenance() -> Provenance {
    Provenance {
        level: "E2".to_owned(),
        guarantee: "no network".to_owned(),
        interpreter: "/usr/bin/python3 3.11.2".to_owned(),
        ..Provenance::new(EngineKind::Builtin, "here", Limits::default())
    }
}

pub fn outcome(status: Status) -> Outcome {
    Outcome {
        status,
        error_kind: (status == Status::Failed).then_some(ErrorKind::Timeout),
        error_message: (status == Status::Failed).then(|| "timeout after 30 s".to_owned()),
        error_line: None,
        result_data: (status == Status::Completed).then(|| "{\"x\": 1}".to_owned()),
        outputs: Vec::new(),
        notes: vec!["a.txt was not kept: too large".to_owned()],
        exit_code: Some(0),
        signal: None,
        usage: Some(Usage {
            execution_time: 1.5,
            cpu_time: 1.25,
            memory: 1,
            peak_memory: (3 << 20) + 1,
            accounting: Accounting::Shim,
        }),
    }
}

async fn a_calculation_from_draft_to_deletion(place: Place) {
    story(place.open().await).await;
}

#[tokio::test]
async fn a_calculation_in_memory() {
    story(Db::open("sqlite::memory:").await.unwrap()).await;
}

async fn story(db: Db) {
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap();
    assert_eq!(users::sign_in(&db, &identity("ann")).await.unwrap().id, ann.id);
    let bob = users::sign_in(&db, &identity("bob")).await.unwrap();

    let input = files::insert(&db, &file(ann.id, "mesh.csv")).await.unwrap();
    let mut new = calculation("Poutre é");
    new.inputs.push(InputLink { file_id: input, file_role: FileRole::Input, alias: Some("mesh".to_owned()) });
    let id = calculations::create(&db, ann.id, &new).await.unwrap();
    assert!(calculations::get(&db, bob.id, id).await.unwrap().is_none(), "another person's");
    "Poutre".clone_into(&mut new.name);
    calculations::update_draft(&db, ann.id, id, &new).await.unwrap();

    let run = RunId::new();
    runs::submit(&db, ann.id, id, run, "here", &new.limits).await.unwrap();
    let again = runs::submit(&db, ann.id, id, RunId::new(), "here", &new.limits).await.unwrap_err();
    assert!(matches!(&again, DbError::Conflict(words) if words.contains("queued already")), "{again}");
    assert!(matches!(calculations::update_draft(&db, ann.id, id, &new).await, Err(DbError::Conflict(_))));
    assert!(matches!(calculations::delete(&db, ann.id, id, None).await, Err(DbError::Conflict(_))));
    assert!(matches!(calculations::delete(&db, ann.id, id, Some(RunId::new())).await, Err(DbError::Conflict(_))));
    assert!(calculations::row(&db, ann.id, id).await.unwrap().unwrap().queued);

    let started = Utc::now().naive_utc();
    assert!(runs::claim(&db, run, &provenance(), started).await.unwrap());
    assert!(!runs::claim(&db, run, &provenance(), started).await.unwrap(), "claimed once");
    assert!(!runs::cancel_pending(&db, ann.id, id).await.unwrap(), "it runs");
    assert_eq!(runs::unfinished_of_host(&db, "here").await.unwrap().len(), 1);

    let output = files::insert(&db, &file(ann.id, "out.txt")).await.unwrap();
    for _ in 0..2 {
        files::link(&db, id, output, &FileRole::Output, None).await.unwrap();
    }
    assert_eq!(
        runs::finish(&db, run, &outcome(Status::Completed), Utc::now().naive_utc()).await.unwrap(),
        runs::Finish::Done
    );
    assert_eq!(
        runs::finish(&db, run, &outcome(Status::Failed), Utc::now().naive_utc()).await.unwrap(),
        runs::Finish::AlreadyFinal
    );
    let done = calculations::get(&db, ann.id, id).await.unwrap().unwrap();
    assert_eq!((done.status, done.memory_used, done.cpu_time), (Status::Completed, Some(4), Some(1.25)));
    assert_eq!(done.result_data.as_deref(), Some("{\"x\": 1}"));
    let record = runs::get(&db, ann.id, id).await.unwrap().unwrap();
    assert_eq!((record.level.as_deref(), record.notes.len()), (Some("E2"), 1));
    assert!(runs::unfinished_of_host(&db, "here").await.unwrap().is_empty());

    assert_eq!(calculations::files(&db, ann.id, id).await.unwrap().len(), 2);
    let page = calculations::page(&db, ann.id, &CalculationQuery::default(), &PageRequest::first(10)).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);

    let orphans = calculations::delete(&db, ann.id, id, None).await.unwrap();
    assert_eq!(orphans.iter().map(|linked| linked.file.id).collect::<Vec<_>>(), [input, output]);
    assert!(files::get(&db, ann.id, output).await.unwrap().is_none(), "what a run wrote goes with it");
    assert!(files::get(&db, ann.id, input).await.unwrap().is_some(), "an upload stays");
    assert!(matches!(calculations::delete(&db, ann.id, id, None).await, Err(DbError::NotFound { .. })));
}

async fn tools_are_seeded_once_and_published_by_appending(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let tool = |name: &str, version: &str| NewTool {
        name: name.to_owned(),
        display_name: format!("The {name}"),
        description: "Computes".to_owned(),
        version: version.to_owned(),
        code_template: "print(1)".to_owned(),
        docker_image: DEFAULT_IMAGE.to_owned(),
        limits: Limits::default(),
        changelog: None,
    };
    assert!(tools::seed(&db, ann, || vec![tool("beam", "1"), tool("bolt", "1")]).await.unwrap());
    assert!(!tools::seed(&db, ann, || vec![tool("other", "1")]).await.unwrap());
    let first = tools::by_name(&db, "beam").await.unwrap().unwrap();
    let second = tools::publish(&db, ann, &tool("beam", "2")).await.unwrap();
    assert_eq!((second.id, second.version.as_str()), (first.id, "2"));
    assert_ne!(second.current_version, first.current_version);
    assert!(matches!(tools::publish(&db, ann, &tool("beam", "1")).await, Err(DbError::Conflict(_))));

    let page = tools::list(&db, "", &PageRequest::first(1)).await.unwrap();
    assert_eq!((page.rows[0].name.as_str(), page.more_after), ("beam", true));
    let page = tools::list(&db, "THE BO", &PageRequest::first(5)).await.unwrap();
    assert_eq!((page.rows.len(), page.rows[0].name.as_str()), (1, "bolt"));
    // Rows stand behind a page only where there are some.
    let next = |anchor: &Page<Tool>| PageRequest { anchor: anchor.cursors.last().cloned(), ..PageRequest::first(5) };
    let beam = tools::list(&db, "beam", &PageRequest::first(5)).await.unwrap();
    assert!(tools::list(&db, "", &next(&beam)).await.unwrap().more_before);
    assert!(!tools::list(&db, "bolt", &next(&beam)).await.unwrap().more_before, "beam is not in this list");
    let backward = PageRequest { direction: Direction::Backward, ..next(&page) };
    assert!(tools::list(&db, "", &backward).await.unwrap().more_after, "the anchor itself");

    // A tool that was taken from the offer is not put back by a new version of it.
    let other = place.connect().await;
    other.execute_unprepared("UPDATE tools SET is_active = FALSE WHERE name = 'beam'").await.unwrap();
    assert!(!tools::list(&db, "", &next(&beam)).await.unwrap().more_before);
    assert!(!tools::publish(&db, ann, &tool("beam", "3")).await.unwrap().is_active);

    let marked = NewTool { code_template: format!("\u{feff}{}", "x".repeat(10_000)), ..tool("long", "1") };
    let long = tools::publish(&db, ann, &marked).await.unwrap();
    assert_eq!(long.code_template, "x".repeat(10_000), "the mark is not code");
}

on_each_engine!(a_calculation_from_draft_to_deletion, tools_are_seeded_once_and_published_by_appending);
