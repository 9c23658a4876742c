//! The hostile and awkward calculations of `tests/corpus`: each ends as it must, none escapes, nothing is left.

use super::{
    harness::{Case, Seen, run},
    traces,
};
use crate::support::{skipped, user::Person};
use mecapy::domain::{
    limits::{Caps, Limits},
    word::Word,
};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// An entry of `index.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Script {
    pub file: String,
    status: String,
    hint: String,
    timeout: u32,
    mem: u32,
    pids: u32,
    cancel_after: Option<f64>,
}

impl Script {
    pub fn all() -> Vec<Self> {
        serde_json::from_slice(&fs::read(folder().join("index.json")).unwrap()).unwrap()
    }

    pub fn case(&self, numpy: Option<&Path>) -> Case {
        let mut case = Case::new(&self.file, "");
        case.code = fs::read(folder().join(&self.file)).unwrap();
        case.limits = Limits { timeout: self.timeout, memory_limit: self.mem, ..Limits::default() };
        case.caps = Caps { pids: self.pids, grace: 1, ..Caps::default() };
        case.cancel_after = self.cancel_after;
        if self.needs_numpy() {
            case.python = numpy.map(Path::to_owned);
        }
        case
    }

    fn needs_numpy(&self) -> bool {
        self.file.contains("numpy")
    }

    /// What is wrong with the end of this one, in words; empty where nothing is.
    pub fn problems(&self, seen: &Seen) -> Vec<String> {
        let mut problems = Vec::new();
        let outcome = &seen.outcome;
        let status = outcome.status.name();
        // The index says what other end is as good: "oom also accepted".
        let also =
            self.hint.contains("also accepted") || self.hint.contains("accepted") || self.hint.contains("as good");
        // Where a link cannot be made there is no result, and a script may write none.
        let none = self.hint.contains("no_result where") && status == "completed" && outcome.result_data.is_none();
        if none {
            return problems;
        }
        let expected = self.status.split('|').any(|expected| expected == status);
        if !expected && (!also || status != "failed") {
            problems.push(format!("{status} instead of {}: {:?}", self.status, outcome.error_message));
        }
        let kind = outcome.error_kind.map(|kind| Word::Known(kind).to_string()).unwrap_or_default();
        let expected = self.hint.split([':', ' ', ';', ',']).next().unwrap_or_default();
        let known = ["timeout", "oom", "files_limit", "output_limit", "exit", "exception", "bad_result", "signal"];
        if self.status == "failed" && known.contains(&expected) && kind != expected && !also {
            // A NUL in the source is refused before the start.
            if !(self.hint.contains("refuse it before the start") && kind == "refused") {
                problems.push(format!("{kind} instead of {expected}: {:?}", outcome.error_message));
            }
        }
        if seen.escaped || format!("{:?}{:?}", outcome.error_message, outcome.result_data).contains("ESCAPE") {
            problems.push(format!("escaped:\n{}", seen.output));
        }
        for list in ["escaped", "leaks"] {
            let result =
                outcome.result_data.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
            if let Some(found) = result.as_ref().and_then(|result| result.get(list)?.as_array())
                && !found.is_empty()
            {
                problems.push(format!("result.{list}: {found:?}"));
            }
        }
        if let Some(message) = &outcome.error_message {
            let hidden = |c: char| c != '\n' && mecapy::domain::text::is_hidden(c);
            if message.chars().count() > 2_000 || message.contains(hidden) {
                problems.push(format!("the message is not fit for its column: {message:?}"));
            }
        }
        // The start and the end of a run, and the grace of the limits, on a busy machine.
        if seen.wall > f64::from(self.timeout) + 15.0 {
            problems.push(format!("took {:.1} s", seen.wall));
        }
        problems
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// An interpreter that everybody may read and that has numpy.
pub fn numpy() -> Option<PathBuf> {
    let configured = std::env::var_os("MECAPY_TEST_NUMPY_PYTHON").map(PathBuf::from);
    let candidates = configured.into_iter().chain(["/usr/bin/python3".into()]);
    candidates.into_iter().find(|python| {
        let tried = Command::new(python).args(["-I", "-c", "import numpy"]).output();
        tried.is_ok_and(|output| output.status.success())
    })
}

fn check(person: Person, scripts: &[Script]) {
    let numpy = numpy();
    let scripts: Vec<&Script> = scripts.iter().filter(|script| !script.needs_numpy() || numpy.is_some()).collect();
    let cases: Vec<_> = scripts.iter().map(|script| script.case(numpy.as_deref())).collect();
    let before = traces::of(person);
    let seen = run(person, &cases, &[]);
    let left = traces::left(person, &before);
    let mut problems: Vec<String> = Vec::new();
    for (script, seen) in scripts.iter().zip(&seen) {
        assert_eq!(script.file, seen.name);
        problems.extend(script.problems(seen).iter().map(|problem| format!("{}: {problem}", script.file)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(left.is_empty(), "left behind: {left:#?}");
    assert!(seen.iter().all(|seen| seen.level == "E2"), "this machine gives no namespaces: {}", seen[0].level);
    if numpy.is_none() {
        skipped("no python3 with numpy (python3-numpy) for the scripts that need it");
    }
}

#[test]
fn every_script_ends_as_it_must_without_privileges() {
    check(Person::unprivileged(), &Script::all());
}

#[test]
fn a_handful_as_the_caller_who_may_be_root() {
    let handful =
        ["000", "021", "02c", "030", "032", "051", "08h", "105", "120", "132", "133", "135", "140", "146", "148"];
    let scripts: Vec<_> =
        Script::all().into_iter().filter(|script| handful.iter().any(|start| script.file.starts_with(start))).collect();
    assert_eq!(scripts.len(), handful.len());
    check(Person::caller(), &scripts);
}
