//! Each way to break a rule, planted in sources that stand in memory and go through the same check.

use super::{
    modules::{Files, Trees},
    names,
    table::{self, Row},
};

/// A small program with a database, a domain that hands something of it on, and two panes.
const PROGRAM: [(&str, &str); 12] = [
    ("src/lib.rs", "mod db; mod domain; mod tui; mod clock;"),
    ("src/db/mod.rs", "pub mod calculations; pub struct Db; pub use calculations::page as first;"),
    ("src/db/calculations.rs", "pub fn page() {} pub struct Row;"),
    (
        "src/domain.rs",
        "pub use crate::db::calculations::Row as Handed; pub struct Id; pub mod all { pub use super::*; }",
    ),
    ("src/clock.rs", "pub type Time = chrono::Utc;"),
    ("src/tui/mod.rs", "use crate::db; pub mod panes; pub mod widgets; pub use panes::tools::Tools;"),
    ("src/tui/panes/mod.rs", "pub mod stats; pub mod tools;"),
    ("src/tui/panes/stats.rs", "pub struct Stats;"),
    ("src/tui/panes/tools/mod.rs", "mod view; pub struct Tools;"),
    ("src/tui/panes/tools/view.rs", "pub fn draw() {}"),
    ("src/tui/panes/tools/tests.rs", "use crate::db; mod more;"),
    ("src/tui/widgets.rs", "pub struct Table;"),
];

/// What is planted beside them: the pane may name these and nothing else.
const PANE: Row<'_> =
    Row { folder: "tui::panes::*", names: &["domain", "tui::widgets"], libraries: &["chrono", "ratatui"], may: &[] };

/// What the check says of the pane when `code` stands in its file.
fn report(code: &str) -> String {
    let mut files: Files = PROGRAM.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let file = "src/tui/panes/tools/mod.rs";
    files.insert(file.to_owned(), format!("mod view; pub struct Tools;\n{code}"));
    files.insert("src/tui/panes/tools/tests/more.rs".to_owned(), "use crate::db;".to_owned());
    let crates = ["std", "core", "chrono", "crossterm", "ratatui", "tokio", "sea_orm"].map(str::to_owned);
    let names = names::names(&Trees::read(&files, &[("src/lib.rs", "crate")]), &crates);
    let of_pane: Vec<_> = names.into_iter().filter(|name| name.file == file).collect();
    let rows = ["db", "domain", "clock", "tui", "tui::panes", "tui::widgets"];
    let mut table = vec![PANE];
    table.extend(rows.map(|folder| Row { folder, names: &[], libraries: &[], may: &[] }));
    let whole = table::check(&table, &[], &of_pane);
    // Which of its entries the pane needs is another test's matter.
    whole.lines().filter(|line| !line.starts_with("table:")).fold(String::new(), |all, line| all + line + "\n")
}

/// Each source breaks a rule, and the report has this name.
#[track_caller]
fn refused(planted: &[(&str, &str)]) {
    for (code, named) in planted {
        let report = report(code);
        assert!(report.contains(named), "not seen: {code}\nwanted: {named}\nreport: {report:?}");
    }
}

#[test]
fn every_form_of_use_is_seen() {
    refused(&[
        ("use crate::db;", "crate::db"),
        ("use crate::db::Db;", "crate::db::Db"),
        ("use crate::{domain::Id, db::{Db, calculations::{self, page}}};", "crate::db::calculations::page"),
        (
            "use crate::{\n    domain::Id,\n    db::{calculations as rows},\n};",
            "mod.rs:4: `tui::panes::*` may not name `db`",
        ),
        ("use crate::db as anything;", "crate::db"),
        ("use crate::db::*;", "crate::db"),
        ("use super::super::super::db::Db;", "crate::db::Db"),
        ("use super::super::db::Db;", "crate::db::Db"),
        ("use super::stats::Stats;", "crate::tui::panes::stats::Stats"),
        ("use super::{stats as other};", "may not name `tui::panes::stats`"),
        ("use super::super::panes::stats::Stats;", "crate::tui::panes::stats::Stats"),
        ("pub use crate::db::Db;", "crate::db::Db"),
        ("pub(in crate::tui) use self::super::stats::*;", "crate::tui::panes::stats"),
        ("use ::tokio::sync::mpsc;", "may not name `tokio`"),
        ("use r#crossterm::event;", "may not name `crossterm`"),
        ("extern crate tokio as runtime;", "may not name `tokio`"),
        ("mod inner { use super::super::stats::Stats; }", "crate::tui::panes::stats::Stats"),
        ("fn f() { use crate::db::Db; }", "crate::db::Db"),
        ("#[cfg(not(test))]\nuse crate::db::Db;", "crate::db::Db"),
        ("#[cfg(any(test, unix))]\nuse crate::db::Db;", "crate::db::Db"),
    ]);
}

#[test]
fn what_a_folder_names_through_another_one_is_seen() {
    refused(&[
        ("use crate::domain::Handed;", "crate::db::calculations::Row"),
        ("use crate::domain::*; fn f(_: Handed) {}", "crate::db::calculations::Row"),
        ("use crate::domain::all::Handed;", "crate::db::calculations::Row"),
        ("use crate::domain as d; fn f(_: d::Handed) {}", "crate::db::calculations::Row"),
        ("use super::super::*; fn f() { db::first() }", "crate::db::calculations::page"),
        ("type Rows = crate::domain::Handed;", "crate::db::calculations::Row"),
        ("fn f() { crate::clock::Time::now(); }", "chrono::Utc::now"),
    ]);
}

#[test]
fn paths_in_code_are_seen() {
    refused(&[
        ("fn f() { crate::db::calculations::page() }", "crate::db::calculations::page"),
        ("fn f() { super::super::super::db::first() }", "crate::db::first"),
        ("fn f() { super::stats::Stats; }", "crate::tui::panes::stats::Stats"),
        ("fn f(x: Vec<Option<crate::db::Db>>) {}", "crate::db::Db"),
        ("struct S { rows: Box<dyn Fn(crate::db::Db)> }", "crate::db::Db"),
        ("fn f(x: u8) { match x { crate::db::LIMIT => {}, _ => {} } }", "crate::db::LIMIT"),
        ("fn f() { if let super::stats::Stats = g() {} }", "crate::tui::panes::stats::Stats"),
        ("impl From<crate::db::Db> for Tools { fn from(_: u8) {} }", "crate::db::Db"),
        ("fn f<T: sea_orm::Trait>() {}", "may not name `sea_orm`"),
        ("#[derive(sea_orm::FromQueryResult)] struct S;", "may not name `sea_orm`"),
        ("#[tokio::main] fn f() {}", "may not name `tokio`"),
        ("#[serde(with = \"crate::db::time\")] struct S;", "crate::db::time"),
        ("use chrono::Utc; fn f() { Utc::now(); }", "may not name `clock`"),
        ("fn f() { chrono::Utc::now(); }", "may not name `clock`"),
        ("fn f() { <chrono::Utc>::now(); }", "may not name `clock`"),
        ("use chrono::*;", "may not name `clock`"),
        ("type T = chrono::Utc; fn f() { T::now(); }", "may not name `clock`"),
        ("use std::time; fn f() { time::Instant::now(); }", "may not name `clock`"),
        ("use std::time::*;", "may not name `clock`"),
        ("fn f() { use std::time as t; t::SystemTime::now(); }", "may not name `clock`"),
        ("fn f(since: T) { since.elapsed(); }", "may not name `clock`"),
        ("use std::{fmt, fs::File};", "may not name `files`"),
        ("fn f(p: &std::path::Path) { p.exists(); }", "may not name `files`"),
        ("use std::path::Path; fn f(p: &Path) { Path::exists(p); }", "may not name `files`"),
        ("fn f() { std::env::var(\"HOME\"); }", "may not name `environment`"),
        ("use std::process;", "may not name `processes`"),
        ("use std::net::TcpStream;", "may not name `network`"),
        ("fn f() { std::thread::spawn(g); }", "may not name `tasks`"),
        ("fn f(h: H) { h.spawn_blocking(g); }", "may not name `tasks`"),
        ("use std::io::{self, Write}; fn f() { io::stdout(); }", "may not name `terminal`"),
        ("fn f() { println!(); }", "may not name `terminal`"),
    ]);
}

#[test]
fn macros_are_looked_into() {
    refused(&[
        ("fn f() -> String { format!(\"{}\", crate::db::first()) }", "crate::db::first"),
        ("fn f() { vec![super::stats::Stats]; }", "crate::tui::panes::stats::Stats"),
        ("fn f(x: u8) -> bool { matches!(x, crate::db::LIMIT) }", "crate::db::LIMIT"),
        ("use chrono::Utc; fn f() { assert!([Utc::now()].is_empty()); }", "may not name `clock`"),
        ("fn f() { tokio::select! { _ = g() => {} } }", "may not name `tokio`"),
        ("fn f() { write!(x, \"{:?}\", <chrono::Utc>::now()); }", "may not name `clock`"),
        ("macro_rules! m { () => { $crate::db::first() } }", "crate::db::first"),
        ("macro_rules! m { () => { use crate::{domain::Id, db::{Db as D}}; } }", "crate::db::Db"),
        ("macro_rules! m { () => { async {}.await } }", "may not name `async`"),
        ("fn f() { g!(x.spawn_blocking(h)); }", "may not name `tasks`"),
        ("fn f() { g!(println!()); }", "may not name `terminal`"),
    ]);
}

#[test]
fn nothing_is_passed_over_but_tests() {
    refused(&[
        ("#[cfg(test)]\nmod tests;\nuse crate::db::Db;", "mod.rs:4: `tui::panes::*` may not name `db`: crate::db::Db"),
        ("#[cfg(test)]\nmod tests { fn f() {} }\nfn f() { crate::db::first() }", "crate::db::first"),
        ("#[cfg(test)]\nuse x::y;\nasync fn f() {}", "may not name `async`"),
        ("fn f() { async move {}; }", "may not name `async`"),
        ("fn f() { async || {}; }", "may not name `async`"),
        ("impl Tools { async fn f() { g().await } }", "may not name `async`"),
    ]);
}

#[test]
fn what_is_allowed_passes() {
    for code in [
        "use crate::{domain::{self, Id}, tui::widgets::{Table, *}};",
        "use super::super::widgets; fn f() { widgets::Table; domain() } fn domain() {}",
        "use chrono::{DateTime, Utc}; fn f(at: DateTime<Utc>) -> DateTime<Utc> { at }",
        "use ratatui::{Frame, layout::Rect as R}; use std::{collections::HashMap, fmt::Write as _, io};",
        "use self::view::draw; use super::tools::Tools as Same; fn f() { crate::tui::panes::tools::view::draw() }",
        "pub(in crate::tui) fn f(db: u8) -> u8 { let fs = db; fs }",
        "#[cfg(test)]\nmod tests;",
        "#[cfg(test)]\n#[path = \"tests.rs\"]\nmod others;",
        "#[cfg(all(test, unix))]\nmod tests { use crate::db::Db; async fn f() { std::fs::read(\"x\"); } }",
        "#[cfg(test)]\nuse crate::db;\n#[cfg(test)]\nfn f() { crate::db::first() }",
        "impl Tools { #[cfg(test)] fn f() { crate::db::first() } }",
        "/// Unlike [`crate::db::Db`].\nfn f() { \"crate::db tokio::spawn\"; } // crate::db",
        "fn f() { format!(\"{} {db}\", domain.config, db = 1); Vec::<u8>::new(); g!(Vec::<u8>::new()); }",
        "fn f(x: Option<u8>) -> Result<u8, u8> { Option::None.ok_or(1) }",
    ] {
        assert_eq!(report(code), "", "{code}");
    }
}

#[test]
fn the_table_stays_tight() {
    let files: Files = PROGRAM.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let trees = Trees::read(&files, &[("src/lib.rs", "crate")]);
    let names = names::names(&trees, &["chrono".to_owned()]);
    let modules = trees.modules.keys().cloned().collect();
    let row = |folder, names, libraries| Row { folder, names, libraries, may: &[] };
    let whole = [
        row("clock", &[], &["chrono"]),
        row("db", &[], &[]),
        row("domain", &["db"], &[]),
        row("tui", &["db", "tui::panes::*"], &[]),
        row("tui::panes", &[], &[]),
        row("tui::panes::*", &[], &[]),
        row("tui::widgets", &[], &[]),
    ];
    assert_eq!(table::check(&whole, &[], &names), "");
    assert_eq!(table::check_rows(&whole, &modules), "");

    let mut more = whole;
    more[1] = row("db", &["domain"], &["tokio"]);
    let report = table::check(&more, &[("tui", "clock")], &names);
    for old in ["`db` does not need `domain`", "`db` does not need `tokio`", "`tui` does not need `clock`"] {
        assert!(report.contains(old), "{report}");
    }
    let mut less = whole;
    less[2] = row("domain", &[], &[]);
    let report = table::check(&less, &[], &names);
    assert!(report.contains("src/domain.rs:1: `domain` may not name `db`: crate::db::calculations::Row"), "{report}");
    assert_eq!(table::check(&less, &[("domain", "db")], &names), "", "it is listed as not yet right");

    assert!(table::check_rows(&whole[1..], &modules).contains("`clock` has no row"));
    let report = table::check_rows(&whole[..6], &modules);
    assert!(report.contains("`tui::widgets` has no row"), "{report}");
    let mut old = whole;
    old[0] = row("gone", &[], &[]);
    assert!(table::check_rows(&old, &modules).contains("there is no folder `gone` any more"));

    let circle = [row("db", &["domain"], &[]), row("domain", &["db"], &[]), row("tui", &["db"], &[])];
    assert!(table::check_circles(&circle).contains("db names {\"domain\"}"));
    assert_eq!(table::check_circles(&whole), "");
}

#[test]
fn unsafe_code_is_seen_in_every_form() {
    for code in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for Tools {}",
        "unsafe trait T {}",
        "unsafe extern \"C\" { fn f(); }",
        "macro_rules! m { () => { unsafe { g() } } }",
        "#[unsafe(no_mangle)] fn f() {}",
    ] {
        let files = Files::from([("src/lib.rs".to_owned(), code.to_owned())]);
        let names = names::names(&Trees::read(&files, &[("src/lib.rs", "crate")]), &[]);
        assert_eq!(table::check_unsafe(&[], &names).lines().count(), 1, "{code}: {names:?}");
        assert_eq!(table::check_unsafe(&[("src/lib.rs", "")], &names), "", "{code}");
        assert!(table::check_unsafe(&[("src/lib.rs", ""), ("src/db.rs", "")], &names).contains("src/db.rs"));
    }
}
