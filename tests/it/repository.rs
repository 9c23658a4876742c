//! The repository keeps its own rules: the invariants of `src/lib.rs` that a program can check.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// A source file: its path below the repository, and its code without comments and without its unit tests.
struct Source {
    path: String,
    is_test: bool,
    first_line: String,
    code: Vec<(usize, String)>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources(below: &str) -> Vec<Source> {
    let mut files = Vec::new();
    rust_files(&root().join(below), &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            let is_test = name.ends_with("/tests.rs") || name.contains("/tests/") || name.ends_with("_tests.rs");
            let code = text
                .lines()
                .enumerate()
                .take_while(|(_, line)| !is_test && line.trim() != "#[cfg(test)]")
                .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default().to_owned()))
                .collect();
            Source { path: name, is_test, first_line: text.lines().next().unwrap_or_default().to_owned(), code }
        })
        .collect()
}

/// Every place below `folders` where one of `words` stands in code, except in files for which `allowed` holds.
fn places(folders: &[&str], words: &[&str], allowed: impl Fn(&str) -> bool) -> String {
    let mut report = String::new();
    for source in folders.iter().filter(|folder| root().join(folder).exists()).flat_map(|folder| sources(folder)) {
        if allowed(&source.path) {
            continue;
        }
        for (number, line) in &source.code {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                writeln!(report, "{}:{number}: names {word:?}: {}", source.path, line.trim()).unwrap();
            }
        }
    }
    report
}

#[track_caller]
fn nowhere(rule: &str, report: &str) {
    assert!(report.is_empty(), "{rule}\n{report}");
}

#[test]
fn panes_app_and_widgets_are_synchronous_and_do_no_input_or_output() {
    nowhere(
        "invariant 1: panes, app and widgets know no task, no clock, no file, no service",
        &places(
            &["src/tui/panes", "src/tui/app", "src/tui/widgets"],
            &[
                "async fn",
                "async move",
                ".await",
                "tokio",
                "std::fs",
                "fs::",
                "std::net",
                "std::process",
                "Instant::now",
                "SystemTime",
                "Utc::now",
                "Local::now",
                "std::env::var",
                "crate::db",
                "crate::storage",
                "crate::session",
                "sea_orm",
            ],
            |_| false,
        ),
    );
}

#[test]
fn only_the_screen_knows_the_terminal_libraries() {
    nowhere(
        "invariant 2: nothing outside src/tui names ratatui or crossterm",
        &places(&["src", "migrations/src"], &["ratatui", "crossterm", "tui_textarea"], |path| {
            path.starts_with("src/tui/")
        }),
    );
}

#[test]
fn the_domain_is_pure() {
    nowhere(
        "invariant 2: src/domain does no input or output and looks at nothing above it",
        &places(
            &["src/domain"],
            &[
                "tokio",
                "sea_orm",
                "object_store",
                "rustix",
                "std::fs",
                "std::net",
                "std::process",
                "std::env",
                "Utc::now",
                "Instant::now",
                "SystemTime",
                "crate::db",
                "crate::tui",
                "crate::runs",
                "crate::sandbox",
                "crate::storage",
                "crate::session",
                "crate::config",
                "crate::cli",
            ],
            |_| false,
        ),
    );
}

#[test]
fn arrows_point_down() {
    for (folder, above) in [
        (
            "src/db",
            ["crate::tui", "crate::cli", "crate::session", "crate::runs", "crate::sandbox", "crate::storage"]
                .as_slice(),
        ),
        ("src/storage", &["crate::tui", "crate::cli", "crate::runs", "crate::sandbox"]),
        ("src/sandbox", &["crate::tui", "crate::cli", "crate::runs", "crate::db", "crate::storage", "crate::session"]),
        ("src/runs", &["crate::tui", "crate::cli"]),
        ("src/session", &["crate::tui", "crate::cli"]),
        ("src/config", &["crate::tui", "crate::cli", "crate::db", "crate::runs", "crate::sandbox", "crate::storage"]),
        ("src/tui", &["crate::cli"]),
    ] {
        nowhere("the arrows of the map point one way", &places(&[folder], above, |_| false));
    }
}

#[test]
fn no_pane_names_another_pane() {
    let panes = root().join("src/tui/panes");
    let names: Vec<String> = fs::read_dir(&panes)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    for pane in &names {
        let others: Vec<String> =
            names.iter().filter(|name| *name != pane).map(|name| format!("panes::{name}")).collect();
        let words: Vec<&str> = others.iter().map(String::as_str).collect();
        nowhere("invariant 3: panes meet in the app", &places(&[&format!("src/tui/panes/{pane}")], &words, |_| false));
    }
}

#[test]
fn only_the_runtime_spawns_and_touches_the_terminal() {
    nowhere(
        "invariant 4: inside src/tui only runtime spawns tasks and writes to the terminal",
        &places(
            &["src/tui"],
            &["tokio::spawn", "spawn_blocking", "thread::spawn", "stdout()", "stderr()", "enable_raw_mode", "execute!"],
            |path| path.starts_with("src/tui/runtime"),
        ),
    );
}

#[test]
fn unsafe_code_stands_in_the_shim_alone() {
    nowhere(
        "unsafe code is audited in one place",
        &places(&["src", "migrations/src"], &["unsafe {", "unsafe fn", "unsafe impl"], |path| {
            // The shim, and the one system call by which a supervisor inherits no descriptor of its caller.
            path.starts_with("src/sandbox/shim/") || path == "src/runs/supervisor/start.rs"
        }),
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = ["src", "migrations/src", "tests/it", "benches"]
        .iter()
        .filter(|folder| root().join(folder).exists())
        .flat_map(|folder| sources(folder))
        .filter(|source| !source.is_test && !source.first_line.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "these files do not begin with `//!`: {silent:#?}");
}

#[test]
fn files_stay_readable_in_one_sitting() {
    let long: Vec<String> = ["src", "migrations/src"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|source| source.code.len() > 500)
        .map(|source| format!("{}: {} lines", source.path, source.code.len()))
        .collect();
    assert!(long.is_empty(), "split these by what they are responsible for: {long:#?}");
}

/// What stands between `before` and the next `after`, everywhere in a text.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
}

#[test]
fn documents_name_what_there_is() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("a document can be read");
    let documents = ["README.md", "docs/ARCHITECTURE.md", "docs/SANDBOX.md", "docs/DOCKER.md", "docs/POSTGRESQL.md"];
    for document in documents {
        let folder = root().join(document);
        let folder = folder.parent().expect("it is in a folder");
        let text = read(document);
        let links = between(&text, "](", ')').filter(|link| !link.contains("://") && !link.starts_with('#'));
        for link in links {
            assert!(folder.join(link).exists(), "{document} names {link}, which is not there");
        }
    }
    let manifest = read("Cargo.toml");
    let readme = read("README.md");
    let benches = readme.lines().find(|line| line.contains("cargo bench")).expect("the README names the benchmarks");
    let also = benches.split('(').nth(1).unwrap_or_default().split('`').skip(1).step_by(2);
    let named: Vec<&str> = between(benches, "--bench ", '`').chain(also).collect();
    assert!(named.len() > 3, "{named:?}");
    for name in named {
        assert!(manifest.contains(&format!("[[bench]]\nname = {name:?}")), "there is no benchmark {name}");
    }
}
