//! The terminal: taken over at the start, given back as it was, whatever ends the program.

use super::painter::Painter;
use ratatui::{
    Frame, Terminal, TerminalOptions, Viewport,
    backend::{Backend, ClearType, WindowSize},
    buffer::Cell as ScreenCell,
    layout::{Position, Rect, Size},
};
use std::{
    cell::Cell,
    convert::Infallible,
    fs::File,
    io::{self, Write as _},
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering},
};

/// Alternate screen, bracketed paste, focus reports, no cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?1004h\x1b[?25l";
/// Everything back, in the reverse order; also what was perhaps never on.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[?1006l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[r\x1b[m\x1b[?25h\x1b[?1049l";
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// Whether the terminal is ours now: what the panic hook asks.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
pub struct Screen {
    tty: File,
    terminal: Terminal<Canvas>,
    painter: Painter,
    /// Where the last frame put the cursor.
    cursor: Rc<Cell<Option<Position>>>,
    size: Size,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal over. Nothing is asked of it: an answer could be a long way off.
    pub fn enter(colour: bool, mouse: bool) -> io::Result<Self> {
        // A file of our own, without the line buffer of standard output: a frame is one write.
        let tty = File::from(rustix::io::dup(rustix::stdio::stdout())?);
        let size = size_of(&tty);
        let area = Rect { x: 0, y: 0, width: size.width, height: size.height };
        let options = TerminalOptions { viewport: Viewport::Fixed(area) };
        let cursor = Rc::new(Cell::new(None));
        let Ok(terminal) = Terminal::with_options(Canvas { size, cursor: cursor.clone() }, options);
        let mut screen = Self { tty, terminal, painter: Painter::new(area, colour), cursor, size, mouse };
        screen.take()?;
        Ok(screen)
    }

    fn take(&mut self) -> io::Result<()> {
        crossterm::terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let mut bytes = ENTER.to_vec();
        if self.mouse {
            bytes.extend_from_slice(MOUSE_ON);
        }
        self.tty.write_all(&bytes)
    }

    /// Gives the terminal back, for good or for a while.
    pub fn leave() {
        give_back();
    }

    /// Takes it over again, at the size it has now, which is given back.
    pub fn resume(&mut self) -> io::Result<Size> {
        self.take()?;
        self.painter.forget();
        let size = size_of(&self.tty);
        self.resize(size);
        Ok(size)
    }

    /// Its size in cells.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The size that the terminal has now.
    pub fn present_size(&self) -> Size {
        size_of(&self.tty)
    }

    /// It has another size now.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.terminal.backend_mut().size = size;
        let Ok(()) = self.terminal.resize(Rect { x: 0, y: 0, width: size.width, height: size.height });
        self.painter.forget();
    }

    /// What it shows is no longer known: the next frame paints everything.
    pub fn forget(&mut self) {
        self.painter.forget();
    }

    /// Draws one frame; writes nothing where nothing changed.
    pub fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.cursor.set(None);
        let Ok(frame) = self.terminal.draw(view);
        let bytes = self.painter.paint(frame.buffer, self.cursor.get());
        if bytes.is_empty() {
            return Ok(());
        }
        self.tty.write_all(bytes)
    }

    /// Turns mouse reports on or off.
    pub fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        self.tty.write_all(if on { MOUSE_ON } else { MOUSE_OFF })
    }

    /// Sends text to the terminal's clipboard (OSC 52).
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut sequence = String::new();
        let command = crossterm::clipboard::CopyToClipboard::to_clipboard_from(text);
        crossterm::Command::write_ansi(&command, &mut sequence).map_err(io::Error::other)?;
        self.tty.write_all(sequence.as_bytes())
    }

    /// Rings the bell and shows a note (OSC 9). The text must be safe.
    pub fn notify(&mut self, text: &str) -> io::Result<()> {
        self.tty.write_all(format!("\x1b]9;{text}\x07\x07").as_bytes())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back if it is ours. A terminal that is gone has nothing to give back.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(LEAVE).and_then(|()| stdout.flush());
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Makes a panic of this thread give the terminal back before it is reported. One of another thread only goes to
/// the log: the screen lives on, and its task is answered with a failure.
pub fn watch_panics() {
    let screen = std::thread::current().id();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!(%panic, backtrace = %std::backtrace::Backtrace::force_capture(), "panic");
        if std::thread::current().id() == screen || !TAKEN.load(Ordering::SeqCst) {
            give_back();
            report(panic);
        }
    }));
}

/// The terminal's size; what cannot say one is taken for the usual.
fn size_of(tty: &File) -> Size {
    match rustix::termios::tcgetwinsize(tty) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size { width: size.ws_col, height: size.ws_row },
        _ => Size { width: 80, height: 24 },
    }
}

/// A back end that draws nowhere: the painter turns the finished frame into bytes.
struct Canvas {
    size: Size,
    cursor: Rc<Cell<Option<Position>>>,
}

impl Backend for Canvas {
    type Error = Infallible;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a ScreenCell)>>(&mut self, _: I) -> Result<(), Infallible> {
        Ok(())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.cursor.set(None);
        Ok(())
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        Ok(self.cursor.get().unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.cursor.set(Some(position.into()));
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> Result<(), Infallible> {
        Ok(())
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::default() })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod tests;
