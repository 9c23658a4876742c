//! What the declarations of all panes must be to each other.

use super::PANES;
use crate::{
    domain::id::{CalculationId, ToolId},
    tui::{action::SHARED, pane::Intent},
};
use std::collections::HashSet;

/// One of each.
fn intents() -> Vec<Intent> {
    let id = CalculationId(1);
    let all = vec![
        Intent::New,
        Intent::FromTool(ToolId(1)),
        Intent::ChooseTool,
        Intent::Edit(id),
        Intent::EditCopy(id),
        Intent::EditAt(id, 1),
        Intent::Watch(id),
        Intent::Show(id),
        Intent::Back,
    ];
    for intent in &all {
        // A new one does not compile here; it belongs into the list above.
        match intent {
            Intent::New
            | Intent::FromTool(_)
            | Intent::ChooseTool
            | Intent::Edit(_)
            | Intent::EditCopy(_)
            | Intent::EditAt(..)
            | Intent::Watch(_)
            | Intent::Show(_)
            | Intent::Back => {}
        }
    }
    all
}

#[test]
fn each_intent_is_taken_by_one_pane_or_by_the_app() {
    for intent in intents() {
        let takers: Vec<_> = PANES.iter().filter(|pane| (pane.takes)(&intent)).map(|pane| pane.id).collect();
        let wanted = usize::from(intent != Intent::Back);
        assert_eq!(takers.len(), wanted, "{intent:?} is taken by {takers:?}");
    }
}

#[test]
fn names_tell_panes_and_contexts_apart() {
    let ids: HashSet<_> = PANES.iter().map(|pane| pane.id).collect();
    assert_eq!(ids.len(), PANES.len());
    let contexts = || PANES.iter().flat_map(|pane| pane.contexts).chain(&SHARED);
    let (names, titles): (HashSet<_>, HashSet<_>) = contexts().map(|context| (context.name, context.title)).unzip();
    assert_eq!((names.len(), titles.len()), (contexts().count(), contexts().count()));
    let short: HashSet<_> = PANES.iter().map(|pane| pane.short_title).collect();
    assert_eq!(short.len(), PANES.len(), "the short titles tell them apart, too");
    assert!(PANES.iter().all(|pane| pane.short_title.len() <= pane.title.len()));
}
