//! Runs from the command line: made, followed, waited for, stopped, read; and the exit code of each end.

use crate::support::home::{Done, Home};
use serde_json::json;
use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Stdio},
    time::{Duration, Instant},
};

/// More than any of these takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until a calculation is in this state.
#[track_caller]
fn wait_for(home: &Home, id: &str, status: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = home.run(&["calc", "show", id, "--json"]).code(0).json();
        if shown["status"] == status {
            return;
        }
        assert!(Instant::now() < deadline, "calculation {id} is not {status}: {shown}");
        #[expect(clippy::disallowed_methods, reason = "the test has no runtime, and what it waits for tells nobody")]
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn interrupt(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Starts a command that follows, and waits for the first line of the run.
fn begun(home: &Home, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut command = home.command(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    assert_eq!(first, "begun\n");
    (child, out)
}

/// All there is to say about a run, in one line.
const ONE_COMMAND: &str =
    "calc run beam.py --params params.json --input mesh=file.csv --timeout 30 --memory 256 --cpu 0.5 --follow";

#[test]
fn one_command_makes_runs_and_follows() {
    let home = Home::new();
    // Busy for a second of CPU time: on half a core that takes two.
    home.file(
        "beam.py",
        "import time\ndef calculate(mesh, length=1.0, load=2.0):\n    print('lines', len(mesh.read_text().splitlines()))\n    while time.process_time() < 1:\n        pass\n    return {'moment': length * load / 4}\n",
    );
    home.file("file.csv", "1\n2\n3\n");
    home.file("params.json", "{\"length\": 4.0, \"load\": 10}");
    let arguments: Vec<_> = ONE_COMMAND.split(' ').collect();
    let done = home.run(&arguments).code(0).says("calculation 1 is queued").says("1 ✓ completed");
    assert_eq!(done.out, "lines 3\n");
    let result = home.run(&["calc", "result", "1", "--json"]).code(0).json();
    assert_eq!(result, json!({"moment": 10.0}));
    assert_eq!(home.run(&["calc", "logs", "1"]).code(0).out, "lines 3\n");

    let shown = home.run(&["calc", "show", "1", "--json"]).code(0).json();
    assert_eq!(shown["status"], "completed");
    assert_eq!(shown["name"], "beam");
    for of in [&shown, &shown["run"]] {
        let limits = [&of["timeout"], &of["memory_limit"], &of["cpu_limit"]];
        assert_eq!(limits, [&json!(30), &json!(256), &json!(0.5)], "{shown}");
    }
    assert_eq!(shown["run"]["engine"], "builtin");
    // The share holds anywhere: it needs no control group. It may run ahead a little, as an interpreter starts.
    let (cpu, time) = (shown["cpu_time"].as_f64().unwrap(), shown["execution_time"].as_f64().unwrap());
    assert!(cpu >= 0.9 && cpu / time < 0.7, "{cpu} s of CPU in {time} s");
    let roles: Vec<_> = shown["files"].as_array().unwrap().iter().map(|file| file["file_role"].clone()).collect();
    assert!(roles.contains(&"input".into()) && roles.contains(&"log".into()), "{shown}");

    home.run(&["calc", "result", "1", "--output", "result.json"]).code(0);
    let kept = std::fs::read_to_string(home.path().join("result.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&kept).unwrap(), result);
    home.run(&["calc", "result", "1", "--output", "result.json"]).code(6).says("exists; nothing was written");

    // The same line, and code that wants more than it may have.
    home.file(
        "beam.py",
        "def calculate(mesh, length, load):\n    print('begun', flush=True)\n    block = b'x' * (400 << 20)\n    while True:\n        pass\n",
    );
    let done = home.run(&arguments).code(3).says("2 ✗ failed: out of memory: limit 256 MiB");
    assert_eq!(done.out.lines().next(), Some("begun"));
    let shown = home.run(&["calc", "show", "2", "--json"]).json();
    assert_eq!((&shown["run"]["error_kind"], &shown["memory_limit"]), (&json!("oom"), &json!(256)), "{shown}");
}

#[test]
fn a_tool_runs_by_its_name() {
    let home = Home::new();
    let done = home.run(&["calc", "run", "--tool", "beam_deflection", "--wait", "--json"]).code(0).json();
    assert_eq!(done["status"], "completed");
    assert!(done["tool_id"].is_i64() && done["tool_version_id"].is_i64(), "{done}");
    assert!(serde_json::from_str::<serde_json::Value>(done["result_data"].as_str().unwrap()).unwrap().is_object());
}

#[test]
fn waiting_prints_the_finished_calculation_as_one_object() {
    let home = Home::new();
    home.file("a.py", "x = sum(range(1000))\n");
    let done = home.run(&["calc", "run", "a.py", "--name", "sum", "--wait", "--json"]).code(0);
    assert_eq!(done.out.lines().count(), 1, "{}", done.out);
    let object = done.json();
    for (key, kind) in [
        ("id", "number"),
        ("name", "string"),
        ("status", "string"),
        ("error_message", "null"),
        ("created_at", "string"),
        ("started_at", "string"),
        ("completed_at", "string"),
        ("execution_time", "number"),
        ("memory_used", "number"),
        ("cpu_time", "number"),
        ("timeout", "number"),
        ("memory_limit", "number"),
        ("cpu_limit", "number"),
    ] {
        let found = match &object[key] {
            serde_json::Value::Null => "null",
            serde_json::Value::Number(_) => "number",
            serde_json::Value::String(_) => "string",
            _ => "other",
        };
        assert_eq!(found, kind, "{key}: {object}");
    }
    assert_eq!(object["status"], "completed");
    assert_eq!(object["run"]["exit_code"], 0);
}

#[test]
fn without_waiting_the_id_is_printed_at_once() {
    let home = Home::new();
    home.file("a.py", "import time\ntime.sleep(1)\n");
    let id = home.run(&["calc", "run", "a.py"]).code(0).out;
    assert_eq!(id, "1\n");
    home.run(&["calc", "rm", "1", "--yes"]).code(1).says("1 is ");
    home.run(&["calc", "logs", "1", "--follow"]).code(0).says("1 ✓ completed");
    home.run(&["calc", "run", "1"]).code(1).says("calculation 1 is completed; what has run stays as it ran");
    assert_eq!(home.run(&["calc", "run", "a.py", "--json", "--timeout", "5"]).code(0).json(), json!({"id": 2}));
    home.run(&["calc", "logs", "2", "--follow"]).code(0);
}

#[test]
fn a_draft_is_run_by_its_id() {
    let home = Home::new();
    home.file("a.py", "def calculate(d):\n    return {'twice': 2 * d}\n");
    home.run(&["calc", "new", "a.py", "--param", "d=21"]).code(0);
    home.run(&["calc", "run", "1", "--param", "d=3"]).code(2).says("made already");
    home.run(&["calc", "run", "1", "--wait"]).code(0);
    assert_eq!(home.run(&["calc", "result", "1", "--json"]).json(), json!({"twice": 42}));
}

#[test]
fn each_end_has_its_exit_code_and_words() {
    let home = Home::new();
    home.file("syntax.py", "def calculate(:\n    pass\n");
    home.run(&["calc", "run", "syntax.py", "--wait"]).code(3).says("SyntaxError");
    home.file("raise.py", "a = 1\nb = a / 0\n");
    let failed = home.run(&["calc", "run", "raise.py", "--wait", "--json"]).code(3).json();
    assert_eq!(failed["run"]["error_kind"], "exception");
    assert_eq!(failed["run"]["error_line"], 2);
    assert!(failed["error_message"].as_str().unwrap().contains("ZeroDivisionError"), "{failed}");
    home.file("slow.py", "import time\nprint('begun', flush=True)\ntime.sleep(60)\n");
    let slow = home.run(&["calc", "run", "slow.py", "--timeout", "1", "--wait", "--json"]).code(124).json();
    assert_eq!(slow["status"], "failed");
    assert_eq!(slow["run"]["error_kind"], "timeout");
    assert!(slow["error_message"].as_str().unwrap().contains("timed out after 1 s"), "{slow}");
    assert_eq!(home.run(&["calc", "logs", "3"]).code(0).out, "begun\n");
    home.run(&["calc", "result", "3"]).code(5).says("failed without a result");
}

#[test]
fn a_run_that_is_cancelled_while_waited_for() {
    let home = Home::new();
    home.file("slow.py", "import time\nprint('begun', flush=True)\ntime.sleep(60)\n");
    let (mut child, _out) = begun(&home, &["calc", "run", "slow.py", "--timeout", "60", "--follow"]);
    let asked = home.run(&["calc", "cancel", "1", "--json"]).code(0).json();
    assert_eq!(asked, json!({"id": 1, "cancel": "asked"}));
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(8));
    home.run(&["calc", "cancel", "1"]).code(0).says("was over already: cancelled");
    assert_eq!(home.run(&["calc", "logs", "1"]).code(0).out, "begun\n");
}

#[test]
fn a_second_cancel_kills_and_so_does_the_first_with_now() {
    let home = Home::new().with("MECAPY_CAPS_GRACE", "300");
    let deaf = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('begun', flush=True)\ntime.sleep(60)\n";
    home.file("deaf.py", deaf);
    for number in ["1", "2"] {
        let (mut child, _out) = begun(&home, &["calc", "run", "deaf.py", "--timeout", "60", "--follow"]);
        if number == "1" {
            home.run(&["calc", "cancel", number]).code(0).says("told to stop (once more: killed at once)");
            assert!(child.try_wait().unwrap().is_none(), "it has its grace");
            home.run(&["calc", "cancel", number]).code(0).says("calculation 1 killed");
        } else {
            let killed = home.run(&["calc", "cancel", "--now", number, "--json"]).code(0).json();
            assert_eq!(killed, json!({"id": 2, "cancel": "killed"}));
        }
        assert_eq!(child.wait().unwrap().code(), Some(8));
    }
}

#[test]
fn ctrl_c_leaves_the_run_alone() {
    for (signal, code) in [(rustix::process::Signal::INT, 130), (rustix::process::Signal::TERM, 143)] {
        let home = Home::new();
        home.file("slow.py", "import time\nprint('begun', flush=True)\ntime.sleep(2)\nprint('ended')\n");
        let (mut child, _out) = begun(&home, &["calc", "run", "slow.py", "--follow"]);
        interrupt(&child, signal);
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{words}");
        assert!(words.contains("calculation 1 goes on") && words.contains("mecapy calc cancel 1"), "{words}");
        wait_for(&home, "1", "completed");
        assert_eq!(home.run(&["calc", "logs", "1"]).code(0).out, "begun\nended\n");
    }
}

#[test]
fn a_reader_that_goes_away_leaves_the_run_alone() {
    let home = Home::new();
    home.file("talk.py", "import time\nprint('begun', flush=True)\nfor i in range(20):\n    print('line', i, flush=True)\n    time.sleep(0.05)\n");
    let (child, out) = begun(&home, &["calc", "run", "talk.py", "--follow", "--quiet"]);
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    wait_for(&home, "1", "completed");
    assert_eq!(home.run(&["calc", "logs", "1"]).code(0).out.lines().count(), 21);
}

#[test]
fn a_log_is_passed_on_byte_for_byte_and_by_its_last_lines() {
    let home = Home::new();
    home.file(
        "log.py",
        "import sys\nsys.stdout.buffer.write(b'\\x1b[31mred\\x1b[0m\\n' + b'y' * 40000 + b'\\nlast')\n",
    );
    let whole = format!("\u{1b}[31mred\u{1b}[0m\n{}\nlast", "y".repeat(40_000));
    let followed = home.run(&["calc", "run", "log.py", "--follow"]).code(0);
    assert_eq!(followed.out, whole);
    assert_eq!(home.run(&["calc", "logs", "1"]).code(0).out, whole);
    assert_eq!(home.run(&["calc", "logs", "1", "--tail", "1"]).code(0).out, "last");
    let tail = home.run(&["calc", "logs", "1", "--tail", "2"]).code(0).out;
    assert_eq!(tail, whole.split_once('\n').unwrap().1);
    let lines = home.run(&["calc", "logs", "1", "--json"]).code(0).json_lines();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["line"], &lines[0]["stream"]), (&1.into(), &"stdout".into()));
    assert_eq!(lines[0]["text"], "\u{1b}[31mred\u{1b}[0m");
}

#[test]
fn following_as_json_gives_lines_and_then_the_calculation() {
    let home = Home::new();
    home.file("a.py", "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr)\n");
    let lines = home.run(&["calc", "run", "a.py", "--follow", "--json"]).code(0).json_lines();
    let texts: Vec<_> = lines.iter().filter_map(|line| line["text"].as_str()).collect();
    assert_eq!(texts.len(), 2, "{lines:?}");
    assert!(texts.contains(&"out") && texts.contains(&"err"), "{lines:?}");
    assert_eq!(lines.last().unwrap()["status"], "completed");
}

#[test]
fn runs_above_the_bound_wait_and_say_why() {
    let home = Home::new().with("MECAPY_RUNS_MAX_PER_USER", "1");
    home.file("slow.py", "import time\nprint('begun', flush=True)\ntime.sleep(60)\n");
    home.run(&["calc", "run", "slow.py", "--timeout", "60"]).code(0);
    wait_for(&home, "1", "running");
    let mut child = home
        .command(&["calc", "run", "slow.py", "--timeout", "60", "--wait"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("calculation 2 waits: "), "{said}");
    let taken = home.run(&["calc", "cancel", "2", "--json"]).code(0).json();
    assert_eq!(taken["cancel"], "cancelled");
    assert_eq!(child.wait().unwrap().code(), Some(8));
    home.run(&["calc", "cancel", "1"]).code(0);
    wait_for(&home, "1", "cancelled");
}

#[test]
fn two_inputs_of_the_same_bytes_are_both_there() {
    let home = Home::new();
    home.file("a.py", "import os\nprint(sorted(os.listdir('/workspace/in/files')))\n");
    home.file("x.csv", "1\n");
    home.file("y.csv", "1\n");
    let inputs = ["--input", "a=x.csv", "--input", "b=x.csv", "--input", "c=y.csv"];
    for id in ["1", "2"] {
        home.run(&[&["calc", "run", "a.py", "--wait"], &inputs[..]].concat()).code(0);
        assert_eq!(home.run(&["calc", "logs", id]).code(0).out, "['a.csv', 'b.csv', 'c.csv']\n");
    }
}

#[test]
fn an_input_that_vanished_from_the_store_is_named() {
    let home = Home::new();
    home.file("a.py", "pass");
    home.file("grid.csv", "1\n");
    home.run(&["calc", "new", "a.py", "--input", "mesh=grid.csv"]).code(0);
    std::fs::remove_dir_all(home.path().join(".local/share/mecapy/objects")).unwrap();
    home.run(&["calc", "run", "1", "--wait"]).code(2).says("mesh");
    let shown = home.run(&["calc", "show", "1", "--json"]).json();
    assert_eq!((&shown["status"], &shown["queued"]), (&"pending".into(), &false.into()));
}

#[test]
fn without_python_a_run_is_refused_at_once_and_nothing_changes() {
    let home = Home::new();
    home.file("a.py", "pass");
    let empty = home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    home.run(&["calc", "new", "a.py"]).code(0);
    let before = home.run(&["calc", "show", "1", "--json"]).json();
    let refused = |arguments: &[&str], engine: &str, words: &[&str]| {
        let mut command = home.command(&[&["calc", "run", "1", "--wait"], arguments].concat());
        command.env("PATH", &empty).env("MECAPY_SANDBOX_ENGINE", engine).env("DOCKER_HOST", "unix:///nowhere/d.sock");
        let done = Done::from(command.output().unwrap()).code(1);
        for words in words {
            assert!(done.err.contains(words), "{words:?} is not in {}", done.err);
        }
        assert_eq!(home.run(&["calc", "show", "1", "--json"]).json(), before);
    };
    refused(&[], "builtin", &["no python3 in PATH; install it", "sandbox.python in the configuration"]);
    refused(
        &[],
        "auto",
        &["no python3 in PATH; install it", "In a container it cannot run either: ", "/nowhere/d.sock"],
    );
    refused(&["--python", "/nowhere/python3"], "builtin", &["/nowhere/python3: cannot be started: No such file"]);
    refused(&["--python", "mypython"], "builtin", &["mypython: cannot be started: there is none in PATH"]);
    refused(&["--python", "empty"], "builtin", &["/empty/bin/python3: cannot be started: No such file"]);
    assert_eq!(home.run(&["calc", "ls", "--json"]).json_lines().len(), 1);
    let state = home.path().join(".local/state/mecapy");
    for folder in ["spool", "queue"] {
        assert!(!state.join(folder).exists(), "there is a {folder}");
    }

    // A virtual environment is named by its folder, from where one is.
    std::fs::create_dir(empty.join("bin")).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let python = std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|python| python.exists());
    std::os::unix::fs::symlink(python.unwrap(), empty.join("bin/python3")).unwrap();
    home.run(&["calc", "run", "1", "--python", "empty", "--wait"]).code(0);
}

#[test]
fn deleting_takes_outputs_and_log_and_keeps_uploads() {
    let home = Home::new();
    home.file("a.py", "print('x')\nopen('/workspace/out/files/o.txt', 'w').write('o')\n");
    home.file("grid.csv", "1\n");
    home.run(&["calc", "run", "a.py", "--input", "mesh=grid.csv", "--wait"]).code(0);
    let files = |folder: &std::path::Path| {
        let mut pending = vec![folder.to_owned()];
        let mut count = 0;
        while let Some(folder) = pending.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() { pending.push(entry.path()) } else { count += 1 }
            }
        }
        count
    };
    let objects = home.path().join(".local/share/mecapy/objects");
    assert_eq!(files(&objects), 3);
    home.run(&["calc", "rm", "1", "--yes"]).code(0);
    assert_eq!(files(&objects), 1);
}

#[test]
fn output_files_are_written_to_a_folder_and_never_over_others() {
    let home = Home::new();
    home.file("a.py", "open('/workspace/out/artifacts/plot.svg', 'w').write('<svg/>')\nopen('/workspace/out/files/t.csv', 'w').write('1,2')\n");
    home.run(&["calc", "run", "a.py", "--wait"]).code(0);
    let written = home.run(&["calc", "result", "1", "--files", "kept"]).code(0).out;
    assert_eq!(written.lines().count(), 2, "{written}");
    assert_eq!(std::fs::read_to_string(home.path().join("kept/plot.svg")).unwrap(), "<svg/>");
    assert_eq!(std::fs::read_to_string(home.path().join("kept/t.csv")).unwrap(), "1,2");
    std::fs::write(home.path().join("kept/plot.svg"), "mine").unwrap();
    home.run(&["calc", "result", "1", "--files", "kept"]).code(1).says("exists");
    assert_eq!(std::fs::read_to_string(home.path().join("kept/plot.svg")).unwrap(), "mine");
    home.run(&["calc", "result", "1"]).code(5).says("gave no result");
}

#[test]
fn a_result_too_long_for_its_column_is_printed_whole() {
    let home = Home::new();
    home.file("a.py", "def calculate():\n    return {'values': list(range(20000))}\n");
    home.run(&["calc", "run", "a.py", "--wait"]).code(0);
    let result = home.run(&["calc", "result", "1", "--json"]).code(0).json();
    assert_eq!(result["values"].as_array().unwrap().len(), 20_000);
}
