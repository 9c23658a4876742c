//! What the terminal sends, as messages on the queue.

use crate::tui::{
    keymap::Key,
    msg::{Mouse, Msg},
};
use crossterm::event::{Event, EventStream, MouseButton, MouseEvent, MouseEventKind};
use futures_util::StreamExt as _;
use tokio::{sync::mpsc, task::JoinHandle};

/// Lines that one step of the wheel moves.
const WHEEL: i16 = 3;

/// How long the reader may take to stop.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// The task that reads the terminal; it stops when this is dropped.
pub struct Input(JoinHandle<()>);

impl Input {
    /// Starts reading.
    pub fn start(queue: mpsc::Sender<Msg>) -> Self {
        Self(tokio::spawn(async move {
            let mut events = EventStream::new();
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => {
                        if let Some(msg) = message(event)
                            && queue.send(msg).await.is_err()
                        {
                            return;
                        }
                    }
                    Err(error) => {
                        // A terminal that is gone also sends SIGHUP, which ends the program.
                        tracing::warn!(%error, "the terminal cannot be read");
                        return;
                    }
                }
            }
        }))
    }

    /// Stops reading, before another program gets the terminal.
    pub async fn stop(self) {
        self.0.abort();
        // The stream must be gone: two readers would share the keys.
        // A read that hangs must not keep the terminal from its owner, though.
        let mut task = self;
        if tokio::time::timeout(PATIENCE, &mut task.0).await.is_err() {
            tracing::warn!("the reader of the terminal does not stop");
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) => Key::from_event(key).map(Msg::Key),
        Event::Paste(text) => Some(Msg::Paste(text)),
        // Told by the signal itself, which is caught before the first key is read.
        Event::Resize(..) => None,
        Event::FocusGained => Some(Msg::Focus(true)),
        Event::FocusLost => Some(Msg::Focus(false)),
        Event::Mouse(MouseEvent { kind, column, row, .. }) => match kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Msg::Mouse(Mouse::Click { column, row })),
            MouseEventKind::ScrollUp => Some(Msg::Mouse(Mouse::Wheel { column, row, lines: -WHEEL })),
            MouseEventKind::ScrollDown => Some(Msg::Mouse(Mouse::Wheel { column, row, lines: WHEEL })),
            _ => None,
        },
    }
}
