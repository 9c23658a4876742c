//! How a request is run: the executor reads this and knows no request, slot or pane by name.

use std::time::Duration;

/// What a request says about how it is run; see [`super::request::Request::policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// It is given up after so long, counted from when it runs. `None`: it takes as long as it takes.
    pub time_limit: Option<Duration>,
    /// It starts after so long, unless a newer one of its slot comes: a held key does not load what it passes.
    pub debounce: Duration,
    /// What it does to others of its slot.
    pub order: Order,
    /// How often it is replied to.
    pub replies: ReplyCount,
    /// Whether quitting waits for it (some seconds at most); others are stopped.
    pub finishes_before_quit: bool,
    /// Whether it changes rows of the database: `--read-only` refuses it, and the lists are read once when it is done.
    pub changes_rows: bool,
    /// Whether it needs the database: that is checked when it fails, and when a single reply is late.
    pub checks_database: bool,
    /// Whether it may start a run: the sandbox is looked at again when it does not.
    pub checks_sandbox: bool,
}

/// What a request does to others of its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Only the newest one matters: the one before it is stopped, and gives no reply.
    Newest,
    /// It runs when the one before it is over.
    InTurn,
    /// It runs beside all others.
    Free,
}

/// How often a request is replied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyCount {
    /// Once, at its end.
    One,
    /// Any number of times while it goes on, and once at its end.
    Many,
}

impl Policy {
    /// Reads the database; only the newest one of its slot matters.
    pub const READ: Self = Self {
        time_limit: Some(Duration::from_secs(30)),
        debounce: Duration::ZERO,
        order: Order::Newest,
        replies: ReplyCount::One,
        finishes_before_quit: false,
        changes_rows: false,
        checks_database: true,
        checks_sandbox: false,
    };

    /// Writes a file of the user's: it runs to its end.
    pub const WRITE: Self =
        Self { time_limit: Some(Duration::from_mins(2)), order: Order::Free, finishes_before_quit: true, ..Self::READ };

    /// Changes calculations and their runs.
    pub const CHANGE: Self = Self { changes_rows: true, checks_sandbox: true, ..Self::WRITE };

    /// Goes on and replies until it is stopped or has nothing more to say.
    pub const FOLLOW: Self = Self { time_limit: None, replies: ReplyCount::Many, ..Self::READ };
}
