//! The sample tools give the published or exact results of their worked examples, and refuse bad parameters.

use crate::support::home::Home;
use mecapy::{domain::tool::DEFAULT_IMAGE, samples::samples};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// One worked example of `example.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    title: String,
    /// Where the expected figures come from: a publication, or a derivation that can be followed by hand.
    source: String,
    parameters: Map<String, Value>,
    expected: Map<String, Value>,
}

/// An expected figure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    value: f64,
    rel_tol: Option<f64>,
    abs_tol: Option<f64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tools")
}

fn examples(tool: &str) -> Vec<Example> {
    let path = folder().join(tool).join("example.json");
    let text = fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a run came to: the object that `calc run --wait --json` prints.
type Ended = Value;

/// Runs a tool as a person does, in the sandbox. With two cores, since the tools' own half would only make it slower.
fn run(home: &Home, tool: &str, parameters: &Map<String, Value>, more: &[&str]) -> Ended {
    let parameters = Value::Object(parameters.clone()).to_string();
    let words = ["calc", "run", "--tool", tool, "--params", &parameters, "--cpu", "2", "--wait", "--json"];
    let done = home.run(&[&words, more].concat());
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{tool}: {error}: {done:?}"))
}

/// The result of a run that ended well.
fn result(home: &Home, ended: &Ended) -> Value {
    assert_eq!(ended["status"], "completed", "{ended:#}");
    let done = home.run(&["calc", "result", &ended["id"].to_string(), "--json"]).code(0);
    serde_json::from_str(&done.out).unwrap()
}

/// A calculation that is given a tool's code as a file and does with it what `mode` says.
const DRIVER: &str = r#"
import inspect, json, math, os, runpy
from pathlib import Path
OUT = Path(os.environ["MECAPY_SCRATCH"]).parent / "out"

def calculate(tool, mode):
    function = runpy.run_path(str(tool))["calculate"]
    signature = inspect.signature(function).parameters
    if mode == "progress":
        result = function()
        return {"result": result, "progress": (OUT / "progress.jsonl").read_text()}
    if mode == "describe":
        lines = (function.__doc__ or "").splitlines()
        return {"faults": [name for name, parameter in signature.items()
            if parameter.default is parameter.empty or parameter.annotation is parameter.empty
            or not any(line.strip().startswith(name + ": ") for line in lines)]}
    faults = []
    for name in signature:
        for bad in ({"x": 1}, -1e30, math.nan, "", True):
            if isinstance(bad, type(signature[name].default)) and isinstance(bad, bool):
                continue
            try:
                function(**{name: bad})
                faults.append(f"{name} = {bad!r} was taken")
            except ValueError as error:
                if name not in str(error) or len(str(error)) > 400:
                    faults.append(f"{name} = {bad!r}: {error}")
            except Exception as error:
                faults.append(f"{name} = {bad!r}: {type(error).__name__}: {error}")
    left = [str(path) for path in OUT.rglob("*") if path.is_file()]
    if left:
        faults.append(f"a refused parameter left files behind: {left}")
    return {"faults": faults}
"#;

/// Runs the driver on a tool's code, in the sandbox.
fn drive(home: &Home, tool: &str, mode: &str) -> Value {
    let driver = home.file(&format!("{tool}-{mode}.py"), DRIVER);
    let code = format!("tool={}", folder().join(tool).join("code.py").display());
    let mode = format!("mode={mode}");
    let done = home.run(&[
        "calc",
        "run",
        driver.to_str().unwrap(),
        "--input",
        &code,
        "--param",
        &mode,
        "--cpu",
        "2",
        "--wait",
        "--json",
    ]);
    let ended: Ended = serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{tool}: {error}: {done:?}"));
    result(home, &ended)
}

/// Does `work` for each of `items`, two at a time: as many runs as a person may have.
fn each<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

/// Every expected figure that `result` misses, in words.
fn misses(result: &Value, example: &Example) -> Vec<String> {
    let mut found = Vec::new();
    for (key, expected) in &example.expected {
        let expected: Expected = serde_json::from_value(expected.clone()).unwrap_or_else(|error| {
            panic!("{}: {key}: {error}", example.title);
        });
        let tolerance = match (expected.rel_tol, expected.abs_tol) {
            (Some(relative), None) => relative * expected.value.abs(),
            (None, Some(absolute)) => absolute,
            _ => panic!("{}: {key} needs one of rel_tol and abs_tol", example.title),
        };
        assert!(tolerance > 0.0, "{}: {key}: a figure of zero needs an abs_tol", example.title);
        let got = result.pointer(&format!("/{key}")).and_then(Value::as_f64);
        if !got.is_some_and(|got| (got - expected.value).abs() <= tolerance) {
            found.push(format!("{}: {key} is {got:?}, expected {} +- {tolerance:e}", example.title, expected.value));
        }
    }
    found
}

#[test]
fn every_folder_is_embedded_and_complete() {
    let embedded: BTreeSet<String> = samples().into_iter().map(|tool| tool.name).collect();
    let on_disk: BTreeSet<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(embedded, on_disk);
    for tool in samples() {
        assert_eq!(tool.check(), Ok(()));
        assert_eq!(tool.docker_image, DEFAULT_IMAGE);
        assert!(tool.description.contains("Source"), "{} names no source", tool.name);
        assert!(tool.description.contains("Assumptions"), "{} names no assumptions", tool.name);
        // A sandbox without a mount namespace has its folders elsewhere.
        assert!(!tool.code_template.contains("/workspace"), "{} names an absolute folder", tool.name);
        let manifest = fs::read_to_string(folder().join(&tool.name).join("tool.toml")).unwrap();
        let manifest: toml_edit::DocumentMut = manifest.parse().unwrap();
        let keys: BTreeSet<&str> = manifest.iter().map(|(key, _)| key).collect();
        let known = "name display_name description version docker_image memory_limit cpu_limit timeout changelog";
        assert_eq!(keys, known.split(' ').collect(), "{}", tool.name);
    }
}

#[test]
fn worked_examples_come_out_as_published() {
    let home = Home::new();
    let all: Vec<(String, Example)> = samples()
        .into_iter()
        .flat_map(|tool| {
            let examples = examples(&tool.name);
            assert!(examples.len() >= 2, "{}: one example proves little", tool.name);
            examples.into_iter().map(move |example| (tool.name.clone(), example))
        })
        .collect();
    each(&all, |(tool, example)| {
        assert!(example.source.len() > 40, "{tool}: {}: where is the figure from?", example.title);
        assert!(!example.expected.is_empty(), "{tool}: {}: nothing is expected", example.title);
        let result = result(&home, &run(&home, tool, &example.parameters, &[]));
        let misses = misses(&result, example);
        assert!(misses.is_empty(), "{tool}: {misses:#?}\n{result:#}");
    });
}

/// Checks a result made from the defaults, with what was left in `out`.
fn check_defaults(tool: &str, result: &Value, out: &Path) {
    let object = result.as_object().unwrap();
    assert!(object.values().any(Value::is_number), "{tool}: {result}");
    let missing: Vec<&String> = object.iter().filter(|(_, value)| value.is_null()).map(|(key, _)| key).collect();
    assert!(missing.is_empty(), "{tool}: the defaults give no {missing:?}");
    let named = object.values().flat_map(|value| value.as_array().cloned().unwrap_or(vec![value.clone()]));
    let named: Vec<String> = named.filter_map(|value| value.as_str().map(str::to_owned)).collect();
    for name in named.iter().filter_map(|file| file.strip_prefix("artifacts/")) {
        let path = out.join(name);
        assert!(fs::metadata(&path).is_ok_and(|found| found.len() > 100), "{tool}: {name}");
        if path.extension().is_some_and(|extension| extension == "svg") {
            let parse = "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])";
            let parsed = Command::new("python3").args(["-I", "-c", parse]).arg(&path).status().unwrap();
            assert!(parsed.success(), "{tool}: {name} is not well-formed");
        }
    }
}

#[test]
fn defaults_give_a_result_at_once_and_the_files_it_names() {
    let home = Home::new();
    each(&samples(), |tool| {
        let ended = run(&home, &tool.name, &Map::new(), &[]);
        let out = home.path().join(format!("out-{}", tool.name));
        home.run(&["calc", "result", &ended["id"].to_string(), "--files", out.to_str().unwrap()]).code(0);
        check_defaults(&tool.name, &result(&home, &ended), &out);
    });
}

#[test]
fn the_folders_may_be_anywhere() {
    // As in a sandbox without a mount namespace: only one variable says where they are.
    let call = "import json, runpy, sys; json.dump(runpy.run_path(sys.argv[1])['calculate'](), sys.stdout)";
    for tool in samples() {
        let here = tempfile::tempdir().unwrap();
        let output = Command::new("python3")
            .args(["-I", "-B", "-c", call])
            .arg(folder().join(&tool.name).join("code.py"))
            .current_dir(here.path())
            .env("MECAPY_SCRATCH", here.path().join("relocated/scratch"))
            .output()
            .expect("python3 starts");
        assert!(output.status.success(), "{}: {}", tool.name, String::from_utf8_lossy(&output.stderr));
        let result = serde_json::from_slice(&output.stdout).unwrap();
        check_defaults(&tool.name, &result, &here.path().join("relocated/out/artifacts"));
    }
}

#[test]
fn the_truss_reports_how_its_residual_falls() {
    let driven = drive(&Home::new(), "truss_2d", "progress");
    let text = driven["progress"].as_str().unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<f64> = lines.iter().map(|line| line["step"].as_f64().unwrap()).collect();
    assert!(steps.is_sorted() && steps.iter().all(|step| (0.0..=100.0).contains(step)), "{steps:?}");
    assert!(text.ends_with('\n') && lines.iter().all(|line| line["total"] == 100 && line["message"].is_string()));
    let (first, last) = (&lines[0], lines.last().unwrap());
    assert_eq!((first["step"].as_f64(), first["residual"].as_f64()), (Some(0.0), Some(1.0)));
    assert_eq!(last["step"], 100);
    assert!(last["residual"].as_f64().unwrap() <= 1e-10);
    // The residual that the solver carried along is the residual of its answer.
    assert!(driven["result"]["true_residual"].as_f64().unwrap() <= 1e-9, "{driven}");
}

#[test]
fn bad_parameters_are_refused_by_name() {
    let home = Home::new();
    each(&samples(), |tool| assert_eq!(drive(&home, &tool.name, "refuse"), json!({"faults": []}), "{}", tool.name));
}

#[test]
fn parameters_that_contradict_each_other_are_refused_in_words() {
    let one_bar = json!({"nodes_m": [[0, 0], [1, 0]], "bars": [[0, 1]], "supports": [[0, "xy"]]});
    let truss = |bars: Value, loads: Value| {
        let nodes = json!([[0, 0], [4, 0], [4, 3], [0, 3]]);
        json!({"nodes_m": nodes, "bars": bars, "supports": [[0, "xy"], [1, "y"]], "loads_kN": loads})
    };
    let home = Home::new();
    let cases = [
        (
            "beam_deflection",
            json!({"length_m": 2, "load_position_m": 2.5}),
            "load_position_m is 2.5: it must be a number from 0 to 2 m",
        ),
        ("thick_walled_cylinder", json!({"inner_diameter_mm": 200}), "it must be above inner_diameter_mm, 200 mm"),
        ("hertz_contact", json!({"radius_1_mm": 10, "radius_2_mm": -10}), "a hollow must be wider than body 1"),
        ("bolted_joint", json!({"clamp_length_mm": 20, "shank_length_mm": 25}), "shank_length_mm is 25"),
        ("bolted_joint", json!({"thread": "M7"}), "thread is 'M7': it must be one of M4, M5"),
        ("bolted_joint", json!({"axial_force_kN": 5, "axial_force_min_kN": 6}), "axial_force_min_kN is 6"),
        ("compression_spring", json!({"free_length_mm": 40}), "it must be above the solid length, 40 mm"),
        ("natural_frequencies", json!({"stiffnesses_N_per_mm": [1, 2]}), "it must be a list of 5 numbers"),
        ("natural_frequencies", json!({"masses_kg": [1, -1]}), "masses_kg is -1"),
        ("truss_2d", one_bar, "give all four or none"),
        ("truss_2d", truss(json!([[0, 4]]), json!([[2, 1, 0]])), "bars is 4: it must be a whole number from 0 to 3"),
        ("truss_2d", truss(json!([[0, 0]]), json!([[2, 1, 0]])), "nodes 0 and 0 are at one place"),
        // A square without a diagonal, pushed sideways; and a node that no bar holds.
        ("truss_2d", truss(json!([[0, 1], [1, 2], [2, 3], [0, 3]]), json!([[3, 1, 0]])), "a mechanism"),
        ("truss_2d", truss(json!([[0, 1], [1, 2], [0, 2]]), json!([[3, 1, 0]])), "a mechanism"),
        ("truss_2d", truss(json!([[0, 1], [1, 2], [0, 2]]), json!([[0, 1, 1]])), "no load acts on a free node"),
    ];
    each(&cases, |(tool, parameters, words)| {
        let ended = run(&home, tool, parameters.as_object().unwrap(), &[]);
        let message = ended["error_message"].as_str().unwrap_or_default();
        let first = message.lines().next().unwrap_or_default();
        assert_eq!(ended["status"], "failed", "{tool} {parameters}");
        assert!(first.contains("ValueError: ") && first.contains(words), "{tool} {parameters}: {message}");
    });
}

#[test]
fn every_parameter_has_a_type_a_default_and_a_line_of_description() {
    let home = Home::new();
    each(&samples(), |tool| assert_eq!(drive(&home, &tool.name, "describe"), json!({"faults": []}), "{}", tool.name));
}

#[test]
fn numpy_gives_what_the_standard_library_gives() {
    let has_numpy = |python: &&str| {
        let import = Command::new(python).args(["-I", "-c", "import numpy"]).stderr(Stdio::null()).status();
        import.is_ok_and(|status| status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(has_numpy) else {
        return crate::support::skipped("no python3 here has numpy");
    };
    let chain = json!({"masses": 60, "left_end": "fixed", "right_end": "fixed"});
    let home = Home::new();
    let solve = |solver: &str| {
        let mut parameters = chain.as_object().unwrap().clone();
        parameters.insert("solver".to_owned(), json!(solver));
        result(&home, &run(&home, "natural_frequencies", &parameters, &["--python", python]))
    };
    let (with, without) = (solve("numpy"), solve("stdlib"));
    assert_eq!(
        (with["solved_with"].as_str(), without["solved_with"].as_str()),
        (Some("numpy"), Some("standard library"))
    );
    let numbers = |result: &Value| -> Vec<f64> {
        let modes = result["modes"].as_array().unwrap().iter().flat_map(|mode| mode.as_array().unwrap());
        result["angular_frequencies_rad_per_s"]
            .as_array()
            .unwrap()
            .iter()
            .chain(modes)
            .map(|value| value.as_f64().unwrap())
            .collect()
    };
    let (with, without) = (numbers(&with), numbers(&without));
    assert_eq!(with.len(), 60 + 4 * 60);
    for (one, other) in with.iter().zip(&without) {
        assert!((one - other).abs() <= 1e-9 * (1.0 + one.abs()), "{one} and {other}");
    }
}
