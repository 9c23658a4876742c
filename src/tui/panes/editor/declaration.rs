//! What the pane tells the program of itself: its tab, its commands, what it does for others.

use super::EditorPane;
use crate::tui::{
    action::{Action, Command, Context},
    pane::{Intent, PaneId, PaneSpec},
};

/// The pane.
pub static PANE: PaneSpec = PaneSpec {
    id: ID,
    title: "Editor",
    short_title: "Editor",
    doc: "The editor",
    contexts: &[EDITOR, DRAFTS],
    takes: |intent| {
        matches!(intent, Intent::New | Intent::FromTool(_) | Intent::Edit(_) | Intent::EditCopy(_) | Intent::EditAt(..))
    },
    make: || Box::<EditorPane>::default(),
};

pub(super) const ID: PaneId = PaneId("editor");

/// A new calculation from a tool.
pub(super) const FROM_TOOL: Action = Action::Own("from-tool");
/// Save it and run it.
pub(super) const RUN: Action = Action::Own("run");
/// Save it.
pub(super) const SAVE: Action = Action::Own("save");
/// From the code to the parameters and on.
pub(super) const NEXT_FIELD: Action = Action::Own("next-field");
/// And back.
pub(super) const PREVIOUS_FIELD: Action = Action::Own("previous-field");
/// Go to a line.
pub(super) const GO_TO_LINE: Action = Action::Own("go-to-line");
/// Undo.
pub(super) const UNDO: Action = Action::Own("undo");
/// Redo.
pub(super) const REDO: Action = Action::Own("redo");
/// Indent by four spaces.
pub(super) const INDENT: Action = Action::Own("indent");
/// Unindent.
pub(super) const UNINDENT: Action = Action::Own("unindent");
/// Comment or uncomment.
pub(super) const COMMENT: Action = Action::Own("comment");
/// Cut what is selected.
pub(super) const CUT: Action = Action::Own("cut");
/// Insert what was cut or copied.
pub(super) const INSERT: Action = Action::Own("insert");
/// Delete the line.
pub(super) const DELETE_LINE: Action = Action::Own("delete-line");
/// Edit it in `$EDITOR`.
pub(super) const EDIT_EXTERNAL: Action = Action::Own("edit-external");

/// The code and the parameters.
pub(super) const EDITOR: Context = Context {
    name: "editor",
    title: "Editor",
    commands: &[
        Command::new(RUN, "run", &["f5"], "Save it and run it").hint("save and run"),
        Command::new(SAVE, "save", &["ctrl-s"], "Save it").hint("save"),
        Command::new(NEXT_FIELD, "next-field", &["f6"], "From the code to the parameters and on").hint("next field"),
        Command::new(PREVIOUS_FIELD, "previous-field", &["shift-f6"], "Back to the field before"),
        Command::new(Action::Find, "find", &["ctrl-f"], "Find text").hint("find"),
        Command::new(Action::FindNext, "find-next", &["f3"], "The next match"),
        Command::new(Action::FindPrevious, "find-previous", &["shift-f3"], "The match before"),
        Command::new(GO_TO_LINE, "go-to-line", &["ctrl-g"], "Go to a line").hint("line"),
        Command::new(UNDO, "undo", &["ctrl-z"], "Undo").hint("undo"),
        Command::new(REDO, "redo", &["ctrl-y"], "Redo"),
        Command::new(INDENT, "indent", &["tab"], "Indent by four spaces"),
        Command::new(UNINDENT, "unindent", &["shift-tab"], "Unindent"),
        Command::new(COMMENT, "comment", &["ctrl-t"], "Comment or uncomment the lines"),
        Command::new(Action::Copy, "copy", &["ctrl-c"], "Copy what is selected"),
        Command::new(CUT, "cut", &["ctrl-x"], "Cut what is selected"),
        Command::new(INSERT, "insert", &["ctrl-v"], "Insert what was cut or copied here"),
        Command::new(DELETE_LINE, "delete-line", &["ctrl-k"], "Delete the line"),
        Command::new(EDIT_EXTERNAL, "edit-external", &["ctrl-e"], "Edit it in $VISUAL or $EDITOR").hint("$EDITOR"),
    ],
};

/// The editor without a calculation: unsaved texts of earlier sessions.
pub(super) const DRAFTS: Context = Context {
    name: "drafts",
    title: "Unsaved texts",
    commands: &[
        Command::new(Action::Open, "open", &["enter"], "Go on with the unsaved text").hint("go on"),
        Command::new(Action::New, "new", &["n"], "Write a new calculation").hint("new"),
        Command::new(FROM_TOOL, "from-tool", &["t"], "Make a calculation from a tool").hint("from tool"),
        Command::new(Action::Delete, "delete", &["D"], "Forget the unsaved text, after a question").hint("forget"),
    ],
};
