//! The catalogue: loading, filtering, making a calculation, hostile text.

use super::*;
use crate::{
    domain::{
        id::ToolId,
        page::{Cursor, CursorValue, Page},
    },
    tui::{
        msg::SessionInfo,
        request::Reply,
        testing::{self, Bench},
    },
};

fn tool(id: i64, name: &str) -> Tool {
    Tool {
        display_name: name.to_owned(),
        description: "Deflection of a beam.\n\nSource: Timoshenko, Strength of Materials, part I, section 39."
            .to_owned(),
        code_template: "def calculate(length, load):\n\treturn {\"w\": length * load}\n".to_owned(),
        ..testing::tool(id)
    }
}

fn page(tools: Vec<Tool>) -> Reply {
    let cursors = tools.iter().map(|tool| Cursor { value: CursorValue::Null, id: tool.id.0 }).collect();
    Reply::Tools(Page { rows: tools, cursors, more_before: false, more_after: false })
}

fn loaded(tools: Vec<Tool>) -> Bench<Tools> {
    let mut bench = Bench::new(&PANE, Tools::default());
    bench.event(Event::Shown);
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    bench.reply(page(tools));
    bench.clear();
    bench
}

fn two() -> Bench<Tools> {
    loaded(vec![tool(1, "Beam deflection"), tool(2, "Bolted joint \u{1b}[31m\u{202e}")])
}

#[test]
fn enter_makes_a_calculation_from_the_selected_tool() {
    let mut bench = two();
    bench.keys("down enter");
    assert_eq!(bench.intents, [Intent::FromTool(ToolId(2))]);
}

#[test]
fn nothing_is_loaded_before_it_is_seen() {
    let mut bench = Bench::new(&PANE, Tools::default());
    bench.event(Event::Fact(Fact::Opened(SessionInfo::default())));
    assert!(bench.effects.is_empty());
    bench.event(Event::Shown);
    assert!(matches!(bench.request().1, Request::ListTools { .. }));
    assert!(bench.screen().contains("loading the tools"));
}

#[test]
fn a_tool_published_elsewhere_appears_once_the_catalogue_is_seen() {
    let mut bench = two();
    bench.keys("down");
    bench.event(Event::Hidden);
    bench.event(Event::Fact(Fact::ToolsChanged));
    assert!(bench.effects.is_empty(), "nobody looks");
    bench.event(Event::Shown);
    bench.reply(page(vec![tool(3, "Airfoil"), tool(1, "Beam deflection"), tool(2, "Bolted joint")]));
    assert_eq!(bench.pane.table.selected_id(), Some(2));
    assert!(bench.screen().contains("Airfoil"));
    bench.clear();
    bench.event(Event::Fact(Fact::ToolsChanged));
    assert!(matches!(bench.request().1, Request::ListTools { .. }));
}

#[test]
fn typing_filters_and_esc_shows_all_again() {
    let mut bench = two();
    bench.keys("/");
    bench.text("bolt q");
    let Request::ListTools { text, .. } = bench.request().1 else { panic!() };
    assert_eq!(text, "bolt q", "letters are text, not commands");
    bench.reply(page(Vec::new()));
    assert!(bench.screen().contains("No tool has this in its name"));
    bench.keys("enter");
    assert!(!bench.pane.typing());
    bench.keys("esc");
    let Request::ListTools { text, .. } = bench.request().1 else { panic!() };
    assert_eq!(text, "");
    bench.keys("esc");
    assert_eq!(bench.intents, [Intent::Back]);
}

#[test]
fn a_failed_load_keeps_the_rows_and_says_why() {
    let mut bench = two();
    bench.keys("ctrl-r");
    bench.fail("the database is locked by another program; try again");
    let screen = bench.screen();
    assert!(screen.contains("Beam deflection") && screen.contains("✗ the database is locked"), "{screen}");
}

#[test]
fn looks() {
    let mut bench = two();
    insta::assert_snapshot!("narrow", bench.screen());
    bench.keys("down");
    bench.resize(140, 37);
    insta::assert_snapshot!("wide", bench.screen());
    bench.keys("z");
    for (width, height) in [(40, 7), (20, 2), (1, 1)] {
        bench.resize(width, height);
        bench.screen();
        bench.keys("pagedown G z");
        bench.screen();
    }
    assert!(!loaded(Vec::new()).screen().contains("loading"));
}

#[test]
fn the_list_has_the_keys_after_a_filter() {
    let mut bench = two();
    bench.keys("right /");
    bench.text("b");
    bench.keys("enter down enter");
    assert_eq!(bench.intents, [Intent::FromTool(ToolId(2))], "not the detail, which had them before");
}
