//! The repository keeps its own rules: the invariants of `src/lib.rs` that a program can check.
//!
//! [`modules`] reads the module trees, [`names`] finds whatever the code names in them, [`table`] says what may be
//! named where. [`planted`] shows that each way to break a rule is seen.

mod modules;
mod names;
mod planted;
mod table;

use modules::{Files, Path as Module, Root, Trees};
use names::Name;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    sync::LazyLock,
};

/// The roots of the module trees. The shim is a program of its own that stands in the folder of its engine.
const ROOTS: [Root<'_>; 4] = [
    ("src/lib.rs", "crate"),
    ("src/main.rs", "crate::main"),
    ("src/sandbox/shim/main.rs", "crate::sandbox::shim"),
    ("migrations/src/lib.rs", "migrations"),
];

/// The longest file, lines without those of its test modules.
const LONGEST: usize = 500;

/// All that is known of the sources.
struct Sources {
    files: Files,
    /// Files of the trees, without those of tests.
    read: BTreeSet<String>,
    tests: BTreeSet<String>,
    test_lines: BTreeMap<String, BTreeSet<usize>>,
    modules: BTreeSet<Module>,
    names: Vec<Name>,
}

static SOURCES: LazyLock<Sources> = LazyLock::new(|| {
    let mut files = Files::new();
    for folder in ["src", "migrations/src", "tests/it", "benches"] {
        rust_files(&root().join(folder), &mut files);
    }
    let trees = Trees::read(&files, &ROOTS);
    let names = names::names(&trees, &crates());
    Sources {
        read: trees.parsed.iter().map(|parsed| parsed.file.clone()).collect(),
        modules: trees.modules.into_keys().collect(),
        tests: trees.tests,
        test_lines: trees.test_lines,
        names,
        files,
    }
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// The names of the crates that the code can name.
fn crates() -> Vec<String> {
    let mut crates = ["std", "core", "alloc", "mecapy"].map(str::to_owned).to_vec();
    for manifest in ["Cargo.toml", "migrations/Cargo.toml"] {
        let manifest: toml_edit::DocumentMut = read(manifest).parse().expect("a manifest is TOML");
        let listed = manifest["dependencies"].as_table().expect("a package has dependencies");
        crates.extend(listed.iter().map(|(name, _)| name.replace('-', "_")));
    }
    crates
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the repository can be read")
}

#[track_caller]
fn nothing(rule: &str, report: &str) {
    assert!(report.is_empty(), "{rule}\n{report}");
}

#[test]
fn each_folder_names_what_its_row_of_the_table_lists() {
    nothing(
        "invariants 1 to 4, and the arrows of the map: see tests/it/repository/table.rs",
        &table::check(table::TABLE, table::NOT_YET, &SOURCES.names),
    );
}

#[test]
fn each_folder_has_a_row_in_the_table() {
    nothing("the table lists every folder", &table::check_rows(table::TABLE, &SOURCES.modules));
}

#[test]
fn the_arrows_of_the_table_make_no_circle() {
    nothing("arrows point one way", &table::check_circles(table::TABLE));
}

#[test]
fn unsafe_code_stands_where_it_is_audited() {
    nothing("unsafe code is audited", &table::check_unsafe(table::UNSAFE, &SOURCES.names));
}

#[test]
fn every_source_belongs_to_a_module_tree() {
    let is_left = |file: &&String| {
        let is_source = file.starts_with("src/") || file.starts_with("migrations/");
        is_source && !SOURCES.read.contains(*file) && !SOURCES.tests.contains(*file)
    };
    let left: Vec<&String> = SOURCES.files.keys().filter(is_left).collect();
    assert!(left.is_empty(), "no module declares these: {left:#?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    // The tests of a module stand beside what they test.
    let is_spared = |file: &str| SOURCES.tests.contains(file) && file.starts_with("src/");
    let silent: Vec<&String> = SOURCES
        .files
        .iter()
        .filter(|(file, text)| !is_spared(file) && !text.starts_with("//!"))
        .map(|(file, _)| file)
        .collect();
    assert!(silent.is_empty(), "these files do not begin with `//!`: {silent:#?}");
}

#[test]
fn files_stay_readable_in_one_sitting() {
    let mut long = String::new();
    for file in &SOURCES.read {
        let of_tests = SOURCES.test_lines.get(file).map_or(0, BTreeSet::len);
        let lines = SOURCES.files[file].lines().count() - of_tests;
        if lines > LONGEST {
            writeln!(long, "{file}: {lines} lines").unwrap();
        }
    }
    nothing("split these by what they are responsible for", &long);
}

/// What stands between `before` and the next `after`, everywhere in a text.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
}

/// Every document of the repository.
fn documents() -> Vec<String> {
    let mut found = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            found.push(format!("docs/{name}"));
        }
    }
    found
}

#[test]
fn documents_name_what_there_is() {
    let mut missing = String::new();
    for document in documents() {
        let folder = root().join(&document);
        let folder = folder.parent().expect("it is in a folder");
        let text = read(&document);
        let links = between(&text, "](", ')').filter(|link| !link.contains("://") && !link.starts_with('#'));
        for link in links {
            let file = link.split('#').next().unwrap_or_default();
            if !folder.join(file).exists() {
                writeln!(missing, "{document}: a link to {link}").unwrap();
            }
        }
        // Inline code stands between the first and the second mark, the third and the fourth, and so on.
        for code in text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let is_path = FOLDERS.iter().any(|folder| code.starts_with(folder));
            if is_path && !code.contains(['*', '<', '{', ' ']) && !root().join(code).exists() {
                writeln!(missing, "{document}: the path {code}").unwrap();
            }
        }
    }
    nothing("documents name what is not there", &missing);
}

/// A path in a document that begins with one of these is one of the repository.
const FOLDERS: [&str; 7] = ["src/", "tests/", "docs/", "benches/", "migrations/", "assets/", ".ci/"];

#[test]
fn the_readme_names_the_benchmarks() {
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
