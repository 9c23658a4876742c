//! A panic on the screen gives the terminal back before it is reported. This test program is its own victim: it
//! starts itself in a pseudo-terminal.

use super::*;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::Read as _;

/// Set for the victim.
const VICTIM: &str = "MECAPY_TEST_VICTIM";

#[test]
fn victim() {
    let Ok(kind) = std::env::var(VICTIM) else { return };
    watch_panics();
    let mut screen = Screen::enter(true, true).unwrap();
    screen.draw(|frame| frame.render_widget("on the screen", frame.area())).unwrap();
    if kind == "task" {
        // A task that panics is not the end of the screen.
        std::thread::spawn(|| panic!("in a task")).join().unwrap_err();
        screen.draw(|frame| frame.render_widget("still here", frame.area())).unwrap();
    } else {
        panic!("on purpose");
    }
}

/// Everything the victim sends.
fn output_of(kind: &str) -> String {
    let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).unwrap();
    let before = format!("{:?}", pair.master.get_termios());
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tui::runtime::terminal::tests::victim", "--nocapture"]);
    command.env(VICTIM, kind);
    command.env("RUST_BACKTRACE", "0");
    let mut child = pair.slave.spawn_command(command).unwrap();
    let mut reader = pair.master.try_clone_reader().unwrap();
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pseudo-terminal whose other side is closed ends with an error.
        let _ = reader.read_to_end(&mut bytes);
        bytes
    });
    child.wait().unwrap();
    assert_eq!(format!("{:?}", pair.master.get_termios()), before, "the line discipline is as it was");
    drop(pair.slave);
    String::from_utf8_lossy(&reading.join().unwrap()).into_owned()
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_reported() {
    let output = output_of("screen");
    let (left, report) = (output.find("\x1b[?1049l").unwrap(), output.find("on purpose").unwrap());
    assert!(output.find("on the screen").unwrap() < left && left < report, "{output:?}");
    for mode in ["1000l", "1006l", "1004l", "2004l", "25h"] {
        assert!(output.contains(&format!("\x1b[?{mode}")), "{mode} is missing: {output:?}");
    }
    assert_eq!(output.matches("\x1b[?1049l").count(), 1, "given back once");
}

#[test]
fn a_panic_of_a_task_leaves_the_screen_alone() {
    let output = output_of("task");
    assert!(!output.contains("in a task"), "{output:?}");
    let (drawn, left) = (output.rfind("till here").unwrap(), output.find("\x1b[?1049l").unwrap());
    assert!(drawn < left, "{output:?}");
}
