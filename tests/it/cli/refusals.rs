//! Bad input: refused in clear words, with nothing made.

use crate::support::home::{Done, Home};

/// A home whose database is there, so that refusals are not about its making.
fn home() -> Home {
    let home = Home::new();
    home.run(&["calc", "ls"]).code(0);
    home
}

/// Runs `calc new` and proves that nothing was made by a refusal.
#[track_caller]
fn refused(home: &Home, arguments: &[&str]) -> Done {
    let mut all = vec!["calc", "new"];
    all.extend(arguments);
    let done = home.run(&all);
    assert_ne!(done.code, 0, "{arguments:?}: {}", done.out);
    assert_eq!(done.out, "", "{arguments:?}");
    assert_eq!(home.run(&["calc", "ls", "--json"]).code(0).out, "", "{arguments:?} made something");
    done
}

#[test]
fn code_is_checked_before_anything_is_made() {
    let home = home();
    home.file("nul.py", "a = 1\nb = '\0'\n");
    refused(&home, &["nul.py"]).code(2).says("code: line 2 holds a NUL character");
    home.file("long.py", "x".repeat(10_001));
    refused(&home, &["long.py"]).code(2).says("code: 10001 characters, the limit is 10000; shorten it by 1");
    home.file("huge.py", "x".repeat(3_000_000));
    refused(&home, &["huge.py"]).code(2).says("huge.py holds more than 10000 characters");
    home.file("latin1.py", b"a = 1\n# caf\xe9\n");
    refused(&home, &["latin1.py"]).code(2).says("latin1.py: line 2 is not UTF-8");
    home.file("empty.py", "\n  \n");
    refused(&home, &["empty.py"]).code(2).says("code: there is no code");
    refused(&home, &["nowhere.py"]).code(5).says("cannot read nowhere.py: No such file");
    refused(&home, &["/dev/zero"]).code(2).says("/dev/zero holds more than 10000 characters");
    refused(&home, &[]).code(2).says("--tool");
}

#[test]
fn the_longest_code_is_taken_whole() {
    let home = home();
    let code = format!("# {}", "é".repeat(9_998));
    home.file("most.py", &code);
    let id = home.run(&["calc", "new", "most.py"]).code(0).out;
    let shown = home.run(&["calc", "show", id.trim(), "--json"]).code(0).json();
    assert_eq!(shown["code"], code);
    assert_eq!(shown["status"], "pending");
    assert_eq!(shown["queued"], false);
    assert_eq!(shown["name"], "most");
}

#[test]
fn parameters_are_checked_before_anything_is_made() {
    let home = home();
    home.file("a.py", "pass");
    let with = |params: &str| refused(&home, &["a.py", "--params", params]);
    with("{\"d\": }").code(2).says("parameters: not valid JSON: expected value at line 1 column 7");
    with("[1, 2]").code(2).says("parameters: must be a JSON object like {\"d\": 12}, got an array");
    with("{\"d\": NaN}").code(2).says("parameters: not valid JSON");
    with(&format!("{{\"d\": \"{}\"}}", "x".repeat(4_992)))
        .code(2)
        .says("parameters: 5001 characters, the limit is 5000");
    with("nowhere.json").code(5).says("cannot read nowhere.json");
    let home2 = &home;
    home2.file("list.json", "[1]");
    with("list.json").code(2).says("got an array");
    refused(&home, &["a.py", "--param", "d"]).code(2).says("write it as key=value");

    let exact = format!("{{\"d\": \"{}\"}}", "x".repeat(4_991));
    assert_eq!(exact.len(), 5_000);
    home.run(&["calc", "new", "a.py", "--params", &exact]).code(0);
}

#[test]
fn parameters_come_from_file_standard_input_text_and_single_values() {
    let home = home();
    home.file("a.py", "pass");
    home.file("p.json", "{\"d\": 12}\n");
    let parameters = |id: &str| {
        let shown = home.run(&["calc", "show", id.trim(), "--json"]).code(0).json();
        serde_json::from_str::<serde_json::Value>(shown["parameters"].as_str().unwrap()).unwrap()
    };
    let made = home.run(&["calc", "new", "a.py", "--params", "p.json", "--param", "grade=8.8", "--param", "who=Zoé"]);
    assert_eq!(parameters(&made.code(0).out), serde_json::json!({"d": 12, "grade": 8.8, "who": "Zoé"}));
    let made = home.run_with_input(&["calc", "new", "a.py", "--params", "-"], b"{\"d\": 13}");
    assert_eq!(parameters(&made.code(0).out), serde_json::json!({"d": 13}));
    let made = home.run_with_input(&["calc", "new", "-", "--name", "piped", "--params", "{\"d\": 14}"], b"print(1)");
    assert_eq!(parameters(&made.code(0).out), serde_json::json!({"d": 14}));
    home.run_with_input(&["calc", "new", "-", "--params", "-"], b"print(1)").code(2).says("cannot both come from");
}

#[test]
fn limits_are_within_bounds() {
    let home = home();
    home.file("a.py", "pass");
    for (arguments, words) in [
        (["--timeout", "0"], "timeout: 0 s is outside 1 to 86400 s"),
        (["--timeout", "-1"], "'-1'"),
        (["--timeout", "99999999999999999999"], "'99999999999999999999'"),
        (["--timeout", "4000000000"], "timeout: 4000000000 s is outside"),
        (["--memory", "0"], "memory_limit: 0 MiB is outside 16 to 65536 MiB"),
        (["--memory", "-5"], "'-5'"),
        (["--memory", "99999999"], "memory_limit: 99999999 MiB is outside"),
        (["--cpu", "0"], "cpu_limit: 0 cores is outside"),
        (["--cpu", "-1"], "cpu_limit: -1 cores is outside"),
        (["--cpu", "NaN"], "cpu_limit: NaN cores is outside"),
        (["--cpu", "inf"], "cpu_limit: inf cores is outside"),
        (["--cpu", "half"], "'half'"),
    ] {
        refused(&home, &["a.py", arguments[0], arguments[1]]).code(2).says(words);
    }
}

#[test]
fn input_files_are_there_and_their_names_plain() {
    let home = home();
    home.file("a.py", "pass");
    home.file("grid.csv", "1,2\n");
    for (input, code, words) in [
        ("grid.csv", 2, "write it as name=file"),
        ("mesh=gone.csv", 5, "input mesh: cannot read gone.csv: No such file"),
        ("../mesh=grid.csv", 2, "input name: \"../mesh\" is a path"),
        ("\u{1b}[31mmesh=grid.csv", 2, "holds characters that cannot be seen"),
        ("\u{202e}hsem=grid.csv", 2, "holds characters that cannot be seen"),
        ("=grid.csv", 2, "input name: must not be empty"),
        ("mesh=.", 2, "input mesh: . is not a file"),
    ] {
        let done = refused(&home, &["a.py", "--input", input]).code(code).says(words);
        assert!(!done.err.contains('\u{1b}') && !done.err.contains('\u{202e}'), "{:?}", done.err);
    }
    refused(&home, &["a.py", "--input", "m=grid.csv", "--input", "m=a.py"]).code(2).says("two files are called \"m\"");
}

#[test]
fn names_from_others_never_reach_the_terminal_raw() {
    let home = home();
    home.file("a.py", "pass");
    let evil = home.file("e\u{1b}[31mvil\u{202e}.csv", "1,2\n");
    let name = "bad\u{1b}]0;title\u{7}\u{202e}name";
    let input = format!("mesh={}", evil.display());
    let id = home.run(&["calc", "new", "a.py", "--name", name, "--input", &input]).code(0).out;
    for arguments in [["calc", "ls", "-n5"], ["calc", "show", id.trim()], ["calc", "ls", "--json"]] {
        let out = home.run(&arguments).code(0).out;
        assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}') && !out.contains('\u{7}'), "{out:?}");
    }
    let listed = home.run(&["calc", "ls", "--json"]).json_lines();
    assert_eq!(listed[0]["name"], name);
}

#[test]
fn what_does_not_exist_is_not_found() {
    let home = home();
    for arguments in [
        ["calc", "show", "7"],
        ["calc", "result", "7"],
        ["calc", "logs", "7"],
        ["calc", "cancel", "7"],
        ["calc", "run", "7"],
    ] {
        home.run(&arguments).code(5).says("there is no calculation 7");
    }
    home.run(&["calc", "rm", "7", "--yes"]).code(5).says("there is no calculation 7");
    home.run(&["tools", "show", "beam_deflexion"]).code(5).says("did you mean \"beam_deflection\"?");
    home.run(&["calc", "new", "--tool", "nothing_like_it_at_all"]).code(5).says("mecapy tools ls");
}

#[test]
fn read_only_and_dry_run_change_nothing() {
    let home = home();
    home.file("a.py", "pass");
    for arguments in [["calc", "new", "a.py"], ["calc", "run", "a.py"], ["calc", "rm", "1"], ["calc", "cancel", "1"]] {
        let mut all = arguments.to_vec();
        all.push("--read-only");
        home.run(&all).code(6).says("--read-only: not allowed to");
    }
    let dry = home.run(&["calc", "new", "a.py", "--dry-run"]).code(0).says("would make calculation \"a\"");
    assert_eq!(dry.out, "");
    assert_eq!(home.run(&["calc", "ls", "--json"]).code(0).out, "");
    home.run(&["calc", "new", "a.py", "--dry-run", "--timeout", "0"]).code(2);
    home.run(&["calc", "run", "a.py", "--dry-run"]).code(0).says("would make and run calculation \"a\"");

    let id = home.run(&["calc", "new", "a.py"]).code(0).out;
    home.run(&["calc", "rm", id.trim(), "--dry-run"]).code(0).says("would delete calculation 1 \"a\"");
    home.run(&["calc", "rm", id.trim()])
        .code(6)
        .says("Delete calculation 1 \"a\" with outputs and logs? Nothing was done");
    home.run(&["calc", "show", id.trim()]).code(0);
    home.run(&["calc", "rm", id.trim(), "--yes"]).code(0).says("deleted calculation 1");
    home.run(&["calc", "show", id.trim()]).code(5);
}

#[test]
fn file_names_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = home();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.py");
    std::fs::write(home.path().join(name), "pass").unwrap();
    let mut input = std::ffi::OsString::from("mesh=");
    input.push(name);
    let made = home.command(&["calc", "new"]).arg(name).arg("--input").arg(&input).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let shown = home.run(&["calc", "show", "1", "--json"]).code(0).json();
    assert_eq!(shown["name"], "caf\u{fffd}");
    assert_eq!(shown["files"][0]["alias"], "mesh");
}
