//! Every relationship of the description, walked from both ends through sea-orm.

use super::{
    engines::{Place, on_each_engine},
    story::{calculation, file, identity},
};
use mecapy::{
    db::{
        calculations,
        entity::{calculation as calculations_table, calculation_run, tool, tool_version, user, user_file},
        files, runs, tools, users,
    },
    domain::{
        file::FileRole,
        id::RunId,
        limits::Limits,
        tool::{DEFAULT_IMAGE, NewTool},
    },
};
use sea_orm::{EntityTrait, ModelTrait};

async fn relationships_lead_there_and_back(place: Place) {
    let db = place.open().await;
    let ann = users::sign_in(&db, &identity("ann")).await.unwrap().id;
    let input = files::insert(&db, &file(ann, "mesh.csv")).await.unwrap();
    let id = calculations::create(&db, ann, &calculation("x")).await.unwrap();
    files::link(&db, id, input, &FileRole::Input, None).await.unwrap();
    runs::submit(&db, ann, id, RunId::new(), "here", &Limits::default()).await.unwrap();
    let new = NewTool {
        name: "beam".to_owned(),
        display_name: "Beam".to_owned(),
        description: "d".to_owned(),
        version: "1".to_owned(),
        code_template: "x".to_owned(),
        docker_image: DEFAULT_IMAGE.to_owned(),
        limits: Limits::default(),
        changelog: None,
    };
    tools::publish(&db, ann, &new).await.unwrap();

    let raw = place.connect().await;
    let person = user::Entity::find_by_id(ann.0).one(&raw).await.unwrap().unwrap();
    let uploaded = person.find_related(user_file::Entity).one(&raw).await.unwrap().unwrap();
    let made = person.find_related(calculations_table::Entity).one(&raw).await.unwrap().unwrap();
    assert_eq!((uploaded.id, made.id), (input.0, id.0));
    assert_eq!(uploaded.find_related(user::Entity).one(&raw).await.unwrap().unwrap(), person);
    assert_eq!(uploaded.find_related(calculations_table::Entity).one(&raw).await.unwrap().unwrap(), made);
    assert_eq!(made.find_related(user::Entity).one(&raw).await.unwrap().unwrap(), person);
    assert_eq!(made.find_related(user_file::Entity).one(&raw).await.unwrap().unwrap(), uploaded);
    let run = made.find_related(calculation_run::Entity).one(&raw).await.unwrap().unwrap();
    assert_eq!(run.find_related(calculations_table::Entity).one(&raw).await.unwrap().unwrap(), made);
    let beam = tool::Entity::find().one(&raw).await.unwrap().unwrap();
    assert_eq!(beam.find_related(user::Entity).one(&raw).await.unwrap().unwrap(), person);
    let version = beam.find_related(tool_version::Entity).one(&raw).await.unwrap().unwrap();
    assert_eq!(version.find_related(tool::Entity).one(&raw).await.unwrap().unwrap(), beam);
    assert_eq!((version.version.as_str(), version.created_by), ("1", ann.0));
}

on_each_engine!(relationships_lead_there_and_back);
