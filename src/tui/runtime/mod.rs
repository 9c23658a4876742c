//! The loop that runs the screen: the terminal, one bounded queue, the executor, signals.
//!
//! The first frame is drawn before the database is open and before anything is asked of the terminal. After that a
//! frame is drawn when the queue is empty and something happened; nothing happens by itself except the ticks that
//! the app asks for while something visible depends on the time.

mod changes;
mod connection;
mod executor;
mod external;
mod host_runs;
mod input;
mod packed_cell;
mod painter;
mod parse;
mod requests;
mod sandbox_check;
mod signals;
mod start;
mod terminal;

use super::{
    app::App,
    effect::{Effect, Ticket},
    msg::Msg,
    pane::{Now, Tick},
    panes::PANES,
};
use crate::{
    config::Config,
    domain::text::SafeText,
    session::{Session, agreement},
};
use changes::OwnChanges;
use connection::ConnectionCheck;
use executor::{Backend, Executor};
use input::Input;
use ratatui::layout::Size;
use sandbox_check::SandboxCheck;
use signals::{SignalAction, Signals, stop_until_continued};
use start::Opened;
use std::{io, sync::Arc, time::Duration};
use terminal::Screen;
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
    time::Instant,
};

pub use start::ScreenError;

/// Messages that wait at most; who sends more waits, which paces a flood of log lines.
const QUEUE: usize = 256;
/// Messages taken at most before a frame is drawn: a flood must not stop the screen.
const DRAIN: usize = 256;
/// How long quitting waits for the database to be closed.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// How the screen ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user left.
    Quit,
    /// A signal ended it; the exit code is 128 and this.
    Signal(i32),
}

/// Shows the screen until the user leaves. The terminal is given back as it was, whatever happens.
///
/// Standard input and output must be a terminal. With `read_only` nothing of the database is changed;
/// with `yes` what is asked once is answered.
pub fn run(config: Arc<Config>, read_only: bool, yes: bool) -> Result<End, ScreenError> {
    let settings = start::settings(&config)?;
    terminal::watch_panics();
    // The loop, the keys and the signals share one thread: a key becomes a frame without waiting for another to wake.
    // Whatever takes its time has threads of its own.
    let services = Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(ScreenError::Terminal)?;
    let (queue, messages) = mpsc::channel(QUEUE);
    let (rows, rows_shown) = oneshot::channel();
    let (sandbox, own) = (Arc::new(SandboxCheck::default()), Arc::new(OwnChanges::default()));
    let opening =
        start::open(services.handle(), config.clone(), queue.clone(), own.clone(), rows_shown, yes, sandbox.clone());
    let runtime = Builder::new_current_thread().enable_all().build().map_err(ScreenError::Terminal)?;
    let end = runtime.block_on(async {
        let screen = Screen::enter(settings.theme.colour, settings.mouse).map_err(ScreenError::Terminal)?;
        let size = screen.size();
        let app = App::new(PANES, settings, size, now());
        let mut shown = Loop {
            app,
            screen,
            executor: Executor::new(services.handle().clone(), queue.clone(), sandbox, own, read_only),
            session: None,
            input: None,
            queue,
            messages,
            config,
            later: Vec::new(),
            rows: Some(rows),
            next_tick: None,
        };
        shown.draw().map_err(ScreenError::Terminal)?;
        let signals = Signals::catch().map_err(ScreenError::Terminal)?;
        let end = shown.run(signals, opening).await.map_err(ScreenError::Terminal)?;
        shown.close().await;
        Ok(end)
    });
    // A task that still hangs on a dead disk must not keep the shell waiting.
    services.shutdown_background();
    end
}

/// The loop's parts.
struct Loop {
    app: App,
    screen: Screen,
    executor: Executor,
    session: Option<Session>,
    input: Option<Input>,
    queue: mpsc::Sender<Msg>,
    messages: mpsc::Receiver<Msg>,
    config: Arc<Config>,
    /// Requests that wait for the next frame.
    later: Vec<Effect>,
    /// Sent to once, when the first rows are shown.
    rows: Option<oneshot::Sender<()>>,
    next_tick: Option<Instant>,
}

impl Loop {
    async fn run(&mut self, mut signals: Signals, mut opening: mpsc::Receiver<Opened>) -> io::Result<End> {
        self.input = Some(Input::start(self.queue.clone()));
        // The size may have changed before its signal was caught.
        if self.screen.present_size() != self.screen.size() {
            self.fit(&mut signals).await?;
            self.draw()?;
        }
        loop {
            self.plan_tick();
            let tick = self.next_tick;
            tokio::select! {
                biased;
                action = signals.next() => match action {
                    SignalAction::End(signal) => {
                        tracing::info!(signal, "ended by a signal");
                        return Ok(End::Signal(signal));
                    }
                    SignalAction::Suspend => self.suspend().await?,
                    SignalAction::Continued => self.resume()?,
                    // Even where the size is the same again: what the terminal showed in between is cut.
                    SignalAction::Resized => self.fit(&mut signals).await?,
                },
                () = wait_until(self.executor.next_start()) => {
                    self.executor.start_next();
                    continue;
                }
                Some(msg) = self.messages.recv() => {
                    if self.take(msg, &mut signals).await? {
                        return Ok(End::Quit);
                    }
                    for _ in 0..DRAIN {
                        let Ok(msg) = self.messages.try_recv() else { break };
                        if self.take(msg, &mut signals).await? {
                            return Ok(End::Quit);
                        }
                    }
                }
                Some(opened) = opening.recv() => {
                    let msg = match opened {
                        Opened::Session(session, info) => {
                            self.executor.open(backend(&session, self.queue.clone()));
                            self.session = Some(*session);
                            Msg::Opened(Ok(info))
                        }
                        Opened::Failed(failure) => Msg::Opened(Err(failure)),
                        Opened::Message(msg) => msg,
                    };
                    if self.take(msg, &mut signals).await? {
                        return Ok(End::Quit);
                    }
                }
                () = wait_until(tick) => {
                    self.next_tick = None;
                    if self.take(Msg::Tick, &mut signals).await? {
                        return Ok(End::Quit);
                    }
                }
            }
            self.draw()?;
            // The keys are read on this thread: a flood of other messages must not keep them waiting.
            tokio::task::yield_now().await;
        }
    }

    /// Takes the terminal's present size.
    async fn fit(&mut self, signals: &mut Signals) -> io::Result<()> {
        let size = self.screen.present_size();
        self.take(Msg::Resize(size.width, size.height), signals).await.map(drop)
    }

    /// Takes a message and does what comes of it; whether to leave.
    async fn take(&mut self, msg: Msg, signals: &mut Signals) -> io::Result<bool> {
        if let Msg::Resize(width, height) = msg {
            self.screen.resize(Size { width, height });
        }
        let mut effects = std::collections::VecDeque::from(self.app.update(msg, now()));
        while let Some(effect) = effects.pop_front() {
            match effect {
                // What changes the screen comes first, unless it is empty without the request.
                effect @ (Effect::Start { .. } | Effect::Cancel(_)) => {
                    self.later.push(effect);
                    if !self.app.has_loaded() {
                        self.start_later();
                    }
                }
                Effect::Copy(text) => self.screen.copy(&text)?,
                Effect::Notify(text) if !self.app.is_focused() => self.screen.notify(&SafeText::label(&text))?,
                Effect::Notify(_) => {}
                Effect::Mouse(on) => self.screen.mouse(on)?,
                Effect::Redraw => self.screen.forget(),
                Effect::Agree => self.remember_agreement(),
                Effect::Suspend => self.suspend().await?,
                Effect::OpenEditor { ticket, text, extension, line } => {
                    let reply = self.edit(ticket, &text, extension, line, signals).await?;
                    effects.extend(self.app.update(reply, now()));
                }
                Effect::Quit => return Ok(true),
            }
        }
        Ok(false)
    }

    fn draw(&mut self) -> io::Result<()> {
        let app = &self.app;
        self.screen.draw(|frame| app.view(frame))?;
        if app.has_loaded()
            && let Some(rows) = self.rows.take()
        {
            let _ = rows.send(());
        }
        self.start_later();
        Ok(())
    }

    /// Starts and stops what waited for the frame.
    fn start_later(&mut self) {
        for effect in self.later.drain(..) {
            match effect {
                Effect::Start { ticket, slot, request } => self.executor.start(ticket, slot, request),
                Effect::Cancel(slot) => self.executor.cancel(slot),
                _ => {}
            }
        }
    }

    /// Sets the next tick where the app needs one, and forgets it where it does not.
    fn plan_tick(&mut self) {
        let every = match self.app.tick() {
            Tick::Never => {
                self.next_tick = None;
                return;
            }
            Tick::Second => Duration::from_secs(1),
            Tick::Spinner => Duration::from_millis(250),
        };
        let soonest = Instant::now() + every;
        self.next_tick = Some(self.next_tick.map_or(soonest, |planned| planned.min(soonest)));
    }

    /// Stops reading and gives the terminal back, for a while.
    async fn lend(&mut self) {
        self.start_later();
        if let Some(input) = self.input.take() {
            input.stop().await;
        }
        Screen::leave();
    }

    /// Takes the terminal again.
    fn resume(&mut self) -> io::Result<()> {
        let size = self.screen.resume()?;
        // What the app then wants comes with its next message: a new size asks for nothing at once.
        self.queue.try_send(Msg::Resize(size.width, size.height)).ok();
        if self.input.is_none() {
            self.input = Some(Input::start(self.queue.clone()));
        }
        Ok(())
    }

    /// Remembers what the person agreed to. Where that fails it is asked again the next time.
    fn remember_agreement(&mut self) {
        let Some(session) = self.session.clone() else { return };
        self.executor.run_blocking(move || {
            if let Err(error) = agreement::remember(&session) {
                tracing::warn!(%error, "agreement not kept");
            }
        });
    }

    async fn suspend(&mut self) -> io::Result<()> {
        self.lend().await;
        stop_until_continued();
        self.resume()
    }

    async fn edit(
        &mut self,
        ticket: Ticket,
        text: &str,
        extension: &str,
        line: u32,
        signals: &mut Signals,
    ) -> io::Result<Msg> {
        self.lend().await;
        let reply = external::edit(&self.config.paths.drafts(), text, extension, line, signals).await;
        self.resume()?;
        Ok(Msg::Reply(ticket, reply))
    }

    /// Lets the panes keep what is unsaved, gives the terminal back, and waits for what is still being written.
    async fn close(mut self) {
        let last = self.app.close(now());
        self.later.extend(last);
        self.lend().await;
        // Replies go nowhere now.
        self.messages.close();
        self.executor.finish().await;
        if let Some(session) = self.session {
            let _ = tokio::time::timeout(CLOSE_TIME, session.db.close()).await;
        }
    }
}

/// What requests are run with.
fn backend(session: &Session, queue: mpsc::Sender<Msg>) -> Backend {
    let (session, check) = (session.clone(), ConnectionCheck::new(session.clone(), queue));
    Backend {
        run: Arc::new(move |request, replies| Box::pin(requests::run(session.clone(), request, replies))),
        check_database: Arc::new(move || check.start()),
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn now() -> Now {
    Now { utc: chrono::Utc::now().naive_utc(), local: |utc| utc.and_utc().with_timezone(&chrono::Local).fixed_offset() }
}
