//! The platform's own program under a service role: it works for everybody through SQLModel, and a person's role does not.

use super::cast::{Cast, PASSWORD};
use crate::{
    admin::python::Program,
    support::{home::Home, python::SqlModel},
};
use serde_json::Value;

#[test]
fn the_newest_models_work_for_everybody_under_a_service_role() {
    works_for_everybody(SqlModel::Newest);
}

#[test]
fn older_models_work_for_everybody_under_a_service_role() {
    works_for_everybody(SqlModel::Older);
}

fn works_for_everybody(version: SqlModel) {
    let Some(cast) = Cast::new() else { return };
    let Some(program) = Program::new(version, &[]) else { return };
    let operator = Home::new().with("DATABASE_URL", &cast.database.server().superuser_url(cast.database.name()));
    let worker = cast.role("worker");
    let ask = ["admin", "service", &worker, "--ask-password"];
    operator.run_with_input(&ask, format!("{PASSWORD}\n").as_bytes()).code(0).says("works as a program");
    let as_worker =
        |verb: &str| program.run_at(&cast.url("worker"), verb).unwrap_or_else(|said| panic!("{verb}: {said}"));

    // People, files, calculations, links, tools, versions: made for others, and read with everybody's.
    as_worker("write");
    let rows = as_worker("read");
    let count = |kind: &str, word: &str, value: &str| {
        rows.iter().filter(|row: &&Value| row["kind"] == kind && row[word] == value).count()
    };
    assert_eq!((count("calculation", "owner", "ann"), count("calculation", "owner", "alice")), (25, 2));
    assert_eq!((count("file", "owner", "ann"), count("file", "owner", "erin")), (3, 2));
    assert_eq!((count("tool", "name", "beam"), count("tool", "name", "alice-1")), (1, 1));
    assert!(rows.iter().any(|row| row["name"] == "Poutre 00" && row["inputs"].as_array().unwrap().len() == 2));

    // Its work: what anybody queued is run, stored and linked; what failed is deleted.
    let served = as_worker("serve");
    let of = |name: &str| served.iter().filter(|row| row["owner"] == name).count();
    assert_eq!((of("ann"), of("alice"), of("bob"), of("erin")), (5, 2, 2, 2));
    assert_eq!(cast.owner("SELECT count(*) FROM calculations WHERE status IN ('pending', 'failed')"), "0");
    // Each person sees what was done for them, through mecapy, and nothing else.
    for name in ["alice", "bob"] {
        let home = Home::new().with("DATABASE_URL", &cast.url(name));
        let listed = home.run(&["calc", "ls", "--json"]).code(0).json_lines();
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().all(|row| row["status"] == "completed"), "{listed:?}");
        let id = listed[0]["id"].to_string();
        let whole = home.run(&["calc", "show", &id, "--json"]).code(0).json();
        assert_eq!(whole["result_data"], format!("{{\"served\": \"{name}\"}}"));
        assert!(whole["files"].as_array().unwrap().iter().any(|file| file["filename"] == "out.csv"), "{whole}");
    }

    // The same program in a person's role reads that person's rows, and writes none of others.
    let before = cast.owner("SELECT count(*) FROM calculations");
    let said = program.run_at(&cast.url("alice"), "write").expect_err("a person makes no people");
    assert!(said.contains("permission denied") || said.contains("row-level security"), "{said}");
    let served = program.run_at(&cast.url("alice"), "serve").expect("nothing waits");
    assert!(served.is_empty(), "{served:?}");
    assert_eq!(cast.owner("SELECT count(*) FROM calculations"), before);
    // A program that was switched off does not get in.
    operator.run(&["admin", "off", &worker]).code(0);
    let said = program.run_at(&cast.url("worker"), "read").expect_err("it is switched off");
    assert!(said.contains("not permitted to log in"), "{said}");
}
