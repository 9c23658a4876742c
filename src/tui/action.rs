//! What a key, the palette or the mouse can ask for, and where: the vocabulary that all panes share.
//!
//! A command is declared once, as a [`Command`] in the list of its [`Context`]. The contexts that every pane shares are
//! here; those of a pane stand in its folder, with constants for the actions that only it knows
//! (`const FOLLOW: Action = Action::Own("follow")`). The keymap, the hint bar, the help page, the palette,
//! `keymap.toml` and the table of keys in the README are made from these lists.

use super::pane::PaneId;

/// What a command does.
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

    // Lists and details
    /// Open what is selected.
    Open,
    /// Make a new one.
    New,
    /// Delete what is selected.
    Delete,
    /// Mark or unmark.
    Mark,
    /// Filter the list in place.
    Filter,
    /// Copy what is selected or shown.
    Copy,
    /// Give one part of the pane all its room.
    Zoom,
    /// Load again.
    Reload,

    // Texts and logs
    /// Find text.
    Find,
    /// The next match.
    FindNext,
    /// The match before.
    FindPrevious,

    // Dialogs and text fields
    /// Take it.
    Accept,
    /// Close without an answer.
    Cancel,

    /// What only the pane knows that declares it, by a name that is unique in that pane.
    Own(&'static str),
}

impl Action {
    /// The moves that a turn of the wheel means; up is negative.
    pub fn wheel(lines: i16) -> impl Iterator<Item = Self> {
        let step = if lines < 0 { Self::Up } else { Self::Down };
        std::iter::repeat_n(step, lines.unsigned_abs().into())
    }
}

/// A command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// What it does; unique in its context.
    pub action: Action,
    /// Its key in `keymap.toml` and its name in the palette; unique in its context.
    pub name: &'static str,
    /// Default keys; the first is the one that is shown.
    pub keys: &'static [&'static str],
    /// The word in the hint bar; empty for none.
    pub hint: &'static str,
    /// One line, for help and README.
    pub doc: &'static str,
}

impl Command {
    /// A command that is not in the hint bar.
    pub const fn new(action: Action, name: &'static str, keys: &'static [&'static str], doc: &'static str) -> Self {
        Self { action, name, keys, hint: "", doc }
    }

    /// The same with a word in the hint bar.
    #[must_use]
    pub const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

/// Where a key means something. Two contexts are the same if they have the same name.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Its table in `keymap.toml`.
    pub name: &'static str,
    /// Its heading in help and README.
    pub title: &'static str,
    /// Its commands in the order of their importance: the hint bar shows the first that fit.
    pub commands: &'static [Command],
}

impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Context {}

/// The contexts that belong to no pane, in the order of help and README.
pub const SHARED: [Context; 4] = [MOVE, GLOBAL, DIALOG, INPUT];

/// Lists, trees and sheets.
pub const MOVE: Context = Context {
    name: "move",
    title: "Moving",
    commands: &[
        Command::new(Action::Up, "up", &["up", "k"], "One up"),
        Command::new(Action::Down, "down", &["down", "j"], "One down"),
        Command::new(Action::Left, "left", &["left", "h"], "To the left, or back to the list"),
        Command::new(Action::Right, "right", &["right", "l"], "To the right, or into the detail"),
        Command::new(Action::PageUp, "page-up", &["pageup"], "A page up"),
        Command::new(Action::PageDown, "page-down", &["pagedown"], "A page down"),
        Command::new(Action::HalfUp, "half-up", &["ctrl-u"], "Half a page up"),
        Command::new(Action::HalfDown, "half-down", &["ctrl-d"], "Half a page down"),
        Command::new(Action::Top, "top", &["g", "home"], "The first"),
        Command::new(Action::Bottom, "bottom", &["G", "end"], "The last"),
    ],
};

/// Everywhere, asked last. The keymap adds the commands that bring each pane to the front, before [`Action::NextPane`].
pub const GLOBAL: Context = Context {
    name: "global",
    title: "Everywhere",
    commands: &[
        Command::new(Action::Help, "help", &["?", "f1"], "The keys of this pane").hint("help"),
        Command::new(Action::Palette, "palette", &[":", "ctrl-p"], "Every command by name").hint("commands"),
        Command::new(Action::Quit, "quit", &["q", "ctrl-c"], "Leave; runs go on").hint("quit"),
        Command::new(Action::NextPane, "next-pane", &["tab"], "The next pane"),
        Command::new(Action::PreviousPane, "previous-pane", &["shift-tab"], "The pane before"),
        Command::new(Action::Back, "back", &["esc"], "Cancel, then clear the filter, then go back").hint("back"),
        Command::new(Action::Suspend, "suspend", &["ctrl-z"], "Back to the shell until `fg`"),
        Command::new(Action::Redraw, "redraw", &["ctrl-l"], "Draw the screen anew"),
        Command::new(Action::ToggleMouse, "toggle-mouse", &["m"], "Mouse on, or left to the terminal for selecting"),
    ],
};

/// A question.
pub const DIALOG: Context = Context {
    name: "dialog",
    title: "Dialogs",
    commands: &[
        Command::new(Action::Accept, "accept", &["enter"], "Take what is chosen").hint("ok"),
        Command::new(Action::Cancel, "cancel", &["esc"], "Close without an answer").hint("cancel"),
    ],
};

/// A one-line text field.
pub const INPUT: Context = Context {
    name: "input",
    title: "Text fields",
    commands: &[
        Command::new(Action::Accept, "accept", &["enter"], "Take the text").hint("ok"),
        Command::new(Action::Cancel, "cancel", &["esc"], "Leave the field").hint("cancel"),
    ],
};
