//! The real program in a real pseudo-terminal, its screen read by a terminal emulator.

use super::home::Home;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read as _, Write},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came out of the terminal so far.
struct Seen {
    emulator: vt100::Parser,
    bytes: Vec<u8>,
    closed: bool,
}

/// A program in a terminal.
pub struct Pty {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    /// The terminal's modes before the program started.
    before: String,
}

impl Pty {
    /// Starts mecapy in a home, in a terminal of this size.
    pub fn start(home: &Home, columns: u16, rows: u16, arguments: &[&str]) -> Self {
        let command = home.command(arguments);
        let mut builder = CommandBuilder::new(command.get_program());
        builder.args(command.get_args());
        builder.env_clear();
        builder.env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                builder.env(name, value);
            }
        }
        builder.cwd(home.path());
        Self::spawn(builder, columns, rows)
    }

    /// Starts any program.
    pub fn spawn(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let before = modes(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let emulator = vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0);
        let seen = Arc::new((Mutex::new(Seen { emulator, bytes: Vec::new(), closed: false }), Condvar::new()));
        let mut output = pair.master.try_clone_reader().expect("the terminal can be read");
        let shared = seen.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            loop {
                let size = output.read(&mut buffer).unwrap_or(0);
                let mut seen = shared.0.lock().unwrap();
                seen.emulator.process(&buffer[..size]);
                seen.bytes.extend_from_slice(&buffer[..size]);
                seen.closed = size == 0;
                shared.1.notify_all();
                if size == 0 {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().expect("the terminal can be written");
        Self { master: pair.master, child, keys, seen, before }
    }

    /// Types.
    pub fn send(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("the terminal takes keys");
    }

    /// Waits until the screen satisfies `condition`; fails with the screen.
    #[track_caller]
    pub fn wait(&self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        while !condition(seen.emulator.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !seen.closed, "{what}; the screen is:\n{}", seen.emulator.screen().contents());
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub fn shows(&self, text: &str) {
        self.wait(&format!("{text:?} never came"), |screen| screen.contents().contains(text));
    }

    /// Changes the terminal's size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.seen
            .0
            .lock()
            .unwrap()
            .emulator
            .screen_mut()
            .set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).expect("a new size");
    }

    /// The program's process id.
    pub fn pid(&self) -> i32 {
        self.child.process_id().expect("it was started") as i32
    }

    /// Waits until the program is stopped, as by Ctrl-Z.
    #[track_caller]
    pub fn wait_until_stopped(&self) {
        // The state stands behind the name, which is in parentheses.
        let stat = format!("/proc/{}/stat", self.pid());
        self.wait_for("it is never stopped", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));
    }

    /// Waits for something outside of the terminal.
    #[track_caller]
    pub fn wait_for(&self, what: &str, condition: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition() {
            let screen = || self.seen.0.lock().unwrap().emulator.screen().contents();
            assert!(Instant::now() < end, "{what}; the screen is:\n{}", screen());
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Waits for its end: the exit code (128 + number where a signal ended it).
    #[track_caller]
    pub fn code(&mut self) -> i32 {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.closed {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not end; the screen is:\n{}", seen.emulator.screen().contents());
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
        drop(seen);
        let status = self.child.wait().expect("it was started");
        i32::try_from(status.exit_code()).unwrap_or(-1)
    }

    /// Fails unless the terminal is as it was: modes, screen, cursor, reports.
    #[track_caller]
    pub fn is_as_before(&self) {
        let seen = self.seen.0.lock().unwrap();
        let screen = seen.emulator.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "pastes are still bracketed");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let text = String::from_utf8_lossy(&seen.bytes);
        for mode in ["1004", "1049", "2004", "2026"] {
            let (on, off) = (text.rfind(&format!("\x1b[?{mode}h")), text.rfind(&format!("\x1b[?{mode}l")));
            assert!(on < off || on.is_none(), "mode {mode} is still on");
        }
        assert_eq!(modes(self.master.as_ref()), self.before, "the line discipline changed");
    }

    /// Everything that came out.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.seen.0.lock().unwrap().bytes).into_owned()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().map(|modes| (modes.input_flags, modes.output_flags, modes.local_flags)))
}
