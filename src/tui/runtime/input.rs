//! What the terminal sends, as messages on the queue.

use super::parse::Parser;
use crate::tui::{
    keymap::Key,
    msg::{Mouse, Msg},
};
use crossterm::event::{Event, MouseButton, MouseEvent, MouseEventKind};
use std::{io, os::fd::OwnedFd};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc,
    task::JoinHandle,
};

/// Lines that one step of the wheel moves.
const WHEEL: i16 = 3;
/// Bytes read at a time.
const READ: usize = 4096;

/// The task that reads the terminal; it stops when this is dropped.
pub struct Input(JoinHandle<()>);

impl Input {
    /// Starts reading, on the thread of the caller: a key wakes no other one.
    pub fn start(queue: mpsc::Sender<Msg>) -> Self {
        Self(tokio::spawn(async move {
            if let Err(error) = read(&queue).await {
                // A terminal that is gone also sends SIGHUP, which ends the program.
                tracing::warn!(%error, "the terminal cannot be read");
            }
        }))
    }

    /// Stops reading, before another program gets the terminal: two readers would share the keys.
    pub async fn stop(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

/// Reads until the queue is gone.
async fn read(queue: &mpsc::Sender<Msg>) -> io::Result<()> {
    // A descriptor of our own: the one of standard input is not to be closed.
    let terminal: OwnedFd = rustix::io::dup(rustix::stdio::stdin())?;
    #[expect(deprecated, reason = "its successor is unsafe, for the sake of types that do not own their descriptor")]
    let terminal = AsyncFd::with_interest(terminal, Interest::READABLE)?;
    let (mut parser, mut bytes, mut messages) = (Parser::default(), [0; READ], Vec::new());
    loop {
        let mut ready = terminal.readable().await?;
        // Asked first, as a read of nothing would wait: whoever started us shares the terminal's mode.
        if rustix::io::ioctl_fionread(&terminal)? == 0 && !ready.ready().is_read_closed() {
            ready.clear_ready();
            continue;
        }
        let count = rustix::io::read(&terminal, &mut bytes)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        parser.push(&bytes[..count], |event| messages.extend(message(event)));
        for msg in messages.drain(..) {
            if queue.send(msg).await.is_err() {
                return Ok(());
            }
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
