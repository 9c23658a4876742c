//! Every command of the screen, declared once.
//!
//! [`COMMANDS`] is the only list: the keymap, the hint bar, the help page, the palette, `keymap.toml` and the table
//! of keys in the README are made from it.

use super::pane::PaneId;

/// What a key, the palette or the mouse asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    // Everywhere
    /// Leave the program; runs go on.
    Quit,
    /// The keys of this pane.
    Help,
    /// Every command by name.
    Palette,
    /// A pane to the front.
    Go(PaneId),
    /// The next tab.
    NextPane,
    /// The tab before.
    PreviousPane,
    /// Cancel, then clear the filter, then leave.
    Back,
    /// Give the terminal back to the shell.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Mouse reports on or off.
    ToggleMouse,

    // Moving
    /// One up.
    Up,
    /// One down.
    Down,
    /// To the left, or out of the detail.
    Left,
    /// To the right, or into the detail.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// The first.
    Top,
    /// The last.
    Bottom,

    // Lists
    /// Open what is selected.
    Open,
    /// Filter the list in place.
    Filter,
    /// Choose which states to show.
    FilterStatus,
    /// Choose the order.
    Sort,
    /// Mark or unmark.
    Mark,
    /// Load again.
    Reload,

    // Calculations
    /// A new calculation.
    New,
    /// A new calculation from a tool.
    FromTool,
    /// Run it.
    Run,
    /// An edited copy, every setting copied.
    RunEdited,
    /// Stop it.
    Stop,
    /// Delete it.
    Delete,
    /// Edit it here.
    Edit,
    /// Edit it in `$EDITOR`.
    EditExternal,
    /// Watch its run.
    Watch,
    /// Copy the result or the text shown.
    Copy,

    // Editor
    /// Save it.
    Save,
    /// Undo.
    Undo,
    /// Redo.
    Redo,
    /// Find text.
    Find,
    /// The next match.
    FindNext,
    /// The match before.
    FindPrevious,
    /// Go to a line.
    GoToLine,
    /// Indent by four spaces.
    Indent,
    /// Unindent.
    Unindent,
    /// Comment or uncomment.
    Comment,
    /// Cut what is selected.
    Cut,
    /// Insert what was cut or copied.
    Insert,
    /// Delete the line.
    DeleteLine,
    /// From the code to the parameters and on.
    NextField,
    /// And back.
    PreviousField,

    // Monitor
    /// Follow the end of the log.
    Follow,
    /// Wrap long lines.
    Wrap,
    /// Show when each line arrived.
    Times,
    /// Only the log.
    Zoom,
    /// Only the lines that contain a text.
    FilterLines,
    /// Write the log to a file.
    Export,

    // Dialogs and text fields
    /// Take it.
    Accept,
    /// Close without an answer.
    Cancel,
}

/// Where a key means something. Names are those of `keymap.toml`'s tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// Everywhere, asked last.
    Global,
    /// Lists, trees and pages.
    Move,
    /// The list of calculations and its detail.
    Calculations,
    /// The catalogue.
    Tools,
    /// The code and the parameters.
    Editor,
    /// The editor without a calculation: unsaved texts of earlier sessions.
    Drafts,
    /// Runs and their logs.
    Monitor,
    /// Figures.
    Stats,
    /// A question.
    Dialog,
    /// A one-line text field.
    Input,
}

impl Action {
    /// The moves that a turn of the wheel means; up is negative.
    pub fn wheel(lines: i16) -> impl Iterator<Item = Self> {
        let step = if lines < 0 { Self::Up } else { Self::Down };
        std::iter::repeat_n(step, lines.unsigned_abs().into())
    }
}

impl Context {
    /// All of them, in the order of the help page.
    pub const ALL: [Self; 10] = [
        Self::Calculations,
        Self::Tools,
        Self::Editor,
        Self::Drafts,
        Self::Monitor,
        Self::Stats,
        Self::Move,
        Self::Global,
        Self::Dialog,
        Self::Input,
    ];

    /// The table in `keymap.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Move => "move",
            Self::Calculations => "calculations",
            Self::Tools => "tools",
            Self::Editor => "editor",
            Self::Drafts => "drafts",
            Self::Monitor => "monitor",
            Self::Stats => "stats",
            Self::Dialog => "dialog",
            Self::Input => "input",
        }
    }

    /// The heading in help and README.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::Move => "Moving",
            Self::Calculations => "Calculations",
            Self::Tools => "Tools",
            Self::Editor => "Editor",
            Self::Drafts => "Unsaved texts",
            Self::Monitor => "Monitor",
            Self::Stats => "Stats",
            Self::Dialog => "Dialogs",
            Self::Input => "Text fields",
        }
    }
}

/// A command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Where.
    pub context: Context,
    /// What.
    pub action: Action,
    /// Its key in `keymap.toml` and its name in the palette; unique in its context.
    pub name: &'static str,
    /// One line, for help and README.
    pub doc: &'static str,
    /// Default keys; the first is the one that is shown.
    pub keys: &'static [&'static str],
    /// The word in the hint bar; empty for none.
    pub hint: &'static str,
}

const fn command(
    context: Context,
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    hint: &'static str,
    doc: &'static str,
) -> Command {
    Command { context, action, name, doc, keys, hint }
}

/// All commands. Within a context they stand in the order of their importance: the hint bar shows the first that fit.
pub static COMMANDS: &[Command] = {
    use Action as A;
    use Context as C;
    &[
        command(C::Calculations, A::Open, "open", &["enter"], "open", "Open: the run while it lives, else the result"),
        command(C::Calculations, A::Run, "run", &["r", "f5"], "run", "Run it; a finished one is run again as a copy"),
        command(C::Calculations, A::New, "new", &["n"], "new", "Write a new calculation"),
        command(C::Calculations, A::FromTool, "from-tool", &["t"], "from tool", "Make a calculation from a tool"),
        command(
            C::Calculations,
            A::RunEdited,
            "run-edited",
            &["R"],
            "re-run edited",
            "Edit a copy, every setting copied",
        ),
        command(C::Calculations, A::Edit, "edit", &["e"], "edit", "Edit it while it was not started"),
        command(C::Calculations, A::Stop, "stop", &["x"], "stop", "Stop it, or the marked ones, after a question"),
        command(C::Calculations, A::Filter, "filter", &["/"], "filter", "Only names that contain a text"),
        command(C::Calculations, A::FilterStatus, "filter-status", &["s"], "states", "Choose which states to show"),
        command(C::Calculations, A::Sort, "sort", &["o"], "sort", "Choose the order"),
        command(C::Calculations, A::Mark, "mark", &["space"], "mark", "Mark or unmark it"),
        command(
            C::Calculations,
            A::Delete,
            "delete",
            &["D"],
            "delete",
            "Delete it, or the marked ones, after a question",
        ),
        command(C::Calculations, A::Watch, "watch", &["w"], "log", "Watch its run and read its log"),
        command(C::Calculations, A::Zoom, "zoom", &["z"], "", "Give the detail the whole body, or take it back"),
        command(C::Calculations, A::Copy, "copy", &["y"], "", "Copy its result to the clipboard"),
        command(C::Calculations, A::Reload, "reload", &["ctrl-r"], "", "Load the list again"),
        command(C::Tools, A::Open, "use", &["enter", "n"], "make a calculation", "Make a calculation from it"),
        command(C::Tools, A::Filter, "filter", &["/"], "filter", "Only tools that contain a text"),
        command(C::Tools, A::Copy, "copy", &["y"], "copy code", "Copy its code to the clipboard"),
        command(C::Tools, A::Zoom, "zoom", &["z"], "", "Give the detail the whole body, or take it back"),
        command(C::Tools, A::Reload, "reload", &["ctrl-r"], "", "Load the list again"),
        command(C::Editor, A::Run, "run", &["f5"], "save and run", "Save it and run it"),
        command(C::Editor, A::Save, "save", &["ctrl-s"], "save", "Save it"),
        command(C::Editor, A::NextField, "next-field", &["f6"], "next field", "From the code to the parameters and on"),
        command(C::Editor, A::PreviousField, "previous-field", &["shift-f6"], "", "Back to the field before"),
        command(C::Editor, A::Find, "find", &["ctrl-f"], "find", "Find text"),
        command(C::Editor, A::FindNext, "find-next", &["f3"], "", "The next match"),
        command(C::Editor, A::FindPrevious, "find-previous", &["shift-f3"], "", "The match before"),
        command(C::Editor, A::GoToLine, "go-to-line", &["ctrl-g"], "line", "Go to a line"),
        command(C::Editor, A::Undo, "undo", &["ctrl-z"], "undo", "Undo"),
        command(C::Editor, A::Redo, "redo", &["ctrl-y"], "", "Redo"),
        command(C::Editor, A::Indent, "indent", &["tab"], "", "Indent by four spaces"),
        command(C::Editor, A::Unindent, "unindent", &["shift-tab"], "", "Unindent"),
        command(C::Editor, A::Comment, "comment", &["ctrl-t"], "", "Comment or uncomment the lines"),
        command(C::Editor, A::Copy, "copy", &["ctrl-c"], "", "Copy what is selected"),
        command(C::Editor, A::Cut, "cut", &["ctrl-x"], "", "Cut what is selected"),
        command(C::Editor, A::Insert, "insert", &["ctrl-v"], "", "Insert what was cut or copied here"),
        command(C::Editor, A::DeleteLine, "delete-line", &["ctrl-k"], "", "Delete the line"),
        command(C::Editor, A::EditExternal, "edit-external", &["ctrl-e"], "$EDITOR", "Edit it in $VISUAL or $EDITOR"),
        command(C::Drafts, A::Open, "open", &["enter"], "go on", "Go on with the unsaved text"),
        command(C::Drafts, A::New, "new", &["n"], "new", "Write a new calculation"),
        command(C::Drafts, A::FromTool, "from-tool", &["t"], "from tool", "Make a calculation from a tool"),
        command(C::Drafts, A::Delete, "delete", &["D"], "forget", "Forget the unsaved text, after a question"),
        command(C::Monitor, A::Stop, "stop", &["x"], "stop", "Stop it: gently, then by force"),
        command(C::Monitor, A::Follow, "follow", &["f"], "follow", "Follow the end of the log"),
        command(C::Monitor, A::Open, "open", &["enter"], "open", "The log; then the result, or the line that failed"),
        command(C::Monitor, A::Find, "find", &["/"], "find", "Find text in the log"),
        command(C::Monitor, A::FindNext, "find-next", &["n"], "", "The next match"),
        command(C::Monitor, A::FindPrevious, "find-previous", &["N"], "", "The match before"),
        command(
            C::Monitor,
            A::FilterLines,
            "filter-lines",
            &["&"],
            "only lines",
            "Only lines with a text; Esc goes back to where one stands",
        ),
        command(C::Monitor, A::Wrap, "wrap", &["w"], "wrap", "Wrap long lines"),
        command(C::Monitor, A::Times, "times", &["t"], "times", "Show when each line arrived"),
        command(C::Monitor, A::Zoom, "zoom", &["z"], "zoom", "Only the log"),
        command(C::Monitor, A::RunEdited, "run-edited", &["R"], "re-run edited", "Edit a copy, every setting copied"),
        command(C::Monitor, A::Edit, "edit", &["e"], "", "Go to the code, at the line of the error"),
        command(C::Monitor, A::Copy, "copy", &["y"], "", "Copy the visible lines of the log"),
        command(C::Monitor, A::Export, "export", &["s"], "", "Write the log to a file"),
        command(C::Stats, A::Reload, "reload", &["ctrl-r"], "load again", "Load the figures again"),
        command(C::Move, A::Up, "up", &["up", "k"], "", "One up"),
        command(C::Move, A::Down, "down", &["down", "j"], "", "One down"),
        command(C::Move, A::Left, "left", &["left", "h"], "", "To the left, or back to the list"),
        command(C::Move, A::Right, "right", &["right", "l"], "", "To the right, or into the detail"),
        command(C::Move, A::PageUp, "page-up", &["pageup"], "", "A page up"),
        command(C::Move, A::PageDown, "page-down", &["pagedown"], "", "A page down"),
        command(C::Move, A::HalfUp, "half-up", &["ctrl-u"], "", "Half a page up"),
        command(C::Move, A::HalfDown, "half-down", &["ctrl-d"], "", "Half a page down"),
        command(C::Move, A::Top, "top", &["g", "home"], "", "The first"),
        command(C::Move, A::Bottom, "bottom", &["G", "end"], "", "The last"),
        command(C::Global, A::Help, "help", &["?", "f1"], "help", "The keys of this pane"),
        command(C::Global, A::Palette, "palette", &[":", "ctrl-p"], "commands", "Every command by name"),
        command(C::Global, A::Quit, "quit", &["q", "ctrl-c"], "quit", "Leave; runs go on"),
        command(C::Global, A::Go(PaneId::Calculations), "calculations", &["1"], "", "The calculations"),
        command(C::Global, A::Go(PaneId::Tools), "tools", &["2"], "", "The tools"),
        command(C::Global, A::Go(PaneId::Editor), "editor", &["3"], "", "The editor"),
        command(C::Global, A::Go(PaneId::Monitor), "monitor", &["4"], "", "The runs"),
        command(C::Global, A::Go(PaneId::Stats), "stats", &["5"], "", "Own figures and the database's health"),
        command(C::Global, A::NextPane, "next-pane", &["tab"], "", "The next pane"),
        command(C::Global, A::PreviousPane, "previous-pane", &["shift-tab"], "", "The pane before"),
        command(C::Global, A::Back, "back", &["esc"], "back", "Cancel, then clear the filter, then go back"),
        command(C::Global, A::Suspend, "suspend", &["ctrl-z"], "", "Back to the shell until `fg`"),
        command(C::Global, A::Redraw, "redraw", &["ctrl-l"], "", "Draw the screen anew"),
        command(
            C::Global,
            A::ToggleMouse,
            "toggle-mouse",
            &["m"],
            "",
            "Mouse on, or left to the terminal for selecting",
        ),
        command(C::Dialog, A::Accept, "accept", &["enter"], "ok", "Take what is chosen"),
        command(C::Dialog, A::Cancel, "cancel", &["esc"], "cancel", "Close without an answer"),
        command(C::Input, A::Accept, "accept", &["enter"], "ok", "Take the text"),
        command(C::Input, A::Cancel, "cancel", &["esc"], "cancel", "Leave the field"),
    ]
};

/// The commands of a context, in the order of their importance.
pub fn of(context: Context) -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(move |command| command.context == context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_actions_are_unique_in_their_context() {
        let (mut names, mut actions) = (HashSet::new(), HashSet::new());
        for command in COMMANDS {
            assert!(names.insert((command.context, command.name)), "two commands {}", command.name);
            assert!(actions.insert((command.context, command.action)), "two entries for {:?}", command.action);
            assert!(!command.doc.is_empty() && !command.doc.ends_with('.'), "{}", command.name);
            assert!(Context::ALL.contains(&command.context));
        }
    }
}
