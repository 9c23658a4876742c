use super::*;
use crate::{
    domain::{
        run::{Accounting, Usage},
        status::Status,
    },
    sandbox::contract::prepare,
};
use std::os::unix::fs::{PermissionsExt, symlink};

const USAGE: Usage =
    Usage { execution_time: 0.1, cpu_time: 0.1, memory: 0, peak_memory: 1, accounting: Accounting::Shim };
const WELL: Ended = Ended { exit: Exit::Code(0), stopped: None, oom_killed: false, usage: USAGE };

struct Run {
    home: tempfile::TempDir,
    caps: Caps,
}

impl Run {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        prepare(&home.path().join("run"), "x = 1", "{}", &[]).unwrap();
        Self { home, caps: Caps::default() }
    }

    fn out(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join("run/out").join(name)
    }

    fn collect(&self, ended: &Ended) -> Outcome {
        let into = self.home.path().join("kept");
        collect(&self.home.path().join("run"), &into, ended, &self.caps, &Limits::default(), "")
    }

    fn kept(&self, outcome: &Outcome, name: &str) -> Option<String> {
        let file = outcome.outputs.iter().find(|file| file.name == name)?;
        Some(fs::read_to_string(self.home.path().join("kept").join(&file.stored)).unwrap())
    }
}

#[test]
fn a_good_result_is_kept_byte_for_byte() {
    let run = Run::new();
    let text = "{ \"b\": 1.0,\n \"a\": 123456789012345678901234567890 }\n";
    fs::write(run.out("data.json"), text).unwrap();
    fs::write(run.out("files/stress.csv"), "1,2").unwrap();
    fs::create_dir(run.out("artifacts/plots")).unwrap();
    fs::write(run.out("artifacts/plots/a.svg"), "<svg/>").unwrap();
    let outcome = run.collect(&WELL);
    assert_eq!((outcome.status, outcome.result_data.as_deref()), (Status::Completed, Some(text)));
    assert_eq!(run.kept(&outcome, "stress.csv").as_deref(), Some("1,2"));
    assert_eq!(run.kept(&outcome, "plots/a.svg").as_deref(), Some("<svg/>"));
    assert_eq!(outcome.outputs.iter().map(|file| file.artifact).collect::<Vec<_>>(), [false, true]);
    assert_eq!(outcome.notes, [""; 0]);
    assert_eq!(fs::metadata(run.home.path().join("kept")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn no_result_is_an_empty_one() {
    let outcome = Run::new().collect(&WELL);
    assert_eq!((outcome.status, outcome.result_data), (Status::Completed, None));
}

#[test]
fn a_large_result_is_a_file() {
    let run = Run::new();
    let text = format!("{{\"x\": \"{}\"}}", "é".repeat(MAX_RESULT));
    fs::write(run.out("data.json"), &text).unwrap();
    let outcome = run.collect(&WELL);
    assert_eq!(outcome.status, Status::Completed);
    assert!(outcome.result_data.as_deref().unwrap().contains("\"result_file\":\"data.json\""));
    assert_eq!(run.kept(&outcome, "data.json"), Some(text));
}

#[test]
fn a_result_that_is_no_file_is_refused_and_never_read() {
    let shapes = [
        ("link", "a symbolic link"),
        ("dangling", "a symbolic link"),
        ("pipe", "a pipe"),
        ("socket", "a socket"),
        ("hard", "a hard link"),
        ("device", "a device"),
        ("folder", "a folder"),
    ];
    for (what, words) in shapes {
        let run = Run::new();
        let path = run.out("data.json");
        let node = |kind| rustix::fs::mknodat(rustix::fs::CWD, &path, kind, 0o600.into(), 0);
        match what {
            "link" => symlink("/etc/passwd", &path).unwrap(),
            "dangling" => symlink("nowhere", &path).unwrap(),
            "pipe" => node(rustix::fs::FileType::Fifo).unwrap(),
            "socket" => node(rustix::fs::FileType::Socket).unwrap(),
            "hard" => {
                fs::write(run.out("other"), "{}").unwrap();
                fs::hard_link(run.out("other"), &path).unwrap();
            }
            // Only root makes one; the code of a run never is.
            "device" if node(rustix::fs::FileType::CharacterDevice).is_err() => continue,
            "device" => {}
            _ => fs::create_dir(&path).unwrap(),
        }
        let outcome = run.collect(&WELL);
        assert_eq!((outcome.status, outcome.error_kind), (Status::Failed, Some(ErrorKind::BadResult)), "{what}");
        let message = format!("the result (out/data.json) is {words}, not a file of its own");
        assert_eq!((outcome.error_message, outcome.result_data), (Some(message), None));
    }
}

#[test]
fn an_output_folder_that_is_none_is_said() {
    let run = Run::new();
    fs::remove_dir_all(run.home.path().join("run/out")).unwrap();
    fs::write(run.home.path().join("run/out"), "").unwrap();
    assert_eq!(run.collect(&WELL).notes, ["the output folder is no folder"]);
}

#[test]
fn a_sparse_result_is_refused_by_its_size() {
    let run = Run::new();
    fs::File::create(run.out("data.json")).unwrap().set_len(1 << 30).unwrap();
    let outcome = run.collect(&WELL);
    assert!(outcome.error_message.unwrap().contains("too large"));
}

#[test]
fn links_and_special_files_are_noted_not_followed() {
    let run = Run::new();
    symlink("/etc", run.out("artifacts/data")).unwrap();
    symlink("/etc/passwd", run.out("files/p")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, run.out("files/pipe"), 0o600.into()).unwrap();
    fs::File::create(run.out("files/huge")).unwrap().set_len(1 << 40).unwrap();
    fs::write(run.out("files/fine"), "ok").unwrap();
    let outcome = run.collect(&WELL);
    assert_eq!(outcome.outputs.len(), 1);
    assert_eq!(run.kept(&outcome, "fine").as_deref(), Some("ok"));
    let notes = outcome.notes.join("\n");
    assert!(
        notes.contains("no regular file") && notes.contains("too large") && notes.contains("1 files kept"),
        "{notes}"
    );
}

#[test]
fn files_that_were_closed_are_kept_too() {
    let run = Run::new();
    fs::create_dir(run.out("artifacts/locked")).unwrap();
    fs::write(run.out("artifacts/locked/x"), "x").unwrap();
    fs::write(run.out("artifacts/noread"), "y").unwrap();
    for name in ["artifacts/locked", "artifacts/noread", "artifacts"] {
        fs::set_permissions(run.out(name), fs::Permissions::from_mode(0o0)).unwrap();
    }
    let outcome = run.collect(&WELL);
    assert_eq!(run.kept(&outcome, "locked/x").as_deref(), Some("x"));
    assert_eq!(run.kept(&outcome, "noread").as_deref(), Some("y"));
}

#[test]
fn evil_names_become_safe_ones_and_stay_apart() {
    let run = Run::new();
    let names = ["Data.csv", "data.csv", "\u{1b}]0;PWN\u{7}", "\u{202e}gpj.exe", "-rf", "a\nb", "\u{c5}", "A\u{30a}"];
    for name in names {
        fs::write(run.out("artifacts").join(name), name).unwrap();
    }
    let outcome = run.collect(&WELL);
    assert_eq!(outcome.outputs.len(), names.len());
    for name in names {
        assert_eq!(run.kept(&outcome, name).as_deref(), Some(name));
    }
    let harmless = |stored: &str| stored.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    assert!(outcome.outputs.iter().all(|file| harmless(&file.stored)));
}

#[test]
fn files_outside_the_contracts_folders_are_named() {
    let run = Run::new();
    fs::write(run.out("stress.csv"), "1,2").unwrap();
    fs::write(run.out("progress.jsonl"), "").unwrap();
    let outcome = run.collect(&WELL);
    assert_eq!(outcome.outputs.len(), 0);
    assert!(outcome.notes[0].contains("not below out/files or out/artifacts: \"stress.csv\""), "{:?}", outcome.notes);
}

#[test]
fn depth_and_count_are_bounded() {
    let mut run = Run::new();
    run.caps.output_files = 5;
    let mut deep = run.out("artifacts");
    for _ in 0..60 {
        deep.push("d");
        fs::create_dir(&deep).unwrap();
    }
    fs::write(deep.join("bottom"), "x").unwrap();
    for name in 0..8 {
        fs::write(run.out(&format!("files/{name}")), "x").unwrap();
    }
    let outcome = run.collect(&WELL);
    assert_eq!(outcome.outputs.len(), 5);
    let notes = outcome.notes.join("\n");
    assert!(notes.contains("too many files") && notes.contains("nested too deep"), "{notes}");
}

#[test]
fn a_failure_is_told_by_the_runners_account_and_partial_results_stay() {
    let run = Run::new();
    fs::write(run.out("data.json"), "{\"partial\": 1}").unwrap();
    let account =
        r#"{"type": "KeyError", "message": "'load'", "line": 7, "traceback": "Traceback:\n  main.py, line 7"}"#;
    fs::write(run.out("_runner_error.json"), account).unwrap();
    let outcome = run.collect(&Ended { exit: Exit::Code(1), ..WELL });
    assert_eq!(outcome.error_kind, Some(ErrorKind::Exception));
    assert_eq!(outcome.error_line, Some(7));
    assert_eq!(outcome.error_message.unwrap().lines().next(), Some("line 7: KeyError: 'load'"));
    assert_eq!(outcome.result_data.as_deref(), Some("{\"partial\": 1}"));
}

#[test]
fn an_account_beside_a_good_end_is_not_believed() {
    let run = Run::new();
    fs::write(run.out("_runner_error.json"), "{\"type\": \"X\", \"message\": \"y\"}").unwrap();
    assert_eq!(run.collect(&WELL).status, Status::Completed);
}
