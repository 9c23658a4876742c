//! How a command ends: its exit code, and the words of a failure.

use crate::{
    config::ConfigError,
    db::DbError,
    domain::FieldError,
    runs::{CancelError, DeleteError, FollowError, LogError, SubmitError},
    sandbox::EngineError,
    session::{SessionError, calculations::CalculationError},
};

/// The exit codes that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Anything without a code of its own.
    Error = 1,
    /// The command line, or a value given with it, makes no sense.
    Usage = 2,
    /// The run that was waited for failed.
    RunFailed = 3,
    /// There is no such calculation, tool or file.
    NotFound = 5,
    /// Not allowed: read-only, not confirmed, no permission.
    Denied = 6,
    /// The database or the store cannot be reached.
    Unreachable = 7,
    /// The run that was waited for was cancelled.
    Cancelled = 8,
    /// The run that was waited for passed its time limit.
    TimedOut = 124,
    /// The terminal hung up; runs go on.
    HungUp = 129,
    /// Ctrl-C; a run that was followed goes on.
    Interrupted = 130,
    /// SIGTERM; a run that was followed goes on.
    Terminated = 143,
}

impl Exit {
    /// The code of a program that a signal ended.
    pub const fn of_signal(signal: i32) -> Self {
        match signal {
            1 => Self::HungUp,
            2 => Self::Interrupted,
            _ => Self::Terminated,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// The code to exit with.
    pub exit: Exit,
    /// What happened; printed with its causes, and logged.
    pub error: anyhow::Error,
}

/// What a command comes to.
pub type CommandResult = Result<Exit, Failure>;

impl Failure {
    /// A failure with a code.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// A failure in these words.
    pub fn words(exit: Exit, words: impl std::fmt::Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{words}") }
    }

    /// The command line makes no sense.
    pub fn usage(words: impl std::fmt::Display) -> Self {
        Self::words(Exit::Usage, words)
    }

    /// What happened and its causes, on one line; causes that the message names already are not said twice.
    pub fn sentence(&self) -> String {
        let mut text = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            if text.is_empty() {
                text = cause;
            } else if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        text
    }

    /// Whether standard output was closed by its reader (`mecapy … | head`): nothing is wrong then.
    pub fn is_closed_output(&self) -> bool {
        self.error.is::<ClosedOutput>()
    }
}

/// Nobody reads standard output any more.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub struct ClosedOutput;

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Error, error }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Error, error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(Exit::Error, error)
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        Self::new(Exit::Usage, error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let exit = match &error {
            // What was typed is wrong, not what is stored.
            ConfigError::BadFlag { .. } | ConfigError::UnknownProfile { .. } => Exit::Usage,
            ConfigError::UnknownKey { place, .. } | ConfigError::BadValue { place, .. } if place.starts_with("--") => {
                Exit::Usage
            }
            _ => Exit::Error,
        };
        Self::new(exit, error)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::new(of_database(&error), error)
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let exit = match &error {
            SessionError::Database { error, .. } => of_database(error),
            SessionError::Store(_) => Exit::Unreachable,
        };
        Self::new(exit, error)
    }
}

impl From<CalculationError> for Failure {
    fn from(error: CalculationError) -> Self {
        let exit = match &error {
            CalculationError::Field(_) => Exit::Usage,
            CalculationError::Database(error) => of_database(error),
            CalculationError::Input { .. } => Exit::Error,
        };
        Self::new(exit, error)
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        let exit = match &error {
            SubmitError::NotFound(_) | SubmitError::Engine(EngineError::ImageMissing { .. }) => Exit::NotFound,
            SubmitError::Field(_) | SubmitError::Input { .. } => Exit::Usage,
            SubmitError::Db(error) => of_database(error),
            _ => Exit::Error,
        };
        Self::new(exit, error)
    }
}

impl From<CancelError> for Failure {
    fn from(error: CancelError) -> Self {
        let exit = match &error {
            CancelError::NotFound(_) => Exit::NotFound,
            CancelError::Db(error) => of_database(error),
            _ => Exit::Error,
        };
        Self::new(exit, error)
    }
}

impl From<DeleteError> for Failure {
    fn from(error: DeleteError) -> Self {
        let exit = match &error {
            DeleteError::Db(error) => of_database(error),
            DeleteError::Spool(_) => Exit::Error,
        };
        Self::new(exit, error)
    }
}

impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Self {
        let exit = match &error {
            FollowError::Db(error) => of_database(error),
            FollowError::Deleted(_) => Exit::NotFound,
            _ => Exit::Error,
        };
        Self::new(exit, error)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let exit = match &error {
            LogError::Db(error) => of_database(error),
            _ => Exit::Error,
        };
        Self::new(exit, error)
    }
}

fn of_database(error: &DbError) -> Exit {
    match error {
        DbError::Field(_) => Exit::Usage,
        DbError::NotFound { .. } => Exit::NotFound,
        DbError::ReadOnly { .. } | DbError::Denied { .. } => Exit::Denied,
        DbError::Address { .. }
        | DbError::Open { .. }
        | DbError::Locked { .. }
        | DbError::Unreachable { .. }
        | DbError::TooMany { .. }
        | DbError::Slow { .. } => Exit::Unreachable,
        _ => Exit::Error,
    }
}
