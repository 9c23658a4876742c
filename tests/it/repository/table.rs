//! Which folder may name which, and what else its code may touch: the arrows of the map, in one table.
//!
//! Whoever adds a folder gives it a row. An entry that nobody needs has to go, so the table says what is, not what
//! once was. What is not listed is refused.

use super::{
    modules::Path,
    names::{Kind, Name},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// A folder, or a file where it is a module of its own.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The module without `crate::`. It covers what is below it, where that has no row of its own. `a::*` stands for
    /// each module directly below `a`: none of them may name another one.
    pub folder: &'a str,
    /// The folders that it may name, `a::{b, c}` for `a::b` and `a::c`. An entry covers what is below it, where that
    /// has no row of its own.
    pub names: &'a [&'a str],
    /// Libraries.
    pub libraries: &'a [&'a str],
    /// Some of [`POWERS`].
    pub may: &'a [&'a str],
}

/// What touches the world, by the names through which it does. Methods are known by their name alone.
pub(crate) const POWERS: &[(&str, &[&str])] = &[
    ("async", &["async", "await"]),
    (
        "clock",
        &[
            "std::time::Instant",
            "std::time::SystemTime",
            "tokio::time",
            "chrono::Utc::now",
            "chrono::Local",
            ".elapsed",
        ],
    ),
    ("environment", &["std::env"]),
    (
        "files",
        &[
            "std::fs",
            "std::os::unix::fs",
            "tokio::fs",
            "rustix::fs",
            ".exists",
            ".try_exists",
            ".is_file",
            ".is_dir",
            ".is_symlink",
            ".metadata",
            ".symlink_metadata",
            ".canonicalize",
            ".read_dir",
        ],
    ),
    ("network", &["std::net", "std::os::unix::net", "tokio::net", "rustix::net"]),
    ("processes", &["std::process", "tokio::process", "rustix::process"]),
    (
        "tasks",
        &[
            "std::thread",
            "tokio::runtime",
            "tokio::spawn",
            "tokio::task",
            ".block_on",
            ".spawn",
            ".spawn_blocking",
            ".spawn_blocking_on",
            ".spawn_local",
            ".spawn_on",
        ],
    ),
    (
        "terminal",
        &[
            "std::io::IsTerminal",
            "std::io::stderr",
            "std::io::stdin",
            "std::io::stdout",
            "std::print",
            "crossterm::cursor",
            "crossterm::execute",
            "crossterm::queue",
            "crossterm::terminal",
            "ratatui::backend",
            "rustix::stdio",
            "rustix::termios",
        ],
    ),
];

/// The table.
pub(crate) const TABLE: &[Row<'_>] = &[
    // The program: hands over to the command line, or is the supervisor of a run.
    Row { folder: "main", names: &["cli", "runs", "runs::supervisor"], libraries: &[], may: &["processes"] },
    // The verbs; main's only way in.
    Row {
        folder: "cli",
        names: &[
            "admin",
            "admin::{backup, connection, error, partition, people, plan, status}",
            "config",
            "db",
            "domain",
            "runs",
            "runs::{client, spool, supervisor}",
            "samples",
            "sandbox",
            "session",
            "tui",
            "tui::runtime",
        ],
        libraries: &[
            "anyhow",
            "chrono",
            "clap",
            "clap_complete",
            "clap_mangen",
            "futures_util",
            "migrations",
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "unicode_width",
        ],
        may: &["async", "clock", "environment", "files", "processes", "tasks", "terminal"],
    },
    // The entry of the screen.
    Row { folder: "tui", names: &["tui::runtime"], libraries: &[], may: &[] },
    // The only part of the screen that touches the world and the terminal.
    Row {
        folder: "tui::runtime",
        names: &[
            "config",
            "db",
            "domain",
            "runs",
            "runs::{client, spool}",
            "sandbox",
            "session",
            "tui::panes::*",
            "tui::{app, effect, keymap, msg, pane, policy, request, theme}",
        ],
        libraries: &[
            "chrono",
            "crossterm",
            "futures_util",
            "libc",
            "memchr",
            "ratatui",
            "rustix",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "unicode_width",
            "uuid",
        ],
        may: &["async", "clock", "environment", "files", "processes", "tasks", "terminal"],
    },
    // Panes, focus, dialogs, layout: synchronous, no input or output, no clock.
    Row {
        folder: "tui::app",
        names: &["domain", "tui::{action, effect, keymap, msg, pane, theme, widgets}"],
        libraries: &["chrono", "crossterm", "ratatui"],
        may: &[],
    },
    // The list of the panes.
    Row { folder: "tui::panes", names: &["tui::pane", "tui::panes::*"], libraries: &[], may: &[] },
    // The panes: as the app, and none names another one.
    Row {
        folder: "tui::panes::*",
        names: &["domain", "tui::{action, effect, keymap, msg, pane, remote, request, theme, widgets}"],
        libraries: &[
            "chrono",
            "crossterm",
            "ratatui",
            "serde_json",
            "strsim",
            "tree_sitter",
            "tree_sitter_python",
            "uuid",
        ],
        may: &[],
    },
    // Know no pane, no app, no runtime.
    Row {
        folder: "tui::widgets",
        names: &["domain", "tui::{action, effect, keymap, msg, pane, remote, request, theme}"],
        libraries: &[
            "crossterm",
            "ratatui",
            "serde_json",
            "tree_sitter",
            "tree_sitter_python",
            "tui_input",
            "tui_textarea",
            "unicode_segmentation",
            "unicode_width",
        ],
        may: &[],
    },
    // The words in which app and panes speak.
    Row {
        folder: "tui::pane",
        names: &["domain", "tui::{action, effect, keymap, msg, request, theme, widgets}"],
        libraries: &["chrono", "ratatui"],
        may: &[],
    },
    Row {
        folder: "tui::msg",
        names: &["domain", "tui::{effect, keymap, request}"],
        libraries: &["chrono", "thiserror"],
        may: &[],
    },
    Row { folder: "tui::effect", names: &["tui::{pane, request}"], libraries: &[], may: &[] },
    // The requests with their policies and replies; a reply of another kind than was asked for is logged here.
    Row {
        folder: "tui::request",
        names: &["domain", "tui::{msg, policy}"],
        libraries: &["chrono", "serde", "tracing", "uuid"],
        may: &[],
    },
    Row { folder: "tui::policy", names: &[], libraries: &[], may: &[] },
    Row { folder: "tui::remote", names: &["tui::{effect, msg, request}"], libraries: &[], may: &[] },
    Row {
        folder: "tui::keymap",
        names: &["tui::{action, pane}"],
        libraries: &["crossterm", "strsim", "thiserror", "toml_edit"],
        may: &["files"],
    },
    Row { folder: "tui::action", names: &["tui::pane"], libraries: &[], may: &[] },
    Row { folder: "tui::theme", names: &["domain"], libraries: &["ratatui"], may: &[] },
    // The life of a run: what others see of it, then its floors, the highest first, then the tools of all of them.
    Row { folder: "runs", names: &["runs::{client, host, spool, supervisor}"], libraries: &[], may: &[] },
    Row {
        folder: "runs::client",
        names: &[
            "config",
            "db",
            "domain",
            "runs::{ending, host, notify, queue, removal, secrets, spool, supervisor}",
            "sandbox",
            "session",
            "storage",
        ],
        libraries: &["chrono", "inotify", "rustix", "serde", "serde_json", "thiserror", "tokio", "tracing", "uuid"],
        may: &["async", "clock", "files", "processes", "tasks"],
    },
    Row {
        folder: "runs::supervisor",
        names: &[
            "db",
            "domain",
            "faults",
            "runs::{ending, notify, queue, removal, secrets, spool}",
            "sandbox",
            "storage",
        ],
        libraries: &[
            "chrono",
            "inotify",
            "libc",
            "memchr",
            "rustix",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "tracing_subscriber",
        ],
        may: &["async", "clock", "environment", "files", "processes", "tasks", "terminal"],
    },
    Row {
        folder: "runs::ending",
        names: &["db", "domain", "faults", "runs::{removal, spool}", "sandbox", "storage"],
        libraries: &["chrono", "sha2", "thiserror", "tokio", "tracing", "uuid"],
        may: &["async", "clock", "files", "tasks"],
    },
    Row {
        folder: "runs::queue",
        names: &["runs::{notify, spool}"],
        libraries: &["inotify", "rustix", "tokio", "tracing"],
        may: &["async", "clock", "files"],
    },
    Row {
        folder: "runs::spool",
        names: &["db", "domain", "runs::removal", "sandbox"],
        libraries: &["chrono", "flate2", "memchr", "rustix", "serde", "serde_json", "thiserror"],
        may: &["clock", "files"],
    },
    Row {
        folder: "runs::secrets",
        names: &["db", "runs::spool", "session", "storage"],
        libraries: &["serde", "serde_json"],
        may: &[],
    },
    Row { folder: "runs::notify", names: &[], libraries: &["inotify", "tokio", "tracing"], may: &["async", "clock"] },
    Row { folder: "runs::removal", names: &[], libraries: &[], may: &["clock", "files"] },
    Row { folder: "runs::host", names: &[], libraries: &["rustix"], may: &[] },
    // What every use case needs.
    Row {
        folder: "session",
        names: &["config", "db", "domain", "samples", "storage"],
        libraries: &["rustix", "thiserror", "tracing", "tracing_subscriber"],
        may: &["async", "environment", "files", "processes"],
    },
    // What an operator does with a database: this file names every floor, and each floor those below it.
    Row {
        folder: "admin",
        names: &[
            "admin::{backup, catalogue, compare, connection, error, migrate, partition, people, plan, secure, status}",
        ],
        libraries: &[],
        may: &[],
    },
    // Verbs over several features.
    Row {
        folder: "admin::check",
        names: &["admin::{catalogue, compare, connection, partition, secure}", "db"],
        libraries: &["migrations"],
        may: &["async"],
    },
    Row {
        folder: "admin::migrate",
        names: &["admin::{adopt, catalogue, connection, error, execute, partition, plan, secure, sql, status}", "db"],
        libraries: &["migrations", "sea_orm"],
        may: &["async"],
    },
    // The features.
    Row {
        folder: "admin::adopt",
        names: &["admin::{catalogue, error, plan, sql, status}", "db", "domain"],
        libraries: &["migrations", "sea_orm"],
        may: &["async"],
    },
    Row {
        folder: "admin::backup",
        names: &["admin::{connection, error, execute, partition, sql, status}", "db"],
        libraries: &["chrono", "flate2", "futures_util", "migrations", "rustix", "sea_orm", "tokio", "uuid"],
        may: &["async", "environment", "files", "processes", "tasks"],
    },
    Row {
        folder: "admin::people",
        names: &["admin::{connection, error, execute, secure, sql}", "db", "domain"],
        libraries: &["chrono", "migrations", "sea_orm", "serde", "sha2", "uuid"],
        may: &["async"],
    },
    Row {
        folder: "admin::secure",
        names: &["admin::{catalogue, compare, connection, error, execute, partition, plan, sql, status}", "db"],
        libraries: &["migrations", "sea_orm", "serde", "serde_json"],
        may: &["async"],
    },
    Row {
        folder: "admin::partition",
        names: &["admin::{catalogue, connection, error, execute, plan, sql, status}", "db"],
        libraries: &["migrations", "sea_orm", "serde", "tracing"],
        may: &["async"],
    },
    // A plan is made and run.
    Row {
        folder: "admin::execute",
        names: &["admin::{connection, error, plan, sql, status}", "db"],
        libraries: &["migrations", "sea_orm", "tokio", "tracing"],
        may: &["async", "clock"],
    },
    Row {
        folder: "admin::connection",
        names: &["admin::{error, status}", "db"],
        libraries: &["migrations", "sea_orm"],
        may: &["async", "files"],
    },
    Row { folder: "admin::plan", names: &["admin::{catalogue, error, status}"], libraries: &["migrations"], may: &[] },
    Row {
        folder: "admin::status",
        names: &["admin::{catalogue, sql}", "db"],
        libraries: &["migrations", "sea_orm"],
        may: &["async"],
    },
    // What there is, and its words.
    Row { folder: "admin::compare", names: &["admin::catalogue"], libraries: &["serde"], may: &[] },
    Row {
        folder: "admin::catalogue",
        names: &["admin::sql"],
        libraries: &["migrations", "sea_orm", "serde", "serde_json"],
        may: &["async"],
    },
    Row { folder: "admin::error", names: &["db", "domain"], libraries: &["serde", "thiserror"], may: &[] },
    Row { folder: "admin::sql", names: &[], libraries: &["sea_orm"], may: &["async"] },
    // Entities and queries.
    Row {
        folder: "db",
        names: &["domain"],
        libraries: &[
            "chrono",
            "futures_util",
            "inotify",
            "migrations",
            "rustix",
            "sea_orm",
            "sea_orm_migration",
            "serde",
            "serde_json",
            "sqlx",
            "thiserror",
            "tokio",
            "tracing",
            "uuid",
        ],
        may: &["async", "clock", "files", "network", "tasks"],
    },
    // The bytes of files.
    Row {
        folder: "storage",
        names: &["db", "domain"],
        libraries: &["futures_util", "object_store", "rustix", "serde", "sha2", "thiserror", "tokio", "uuid"],
        may: &["async", "clock", "files"],
    },
    // The engines.
    Row {
        folder: "sandbox",
        names: &["config", "domain", "faults"],
        libraries: &[
            "bollard",
            "chrono",
            "futures_util",
            "libc",
            "memchr",
            "rustix",
            "seccompiler",
            "serde",
            "serde_json",
            "sha2",
            "tar",
            "thiserror",
            "tokio",
            "tokio_util",
            "tracing",
            "uuid",
        ],
        may: &["async", "clock", "environment", "files", "network", "processes", "tasks"],
    },
    // The settings.
    Row {
        folder: "config",
        names: &["domain"],
        libraries: &["clap", "config", "etcetera", "serde", "serde_json", "strsim", "thiserror", "toml_edit"],
        may: &["environment", "files", "tasks"],
    },
    // The tools that come with the program.
    Row { folder: "samples", names: &["domain"], libraries: &["toml_edit"], may: &[] },
    // Faults that tests inject.
    Row { folder: "faults", names: &[], libraries: &["rustix"], may: &["environment", "files", "processes", "tasks"] },
    // Pure data and rules: no library that does input or output.
    Row {
        folder: "domain",
        names: &[],
        libraries: &["chrono", "serde", "serde_json", "thiserror", "unicode_width", "uuid"],
        may: &[],
    },
    // The schema, a package of its own.
    Row { folder: "migrations", names: &[], libraries: &["sea_orm_migration"], may: &["async"] },
];

/// What will be right when the folders are where they belong: folder, name. Nothing may stay here.
pub(crate) const NOT_YET: &[(&str, &str)] = &[];

/// Files with unsafe code, and why it is there.
pub(crate) const UNSAFE: &[(&str, &str)] = &[
    ("src/sandbox/shim/", "the kernel's calls by which a sandbox is made, in a program of their own"),
    ("src/runs/supervisor/start.rs", "the system call by which a supervisor inherits no descriptor of its caller"),
];

/// What is wrong, a line for each; empty where nothing is.
pub(crate) fn check(table: &[Row<'_>], not_yet: &[(&str, &str)], names: &[Name]) -> String {
    let rules: Vec<Rule<'_>> = table.iter().map(Rule::of).collect();
    let mut report = String::new();
    let mut needed: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut told = BTreeSet::new();
    for name in names {
        let Some(rule) = covering(&rules, &name.module) else {
            let folder = split(&name.module).first().cloned().unwrap_or_default();
            if told.insert(folder.clone()) {
                writeln!(report, "{}: `{folder}` has no row in the table", name.file).unwrap();
            }
            continue;
        };
        for (wanted, allowed) in rule.wants(&rules, name) {
            if let Some(entry) = allowed {
                needed.insert((rule.row.folder, entry));
            } else if not_yet.contains(&(rule.row.folder, &wanted)) {
                needed.insert((rule.row.folder, wanted));
            } else {
                let (file, line, folder, path) = (&name.file, name.line, rule.row.folder, name.path.join("::"));
                writeln!(report, "{file}:{line}: `{folder}` may not name `{wanted}`: {path}").unwrap();
            }
        }
    }
    let entries = rules.iter().flat_map(|rule| rule.entries().map(|entry| (rule.row.folder, entry)));
    let listed = entries.chain(not_yet.iter().map(|(folder, name)| (*folder, (*name).to_owned())));
    for (folder, entry) in listed.filter(|listed| !needed.contains(listed)) {
        writeln!(report, "table: `{folder}` does not need `{entry}` any more").unwrap();
    }
    report
}

/// Folders that must have a row of their own, and have none; and rows without a folder.
pub(crate) fn check_rows(table: &[Row<'_>], modules: &BTreeSet<Path>) -> String {
    let rules: Vec<Rule<'_>> = table.iter().map(Rule::of).collect();
    let mut report = String::new();
    for module in modules {
        let own = split(module);
        let is_folder = own.len() == 1 || (own.len() == 2 && own[0] == "tui");
        if is_folder && !rules.iter().any(|rule| rule.folder == own) {
            writeln!(report, "`{}` has no row in the table", own.join("::")).unwrap();
        }
    }
    for rule in &rules {
        if !modules.iter().any(|module| rule.covers(split(module))) {
            writeln!(report, "table: there is no folder `{}` any more", rule.row.folder).unwrap();
        }
    }
    report
}

/// Circles of folders: arrows point one way. The files at the top of the screen are one vocabulary.
pub(crate) fn check_circles(table: &[Row<'_>]) -> String {
    let folder = |module: &str| -> String {
        let names: Vec<&str> = module.split("::").collect();
        match names.as_slice() {
            ["tui", "runtime" | "app" | "panes", ..] => names[..2].join("::"),
            ["tui", _, ..] => "the vocabulary of the screen".to_owned(),
            _ => module.to_owned(),
        }
    };
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table {
        let from = folder(row.folder);
        let to = row.names.iter().flat_map(|entry| unfold(entry)).map(|entry| folder(&entry));
        arrows.entry(from.clone()).or_default().extend(to.filter(|to| *to != from));
    }
    // What names nothing that is left is in no circle.
    while let Some(last) = arrows.iter().find(|(_, to)| to.iter().all(|to| !arrows.contains_key(to))) {
        let last = last.0.clone();
        arrows.remove(&last);
    }
    arrows.iter().fold(String::new(), |report, (from, to)| format!("{report}{from} names {to:?}\n"))
}

/// A row, taken apart.
struct Rule<'a> {
    row: &'a Row<'a>,
    folder: Vec<&'a str>,
}

/// A module of the program without `crate`, any other with the name of its crate.
fn split(module: &[String]) -> &[String] {
    if module.first().is_some_and(|first| first == "crate") { &module[1..] } else { module }
}

/// The row of a module: the one that says most of it.
fn covering<'r, 'a>(rules: &'r [Rule<'a>], module: &[String]) -> Option<&'r Rule<'a>> {
    let own = split(module);
    let weight = |rule: &&Rule<'_>| (rule.folder.len(), !rule.folder.contains(&"*"));
    rules.iter().filter(|rule| rule.covers(own)).max_by_key(weight)
}

impl<'a> Rule<'a> {
    fn of(row: &'a Row<'a>) -> Self {
        Self { row, folder: row.folder.split("::").collect() }
    }

    fn covers(&self, module: &[String]) -> bool {
        module.len() >= self.folder.len()
            && self.folder.iter().zip(module).all(|(part, name)| *part == "*" || part == name)
    }

    /// The folders and whatever else it lists, one by one.
    fn entries(&self) -> impl Iterator<Item = String> {
        let plain = self.row.libraries.iter().chain(self.row.may).map(|entry| (*entry).to_owned());
        self.row.names.iter().flat_map(|entry| unfold(entry)).chain(plain)
    }

    /// What a name needs, each with the entry that allows it.
    fn wants(&self, rules: &[Self], name: &Name) -> Vec<(String, Option<String>)> {
        let mut wants = Vec::new();
        let listed = |list: &[&str], wanted: &str| list.contains(&wanted).then(|| wanted.to_owned());
        match &name.kind {
            Kind::Path if name.path[0] == "crate" || name.path[0] == name.module[0] => {
                let Some(target) = covering(rules, &name.path) else {
                    return Vec::new();
                };
                let (own, path) = (split(&name.module), split(&name.path));
                let length = self.folder.len();
                if std::ptr::eq(target, self) && own[..length] == path[..length] {
                    return Vec::new();
                }
                let entries = self.row.names.iter().flat_map(|entry| unfold(entry));
                // An entry says nothing of what is below it and has a row of its own.
                let allowed = entries.filter(|entry| {
                    let parts: Vec<&str> = entry.split("::").collect();
                    parts.len() >= target.folder.len()
                        && parts.len() <= path.len()
                        && parts.iter().zip(path).all(|(part, name)| *part == "*" || part == name)
                        && (!target.folder.contains(&"*") || parts.contains(&"*") || parts.len() > target.folder.len())
                });
                let allowed = allowed.max_by_key(String::len);
                let is_sibling = std::ptr::eq(target, self);
                let wanted = if is_sibling { path[..length].join("::") } else { target.row.folder.to_owned() };
                wants.push((wanted, allowed.filter(|_| !is_sibling)));
            }
            Kind::Path | Kind::Everything => {
                let library = name.path[0].as_str();
                if !["std", "core", "alloc"].contains(&library) {
                    wants.push((library.to_owned(), listed(self.row.libraries, library)));
                }
                for (power, _) in POWERS.iter().filter(|(_, ways)| ways.iter().any(|way| reaches(name, way))) {
                    wants.push(((*power).to_owned(), listed(self.row.may, power)));
                }
            }
            Kind::Word => {
                let word = name.path[0].as_str();
                for (power, _) in POWERS.iter().filter(|(_, ways)| ways.contains(&word)) {
                    wants.push(((*power).to_owned(), listed(self.row.may, power)));
                }
            }
        }
        wants
    }
}

/// Whether a path leads to what `way` names; a `use` of everything does where `way` is in it. A method may be called by
/// its path as well.
fn reaches(name: &Name, way: &str) -> bool {
    if let Some(method) = way.strip_prefix('.') {
        return name.kind == Kind::Path && name.path.len() > 2 && name.path.last().is_some_and(|last| last == method);
    }
    let mut both = way.split("::").zip(&name.path);
    let long_enough = name.kind == Kind::Everything || way.split("::").count() <= name.path.len();
    long_enough && both.all(|(part, name)| part == name)
}

/// `a::{b, c}` as `a::b` and `a::c`.
fn unfold(entry: &str) -> Vec<String> {
    match entry.split_once("::{") {
        Some((before, inside)) => {
            inside.trim_end_matches('}').split(',').map(|name| format!("{before}::{}", name.trim())).collect()
        }
        None => vec![entry.to_owned()],
    }
}

/// Unsafe code outside of the files where it may be, and files where it may be and is not.
pub(crate) fn check_unsafe(audited: &[(&str, &str)], names: &[Name]) -> String {
    let mut report = String::new();
    let mut found: BTreeMap<&str, bool> = audited.iter().map(|(file, _)| (*file, false)).collect();
    for name in names.iter().filter(|name| name.kind == Kind::Word && name.path[0] == "unsafe") {
        let is_audited = |file: &str| name.file == file || (file.ends_with('/') && name.file.starts_with(file));
        match audited.iter().find(|(file, _)| is_audited(file)) {
            Some((file, _)) => drop(found.insert(file, true)),
            None => writeln!(report, "{}:{}: unsafe code", name.file, name.line).unwrap(),
        }
    }
    for (file, _) in found.into_iter().filter(|(_, used)| !used) {
        writeln!(report, "there is no unsafe code in {file} any more").unwrap();
    }
    report
}
