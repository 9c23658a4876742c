//! The sample tools give the published or exact results of their worked examples, and refuse bad parameters.

use mecapy::{domain::tool::DEFAULT_IMAGE, samples::samples};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
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

/// What the tools are called with outside the sandbox: `sys.argv` is the tool's code and a mode, stdin the parameters.
const DRIVER: &str = r#"
import inspect, json, math, runpy, sys, xml.dom.minidom, pathlib
calculate = runpy.run_path(sys.argv[1])["calculate"]
given = json.load(sys.stdin)
signature = inspect.signature(calculate).parameters
if sys.argv[2] == "run":
    result = calculate(**given)
    for plot in pathlib.Path("relocated/out").rglob("*.svg"):
        xml.dom.minidom.parse(str(plot))
    json.dump(result, sys.stdout, allow_nan=False)
elif sys.argv[2] == "refuse":
    faults = []
    for name in signature:
        for bad in ({"x": 1}, -1e30, math.nan, "", True):
            if isinstance(bad, type(signature[name].default)) and isinstance(bad, bool):
                continue
            try:
                calculate(**{name: bad})
                faults.append(f"{name} = {bad!r} was taken")
            except ValueError as error:
                if name not in str(error) or len(str(error)) > 400:
                    faults.append(f"{name} = {bad!r}: {error}")
            except Exception as error:
                faults.append(f"{name} = {bad!r}: {type(error).__name__}: {error}")
    if list(pathlib.Path(".").rglob("*.*")):
        faults.append("a refused parameter left files behind")
    json.dump(faults, sys.stdout)
elif sys.argv[2] == "refusal":
    try:
        json.dump(["taken", calculate(**given)], sys.stdout)
    except ValueError as error:
        json.dump(str(error), sys.stdout)
elif sys.argv[2] == "describe":
    lines = (calculate.__doc__ or "").splitlines()
    json.dump([name for name, parameter in signature.items()
        if parameter.default is parameter.empty or parameter.annotation is parameter.empty
        or not any(line.strip().startswith(name + ": ") for line in lines)], sys.stdout)
"#;

/// Runs the driver in an empty folder; what it printed, and its folder.
fn drive(tool: &str, mode: &str, parameters: &Map<String, Value>) -> (Value, tempfile::TempDir) {
    drive_with("python3", tool, mode, parameters)
}

/// The same with a chosen interpreter.
fn drive_with(python: &str, tool: &str, mode: &str, parameters: &Map<String, Value>) -> (Value, tempfile::TempDir) {
    let here = tempfile::tempdir().unwrap();
    let mut child = Command::new(python)
        .args(["-I", "-B", "-c", DRIVER])
        .arg(folder().join(tool).join("code.py"))
        .arg(mode)
        .current_dir(here.path())
        // As in a sandbox without a mount namespace: the folders are elsewhere, and only this says where.
        .env("MECAPY_SCRATCH", here.path().join("relocated/scratch"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    child.stdin.take().unwrap().write_all(Value::Object(parameters.clone()).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{tool} {mode}: {}", String::from_utf8_lossy(&output.stderr));
    (serde_json::from_slice(&output.stdout).unwrap(), here)
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
    for tool in samples() {
        let examples = examples(&tool.name);
        assert!(examples.len() >= 2, "{}: one example proves little", tool.name);
        for example in examples {
            assert!(example.source.len() > 40, "{}: {}: where is the figure from?", tool.name, example.title);
            assert!(!example.expected.is_empty(), "{}: {}: nothing is expected", tool.name, example.title);
            let (result, _) = drive(&tool.name, "run", &example.parameters);
            let misses = misses(&result, &example);
            assert!(misses.is_empty(), "{}: {misses:#?}\n{result:#}", tool.name);
        }
    }
}

#[test]
fn defaults_give_a_result_at_once_and_the_files_it_names() {
    for tool in samples() {
        let (result, here) = drive(&tool.name, "run", &Map::new());
        let object = result.as_object().unwrap();
        assert!(object.values().any(Value::is_number), "{}: {result}", tool.name);
        let missing: Vec<&String> = object.iter().filter(|(_, value)| value.is_null()).map(|(key, _)| key).collect();
        assert!(missing.is_empty(), "{}: the defaults give no {missing:?}", tool.name);
        let named = object.values().flat_map(|value| value.as_array().cloned().unwrap_or(vec![value.clone()]));
        for file in named.filter_map(|value| value.as_str().map(str::to_owned)) {
            if let Some(name) = file.strip_prefix("artifacts/") {
                let path = here.path().join("relocated/out/artifacts").join(name);
                assert!(fs::metadata(&path).is_ok_and(|found| found.len() > 100), "{}: {file}", tool.name);
            }
        }
    }
}

#[test]
fn the_truss_reports_how_its_residual_falls() {
    let (result, here) = drive("truss_2d", "run", &Map::new());
    let text = fs::read_to_string(here.path().join("relocated/out/progress.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<f64> = lines.iter().map(|line| line["step"].as_f64().unwrap()).collect();
    assert!(steps.is_sorted() && steps.iter().all(|step| (0.0..=100.0).contains(step)), "{steps:?}");
    assert!(text.ends_with('\n') && lines.iter().all(|line| line["total"] == 100 && line["message"].is_string()));
    let (first, last) = (&lines[0], lines.last().unwrap());
    assert_eq!((first["step"].as_f64(), first["residual"].as_f64()), (Some(0.0), Some(1.0)));
    assert_eq!(last["step"], 100);
    assert!(last["residual"].as_f64().unwrap() <= 1e-10);
    // The residual that the solver carried along is the residual of its answer.
    assert!(result["true_residual"].as_f64().unwrap() <= 1e-9, "{result}");
}

#[test]
fn bad_parameters_are_refused_by_name() {
    for tool in samples() {
        let (faults, _here) = drive(&tool.name, "refuse", &Map::new());
        assert_eq!(faults, json!([]), "{}", tool.name);
    }
}

#[test]
fn parameters_that_contradict_each_other_are_refused_in_words() {
    let one_bar = json!({"nodes_m": [[0, 0], [1, 0]], "bars": [[0, 1]], "supports": [[0, "xy"]]});
    let truss = |bars: Value, loads: Value| {
        let nodes = json!([[0, 0], [4, 0], [4, 3], [0, 3]]);
        json!({"nodes_m": nodes, "bars": bars, "supports": [[0, "xy"], [1, "y"]], "loads_kN": loads})
    };
    for (tool, parameters, words) in [
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
    ] {
        let (message, _here) = drive(tool, "refusal", parameters.as_object().unwrap());
        assert!(message.as_str().is_some_and(|message| message.contains(words)), "{tool} {parameters}: {message}");
    }
}

#[test]
fn every_parameter_has_a_type_a_default_and_a_line_of_description() {
    for tool in samples() {
        let (undescribed, _) = drive(&tool.name, "describe", &Map::new());
        assert_eq!(undescribed, json!([]), "{}", tool.name);
    }
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
    let solve = |solver: &str| {
        let mut parameters = chain.as_object().unwrap().clone();
        parameters.insert("solver".to_owned(), json!(solver));
        drive_with(python, "natural_frequencies", "run", &parameters).0
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
