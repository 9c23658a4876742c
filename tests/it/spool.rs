//! The spool's format is in one folder, and who may write is told by types: what the compiler does not check of that is
//! checked here. That the floors of `src/runs` name only those below is in the table of `repository`.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

const RUNS: &str = "src/runs";

/// The only files above the format that get hold of a spool to write into it without being its supervisor: whoever
/// makes one, and whoever puts one right that has no supervisor.
const WRITERS: [&str; 2] = ["src/runs/client/submit.rs", "src/runs/client/reconcile.rs"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The source files below a folder, without those of tests: path and code.
fn sources(below: &str) -> Vec<(String, String)> {
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    files(&root().join(below), &mut found);
    found.sort();
    assert!(!found.is_empty(), "nothing is in {below}");
    let paths = found.iter().map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
    let paths = paths.filter(|path| !path.ends_with("tests.rs") && !path.ends_with("testing.rs"));
    paths.map(|path| (path.clone(), code(&read(&path)))).collect()
}

/// Code without comments and without its tests, wherever those stand in the file.
fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let indent = line.len() - line.trim_start().len();
            let item = lines.by_ref().find(|line| !line.trim_start().starts_with("#[")).unwrap_or_default();
            if !item.trim_end().ends_with(';') {
                let end = format!("{}}}", " ".repeat(indent));
                lines.by_ref().find(|line| *line == end);
            }
            continue;
        }
        kept.push_str(line.split("//").next().unwrap_or_default());
        kept.push('\n');
    }
    kept
}

/// What follows each place where a module is named: in a `use`, or before `::`.
fn mentions<'a>(code: &'a str, module: &'a str) -> impl Iterator<Item = &'a str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(module).filter_map(move |(at, _)| {
        let (before, after) = (&code[..at], &code[at + module.len()..]);
        if before.ends_with(is_word) || before.ends_with("db::") || after.starts_with(is_word) {
            return None;
        }
        let statement = before.rsplit([';', '}']).next().unwrap_or_default();
        let is_use = before.rfind("use ").is_some_and(|place| !before[place..].contains(';'));
        let is_mod = statement.trim_end().ends_with("mod");
        (!is_mod && (is_use || after.starts_with("::"))).then_some(after)
    })
}

/// The names of the files and folders in a spool, as the format has them.
fn names() -> Vec<String> {
    let constants = read("src/runs/spool/names.rs") + &read("src/runs/spool/log/mod.rs");
    let values = constants.lines().filter(|line| line.contains("const ") && line.contains(": &str = \""));
    values.map(|line| line.split('"').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn the_header_of_the_spool_documents_every_file_in_it() {
    let names = names();
    assert!(names.len() > 18 && names.iter().any(|name| name == "log.index"), "{names:?}");
    let text = read("src/runs/spool/mod.rs");
    let header: String = text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
    let words: Vec<_> = header.split([' ', ',', '\n', '`']).map(|word| word.trim_end_matches('/')).collect();
    for name in names {
        let is_documented = words.contains(&name.as_str()) || words.contains(&format!("<name>{name}").as_str());
        assert!(is_documented, "the header does not say what {name} is");
    }
}

#[test]
fn no_other_floor_spells_the_name_of_a_file_in_a_spool() {
    let names = names();
    let mut report = String::new();
    for (path, code) in sources(RUNS) {
        for (number, line) in code.lines().enumerate() {
            // Steps at which tests end a supervisor have names as well.
            if path.starts_with("src/runs/spool/") || line.contains("faults::at(") {
                continue;
            }
            for name in names.iter().filter(|name| line.contains(&format!("\"{name}\""))) {
                writeln!(report, "{path}:{}: {name}", number + 1).unwrap();
            }
        }
    }
    assert!(report.is_empty(), "only src/runs/spool knows the names of a spool's files\n{report}");
}

#[test]
fn of_the_supervisor_clients_know_one_door() {
    let mut report = String::new();
    for (path, code) in sources("src/runs/client") {
        for after in mentions(&code, "supervisor") {
            if !(after.starts_with([',', ';']) || after.starts_with("::start(")) {
                writeln!(report, "{path} uses supervisor{}", after.lines().next().unwrap_or_default()).unwrap();
            }
        }
    }
    assert!(report.is_empty(), "clients only start a supervisor\n{report}");
}

#[test]
fn only_who_makes_a_spool_or_works_on_it_can_write_into_it() {
    let mut report = String::new();
    for (path, code) in sources("src") {
        let may_write =
            ["spool", "ending", "supervisor"].iter().any(|floor| path.starts_with(&format!("{RUNS}/{floor}/")));
        if may_write || WRITERS.contains(&path.as_str()) {
            continue;
        }
        for word in ["LockedSpool", "try_lock(", "LogWriter"] {
            if code.contains(word) {
                writeln!(report, "{path}: {word}").unwrap();
            }
        }
    }
    assert!(report.is_empty(), "only {WRITERS:?}, `ending` and the supervisor write into a spool\n{report}");
}

/// The checks see what they are to see.
#[test]
fn mentions_are_found_however_they_are_written() {
    for planted in [
        "use super::client;",
        "use crate::runs::{\n    host,\n    client::{\n        submit,\n    },\n};",
        "use crate::runs::client as other;",
        "fn f() { super::client::submit(); }",
    ] {
        assert_eq!(mentions(planted, "client").count(), 1, "{planted}");
    }
    for innocent in ["mod client;", "let client = 1;", "use a::http_client;", "f(client, 2);", "db::client::get()"] {
        assert_eq!(mentions(innocent, "client").count(), 0, "{innocent}");
    }
    let text = "a\n#[cfg(test)]\nmod tests;\nb\n#[cfg(test)]\nmod inner {\n    c\n}\nd // e\n";
    assert_eq!(code(text), "a\nb\nd \n");
}
