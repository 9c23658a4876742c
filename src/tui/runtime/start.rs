//! What comes before and beside the first frame: settings, panes, the opening of the session.

use super::{
    changes::{OwnChanges, report_changes},
    host_runs,
    sandbox_check::SandboxCheck,
};
use crate::{
    config::{Color, Config, Theme as ThemeSetting},
    runs,
    session::{Session, SessionError, agreement},
    tui::{
        app::Settings,
        keymap::{Keymap, KeymapError},
        msg::{Failure, Msg, SessionInfo},
        panes::PANES,
        theme::Theme,
    },
};
use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Input or output is a file or a pipe.
    #[error("the screen needs a terminal; the verbs of mecapy work without one (mecapy --help)")]
    NotATerminal,
    /// It cannot place text.
    #[error(
        "this terminal (TERM={0}) cannot place text on the screen; the verbs of mecapy work on it (mecapy --help). \
         If it can do more than that, set TERM, for instance to xterm-256color"
    )]
    Dumb(String),
    /// The user's keys.
    #[error(transparent)]
    Keymap(#[from] KeymapError),
    /// The terminal refused.
    #[error("the terminal: {0}")]
    Terminal(#[source] io::Error),
}

/// How long the first rows may keep the rest waiting.
const ROWS_FIRST: Duration = Duration::from_millis(500);

/// The screen's settings; refused where there is no terminal to show them on.
pub fn settings(config: &Config) -> Result<Settings, ScreenError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(ScreenError::NotATerminal);
    }
    let term = std::env::var("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" {
        return Err(ScreenError::Dumb(term));
    }
    let colour = match config.screen.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("CLICOLOR").is_none_or(|value| value != "0")
        }
    };
    let theme = match config.screen.theme {
        _ if !colour => Theme::plain(),
        ThemeSetting::Light => Theme::light(),
        ThemeSetting::Terminal | ThemeSetting::Dark => Theme::dark(),
    };
    Ok(Settings {
        keymap: Keymap::load(&config.paths.config.join("keymap.toml"), PANES)?,
        theme,
        profile: config.profile.clone().unwrap_or_default(),
        mouse: config.screen.mouse,
    })
}

/// The pauses between tries to open a database that does not answer: from the first to the longest.
const RETRY: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);

/// What the opening found, step by step.
pub enum Opened {
    /// Everything is open.
    Session(Box<Session>, Box<SessionInfo>),
    /// Nothing is.
    Failed(Failure),
    /// Something for the app.
    Message(Msg),
}

/// Opens the session beside the screen. Once there are `rows` on it, or should be, reports runs and changes to `queue`,
/// looks after runs that lost their supervisor, and looks at the sandbox.
pub fn open(
    services: &Handle,
    config: Arc<Config>,
    queue: mpsc::Sender<Msg>,
    own: Arc<OwnChanges>,
    rows: oneshot::Receiver<()>,
    yes: bool,
    sandbox: Arc<SandboxCheck>,
) -> mpsc::Receiver<Opened> {
    let (steps, opened) = mpsc::channel(4);
    services.spawn(async move {
        let mut pause = RETRY;
        let session = loop {
            let error = match Session::open(config.clone()).await {
                Ok(session) => break session,
                Err(error) => error,
            };
            tracing::error!(?error, "session");
            let again = matches!(&error, SessionError::Database { error, .. } if error.is_of_the_way());
            let words = if again { format!("{error}\n\nIt is tried again.") } else { error.to_string() };
            if steps.send(Opened::Failed(Failure::new(words))).await.is_err() || !again {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        };
        let mut info = info(&session);
        if yes && let Err(error) = agreement::remember(&session) {
            tracing::warn!(%error, "agreement not kept");
        }
        info.ask = !yes && agreement::is_wanted(&session);
        // From before the first list is read: what changes meanwhile is not missed.
        let changes = session.db.changes(session.user.id).await;
        let _ = steps.send(Opened::Session(Box::new(session.clone()), Box::new(info))).await;
        // The rows have the cores for themselves; nobody waits for the rest.
        let _ = tokio::time::timeout(ROWS_FIRST, rows).await;
        tokio::spawn(report_changes(changes, own, queue.clone()));
        tokio::spawn(host_runs::report(session.clone(), queue, sandbox.clone()));
        // An engine that is slow to answer holds up nothing else.
        tokio::spawn(sandbox.run(session.config.clone(), steps.clone()));
        let report = runs::reconcile(&session).await;
        if !report.is_empty() {
            for sentence in report.sentences() {
                tracing::info!("{sentence}");
            }
            let _ = steps.send(Opened::Message(Msg::Changed)).await;
            let _ = steps.send(Opened::Message(Msg::Notice(report.sentences().join("\n")))).await;
        }
    });
    opened
}

fn info(session: &Session) -> SessionInfo {
    let chosen = session.config.database.url.is_some();
    let origin = if chosen { format!(" ({})", session.config.database.url_origin) } else { String::new() };
    SessionInfo {
        person: session.user.shown_name().to_owned(),
        database: format!("{}{origin}", session.db.place()),
        isolation: session.db.isolation(),
        ask: false,
        sandbox: String::new(),
        ready: true,
        limits: session.config.limits.default,
    }
}
