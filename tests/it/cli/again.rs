//! `calc rerun`: everything is copied, what is asked for is changed, and bad changes change nothing.

use crate::support::home::Home;
use serde_json::{Value, json};

const CODE: &str = "def calculate(mesh, loads, d=1, grade='8.8'):\n    return {'mesh': mesh.read_text(), 'loads': \
                    loads.read_text(), 'd': d, 'grade': grade}\n";

/// A calculation with two inputs, parameters and limits, that has run.
fn ran() -> Home {
    let home = Home::new();
    home.file("code.py", CODE);
    home.file("mesh.csv", "1,2");
    home.file("loads.txt", "ten");
    let arguments = "calc run code.py --name Bracket --description why --param d=3 --param grade=10.9 --timeout 40 \
                     --memory 300 --cpu 1.5 --input mesh=mesh.csv --input loads=loads.txt --wait";
    home.run(&arguments.split_whitespace().collect::<Vec<_>>()).code(0);
    home
}

fn shown(home: &Home, id: &str) -> Value {
    home.run(&["calc", "show", id, "--json"]).code(0).json()
}

fn inputs(shown: &Value) -> Vec<(Value, Value, Value)> {
    let files = shown["files"].as_array().unwrap().iter().filter(|file| file["file_role"] == "input");
    files.map(|file| (file["id"].clone(), file["file_role"].clone(), file["alias"].clone())).collect()
}

fn result(home: &Home, id: &str) -> Value {
    home.run(&["calc", "result", id, "--json"]).code(0).json()
}

#[test]
fn a_copy_has_everything_and_knows_its_parent() {
    let home = ran();
    let done = home.run(&["calc", "rerun", "1", "--wait", "--json"]).code(0).json();
    assert_eq!((&done["id"], &done["status"]), (&json!(2), &json!("completed")));
    let (first, copy) = (shown(&home, "1"), shown(&home, "2"));
    for key in ["name", "description", "code", "parameters", "timeout", "memory_limit", "cpu_limit", "tool_id"] {
        assert_eq!(first[key], copy[key], "{key}");
    }
    assert_eq!((&first["parent_id"], &copy["parent_id"]), (&Value::Null, &json!(1)));
    assert!(inputs(&copy).len() == 2 && inputs(&copy) == inputs(&first), "the same files, roles and names");
    assert_eq!(result(&home, "1"), result(&home, "2"));
}

#[test]
fn what_is_asked_for_is_changed_and_all_else_stays() {
    let home = ran();
    home.file("finer.csv", "1,2,3");
    home.run(&["calc", "rerun", "1", "--param", "d=4", "--input", "mesh=finer.csv", "--timeout", "50", "--wait"])
        .code(0);
    let copy = shown(&home, "2");
    assert_eq!((&copy["timeout"], &copy["memory_limit"]), (&json!(50), &json!(300)));
    assert_eq!(result(&home, "2"), json!({"mesh": "1,2,3", "loads": "ten", "d": 4, "grade": 10.9}));
    // All parameters anew, and a copy of the copy.
    home.run(&["calc", "rerun", "2", "--params", "{\"d\": 7}", "--name", "Other", "--wait"]).code(0);
    assert_eq!(result(&home, "3"), json!({"mesh": "1,2,3", "loads": "ten", "d": 7, "grade": "8.8"}));
    assert_eq!((&shown(&home, "3")["name"], &shown(&home, "3")["parent_id"]), (&json!("Other"), &json!(2)));
    assert_eq!(shown(&home, "1")["parameters"], "{\n  \"d\": 3,\n  \"grade\": 10.9\n}");
}

#[test]
fn a_calculation_of_a_tool_keeps_its_version() {
    let home = Home::new();
    home.run(&["calc", "run", "--tool", "column_buckling", "--wait"]).code(0);
    home.run(&["calc", "rerun", "1", "--param", "length_m=2", "--wait"]).code(0);
    let (first, copy) = (shown(&home, "1"), shown(&home, "2"));
    assert!(first["tool_version_id"].is_i64(), "{first}");
    assert_eq!((&first["tool_id"], &first["tool_version_id"]), (&copy["tool_id"], &copy["tool_version_id"]));
    assert_ne!(result(&home, "1"), result(&home, "2"));
}

#[test]
fn bad_changes_make_no_copy() {
    let home = ran();
    home.run(&["calc", "rerun", "9"]).code(5).says("9");
    home.run(&["calc", "rerun", "1", "--params", "[1]"]).code(2).says("parameters");
    home.run(&["calc", "rerun", "1", "--timeout", "0"]).code(2).says("timeout");
    home.run(&["calc", "rerun", "1", "--input", "mesh=gone.csv"]).code(5).says("gone.csv");
    home.run(&["calc", "rerun", "1", "--tool", "beam_deflection"]).code(2);
    home.run(&["calc", "rerun", "1", "--param", "d=9", "--dry-run"]).code(0).says("would make and run");
    home.run(&["--read-only", "calc", "rerun", "1"]).code(6);
    home.run(&["calc", "show", "2"]).code(5);
    home.run(&["calc", "run", "1"]).code(1).says("mecapy calc rerun 1");
}
