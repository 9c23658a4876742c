//! Values that must not be taken: refused before the database is asked, by field, and nothing is written.

use super::{
    engines::{Place, on_each_engine},
    story::{calculation, file, identity},
};
use mecapy::{
    db::{DbError, calculations, files, users},
    domain::{
        calculation::{InputLink, NewCalculation},
        file::FileRole,
        id::{CalculationId, FileId},
        limits::Limits,
        page::{CalculationQuery, PageRequest},
    },
};

async fn what_does_not_fit_is_refused_by_field_and_nothing_is_written(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let draft = calculations::create(&db, ann, &calculation("draft")).await.unwrap();
    let before = calculations::get(&db, ann, draft).await.unwrap().unwrap();
    let with = |change: &dyn Fn(&mut NewCalculation)| {
        let mut new = calculation("x");
        change(&mut new);
        new
    };
    let alias = |alias: String| InputLink { file_id: FileId(1), file_role: FileRole::Input, alias: Some(alias) };
    for (bad, field) in [
        (with(&|new| " ".clone_into(&mut new.name)), "name"),
        (with(&|new| new.name = "é".repeat(201)), "name"),
        (with(&|new| "a\0b".clone_into(&mut new.name)), "name"),
        (with(&|new| new.description = Some("x".repeat(2_001))), "description"),
        (with(&|new| new.code = String::new()), "code"),
        (with(&|new| new.code = "x".repeat(10_001)), "code"),
        (with(&|new| "x = '\0'".clone_into(&mut new.code)), "code"),
        (with(&|new| new.parameters = Some("{".to_owned())), "parameters"),
        (with(&|new| new.parameters = Some("[]".to_owned())), "parameters"),
        (with(&|new| new.parameters = Some(format!("{{\"a\": \"{}\"}}", "x".repeat(5_000)))), "parameters"),
        (with(&|new| new.parameters = Some(" ".repeat(5_001))), "parameters"),
        (with(&|new| new.limits.timeout = 0), "timeout"),
        (with(&|new| new.limits.timeout = u32::MAX), "timeout"),
        (with(&|new| new.limits.memory_limit = 0), "memory_limit"),
        (with(&|new| new.limits.cpu_limit = -1.0), "cpu_limit"),
        (with(&|new| new.limits.cpu_limit = f64::NAN), "cpu_limit"),
        (with(&|new| new.inputs = vec![alias("x".repeat(256))]), "alias"),
        (with(&|new| new.inputs = vec![InputLink { file_role: FileRole::Log, ..alias(String::new()) }]), "file_role"),
        (with(&|new| new.inputs = vec![alias("a".to_owned()), alias("b".to_owned())]), "inputs"),
    ] {
        for error in [
            calculations::create(&db, ann, &bad).await.unwrap_err(),
            calculations::update_draft(&db, ann, draft, &bad).await.unwrap_err(),
        ] {
            assert!(matches!(&error, DbError::Field(problem) if problem.field == field), "{field}: {error}");
        }
    }
    let page = calculations::page(&db, ann, &CalculationQuery::default(), &PageRequest::first(10)).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    assert_eq!(calculations::get(&db, ann, draft).await.unwrap().unwrap(), before);
}

async fn what_just_fits_is_taken_whole(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let new = NewCalculation {
        name: "é".repeat(200),
        description: Some("€".repeat(2_000)),
        code: format!("\u{feff}{}", "é".repeat(10_000)),
        parameters: Some(format!("{{\"a\": \"{}\"}}", "é".repeat(4_991))),
        limits: Limits { timeout: 86_400, memory_limit: 65_536, cpu_limit: 64.0 },
        ..calculation("x")
    };
    let id = calculations::create(&db, ann, &new).await.unwrap();
    let stored = calculations::get(&db, ann, id).await.unwrap().unwrap();
    assert_eq!(stored.code, "é".repeat(10_000), "the mark is not code");
    assert_eq!((stored.name, stored.parameters, stored.limits), (new.name, new.parameters, Some(new.limits)));
}

async fn inputs_that_are_not_there_or_not_hers_leave_nothing_half_made(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let bob = users::sign_in(&db, &identity("bob")).await.unwrap().id;
    let his = files::insert(&db, &file(bob, "secret.csv")).await.unwrap();
    for missing in [his, FileId(9_999)] {
        let mut new = calculation("x");
        new.inputs = vec![InputLink { file_id: missing, file_role: FileRole::Input, alias: None }];
        let error = calculations::create(&db, ann, &new).await.unwrap_err();
        assert!(matches!(error, DbError::NotFound { what: "file", .. }), "{error}");
    }
    let mut orphan = calculation("x");
    orphan.parent_id = Some(CalculationId(9_999));
    let error = calculations::create(&db, ann, &orphan).await.unwrap_err();
    assert!(matches!(&error, DbError::Conflict(words) if words.contains("is gone")), "{error}");
    assert_eq!(calculations::count(&db, ann, &CalculationQuery::default()).await.unwrap(), 0);
    assert!(files::get(&db, ann, his).await.unwrap().is_none());
    let error = calculations::files(&db, ann, CalculationId(1)).await.unwrap_err().to_string();
    assert_eq!(error, "calculation 1 does not exist, or is not yours");
}

async fn the_same_upload_is_found_and_an_output_is_not(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let bob = users::sign_in(&db, &identity("bob")).await.unwrap().id;
    let hash = "ab".repeat(32);
    let id = calculations::create(&db, ann, &calculation("x")).await.unwrap();
    let output = files::insert(&db, &file(ann, "out.csv")).await.unwrap();
    files::link(&db, id, output, &FileRole::Output, None).await.unwrap();
    assert_eq!(files::find_same(&db, ann, &hash, 5, &[]).await.unwrap(), None, "an output is no upload");
    let upload = files::insert(&db, &file(ann, "mesh.csv")).await.unwrap();
    let again = files::insert(&db, &file(ann, "again.csv")).await.unwrap();
    assert_eq!(files::find_same(&db, ann, &hash, 5, &[]).await.unwrap().unwrap().id, upload, "the oldest");
    assert_eq!(files::find_same(&db, ann, &hash, 5, &[upload]).await.unwrap().unwrap().id, again);
    assert_eq!(files::find_same(&db, ann, &hash, 5, &[upload, again]).await.unwrap(), None);
    assert_eq!(files::find_same(&db, ann, &hash, 6, &[]).await.unwrap(), None);
    assert_eq!(files::find_same(&db, bob, &hash, 5, &[]).await.unwrap(), None, "another person's bytes");
}

on_each_engine!(
    what_does_not_fit_is_refused_by_field_and_nothing_is_written,
    what_just_fits_is_taken_whole,
    inputs_that_are_not_there_or_not_hers_leave_nothing_half_made,
    the_same_upload_is_found_and_an_output_is_not,
);
