//! Programs of the platform, written in Python with SQLModel, on the same database: for real, both ways.

mod alembic;

use super::place::{Place, db, places};
use crate::{
    db::story,
    support::python::{SqlModel, said, with_sqlmodel},
};
use mecapy::{
    db::{Db, calculations, files, runs, tools, users},
    domain::{
        calculation::InputLink,
        file::FileRole,
        id::{CalculationId, RunId, UserId},
        page::{CalculationQuery, PageRequest},
        status::Status,
    },
};
use serde_json::Value;
use std::process::Command;

/// A Python program with the models, or with a variant of them that is in the field.
pub struct Program {
    python: std::path::PathBuf,
    variant: Vec<(&'static str, &'static str)>,
}

impl Program {
    pub fn new(version: SqlModel, variant: &[(&'static str, &'static str)]) -> Option<Self> {
        Some(Self { python: with_sqlmodel(version)?, variant: variant.to_vec() })
    }

    /// Runs a verb of `use.py`; each line it printed.
    #[track_caller]
    pub fn run(&self, place: &Place, verb: &str) -> Vec<Value> {
        self.run_at(&place.url(), verb).unwrap_or_else(|said| panic!("{verb}: {said}"))
    }

    /// The same on the database of an address; what it said where it failed.
    pub fn run_at(&self, url: &str, verb: &str) -> Result<Vec<Value>, String> {
        let root = env!("CARGO_MANIFEST_DIR");
        let output = Command::new(&self.python)
            .arg(format!("{root}/tests/it/admin/python/use.py"))
            .arg(format!("{root}/docs/models.py"))
            .args([url, verb])
            .envs(self.variant.iter().copied())
            .output()
            .unwrap();
        if !output.status.success() {
            return Err(said(&output));
        }
        let text = String::from_utf8(output.stdout).unwrap();
        Ok(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

#[tokio::test]
async fn the_newest_models_and_mecapy_share_a_database() {
    share(SqlModel::Newest).await;
}

#[tokio::test]
async fn older_models_and_mecapy_share_a_database() {
    share(SqlModel::Older).await;
}

async fn share(version: SqlModel) {
    let Some(program) = Program::new(version, &[]) else { return };
    for place in places() {
        db(&place.home(), &["upgrade"]).code(0);
        both_write_and_read(&program, &place).await;
    }
}

/// The same where calculations are in monthly partitions; Python's are of January 2024, which is made from them.
pub async fn share_partitioned(version: SqlModel) {
    let Some(program) = Program::new(version, &[]) else { return };
    let Some(place) = places().into_iter().find(Place::is_server) else { return };
    db(&place.home(), &["upgrade"]).code(0);
    db(&place.home(), &["partition", "--yes"]).code(0);
    both_write_and_read(&program, &place).await;
    let done = db(&place.home(), &["partition", "--yes"]).code(0);
    assert!(done.out.contains("made calculations_y2024m01 (25 rows)"), "{}", done.out);
    what_mecapy_wrote_is_read(&program.run(&place, "read"));
}

async fn both_write_and_read(program: &Program, place: &Place) {
    program.run(place, "write");
    let open = Db::open(&place.url()).await.unwrap();
    what_python_wrote_is_read(&open).await;
    write(&open).await;
    open.close().await.unwrap();
    what_mecapy_wrote_is_read(&program.run(place, "read"));
    // Both wrote; nothing of the schema changed.
    db(&place.home(), &["check"]).code(0);
}

/// Also for databases that were adopted.
pub async fn what_python_wrote_is_read(open: &Db) {
    let ann = UserId(1);
    // Pages of four, forward: every row once, in order, across times that agree to the second.
    let mut seen = Vec::new();
    let mut request = PageRequest::first(4);
    loop {
        let page = calculations::page(open, ann, &CalculationQuery::default(), &request).await.unwrap();
        seen.extend(page.rows.iter().map(|row| (row.created_at, row.id, row.status, row.name.clone())));
        if !page.more_after {
            break;
        }
        request = PageRequest { anchor: page.cursors.last().cloned(), ..PageRequest::first(4) };
    }
    assert_eq!(seen.len(), 25);
    let mut sorted = seen.clone();
    sorted.sort_by_key(|row| std::cmp::Reverse((row.0, row.1)));
    assert_eq!(seen, sorted);
    for status in Status::ALL {
        assert_eq!(seen.iter().filter(|row| row.2 == status).count(), 5, "{status}");
    }
    let first = calculations::get(open, ann, CalculationId(1)).await.unwrap().unwrap();
    assert_eq!((first.name.as_str(), first.parameters.as_deref()), ("Poutre 00", Some("{\"d\": 12}")));
    let linked = calculations::files(open, ann, first.id).await.unwrap();
    let mut roles: Vec<_> = linked.iter().map(|linked| linked.file_role.name().to_owned()).collect();
    roles.sort();
    assert_eq!(roles, ["input", "input", "log"]);
    assert!(linked.iter().any(|linked| linked.file.original_filename == "Maillage 0.csv"));
    let tool = tools::by_name(open, "beam").await.unwrap().unwrap();
    assert_eq!((tool.version.as_str(), tool.display_name.as_str()), ("1.2", "Poutre"));
    assert!(tool.current_version.is_some(), "its version is among its versions");
    // A calculation that another program made and nobody submitted is never claimed.
    assert!(!seen.is_empty() && runs::unfinished_of_host(open, "here").await.unwrap().is_empty());
}

async fn write(open: &Db) {
    let carl = users::sign_in(open, &story::identity("carl")).await.unwrap().id;
    let input = files::insert(open, &story::file(carl, "grid.csv")).await.unwrap();
    let output = files::insert(open, &story::file(carl, "out.csv")).await.unwrap();
    let mut new = story::calculation("De mecapy é");
    new.inputs.push(InputLink { file_id: input, file_role: FileRole::Input, alias: Some("grid".to_owned()) });
    for status in [Status::Completed, Status::Failed, Status::Cancelled, Status::Running, Status::Pending] {
        let id = calculations::create(open, carl, &new).await.unwrap();
        let run = RunId::new();
        if status != Status::Pending {
            runs::submit(open, carl, id, run, "here", &new.limits).await.unwrap();
            let now = chrono::Utc::now().naive_utc();
            assert!(runs::claim(open, run, &story::provenance(), now).await.unwrap());
            if status != Status::Running {
                runs::finish(open, run, &story::outcome(status), now).await.unwrap();
            }
        }
        if status == Status::Completed {
            files::link(open, id, output, &FileRole::Output, None).await.unwrap();
        }
        new.inputs.clear();
    }
}

fn what_mecapy_wrote_is_read(rows: &[Value]) {
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).collect::<Vec<_>>();
    assert_eq!(of("user").len(), 3);
    let carl = of("user").into_iter().find(|user| user["username"] == "carl").unwrap();
    assert_eq!((&carl["files"], &carl["calculations"]), (&2.into(), &5.into()));
    let theirs: Vec<_> = of("calculation").into_iter().filter(|row| row["owner"] == "carl").collect();
    let mut states: Vec<_> = theirs.iter().map(|row| row["status"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["cancelled", "completed", "failed", "pending", "running"]);
    let completed = theirs.iter().find(|row| row["status"] == "completed").unwrap();
    assert_eq!(completed["inputs"], serde_json::json!(["grid.csv"]), "outputs are no inputs");
    assert_eq!((&completed["result"], &completed["memory"]), (&"{\"x\": 1}".into(), &4.into()));
    let times: Vec<_> = of("calculation").iter().map(|row| row["created_at"].to_string()).collect();
    assert_eq!(times.len(), 30);
    assert_eq!(of("tool")[0]["versions"], serde_json::json!(["1.2"]));
}
