//! Writing and watching in a real terminal: no text is lost, a failure leads to its line, a log commands nothing.

use crate::support::{home::Home, pty::Pty};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

const F5: &str = "\x1b[15~";
const ESC: &str = "\x1b";

fn open(home: &Home) -> Pty {
    let pty = Pty::start(home, 80, 24, &[]);
    pty.shows("1 Calculations");
    pty.shows("loaded");
    pty
}

fn quit(mut pty: Pty) {
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}

/// Makes a calculation of this code and opens the screen on it.
fn with_code(home: &Home, code: &str, arguments: &[&str]) -> Pty {
    let file = home.file("code.py", code);
    let file = file.to_str().expect("a temporary path is UTF-8");
    home.run(&[&["calc", "new", file, "--name", "Probe"], arguments].concat()).code(0);
    let pty = open(home);
    pty.shows("Probe");
    pty
}

#[test]
fn text_survives_a_dropped_line_and_a_killed_screen() {
    let home = Home::new();
    for (signal, text) in [(Signal::HUP, "first_text = 1"), (Signal::KILL, "second_text = 2")] {
        let mut pty = open(&home);
        pty.send("n");
        pty.shows("Untitled");
        pty.send(text);
        pty.shows(text);
        pty.shows("● not saved");
        if signal == Signal::KILL {
            // Nothing can be kept at the end: it was kept while it was typed.
            let kept = home.path().join(".local/state/mecapy/drafts");
            let deadline = Instant::now() + Duration::from_secs(20);
            let is_kept =
                |path: std::path::PathBuf| std::fs::read_to_string(path).is_ok_and(|draft| draft.contains(text));
            while !std::fs::read_dir(&kept).is_ok_and(|mut files| {
                files.any(|file| {
                    file.is_ok_and(|file| file.path().extension().is_some_and(|e| e == "json") && is_kept(file.path()))
                })
            }) {
                assert!(Instant::now() < deadline, "no draft in {}", kept.display());
                std::thread::yield_now();
            }
        }
        kill_process(Pid::from_raw(pty.pid()).unwrap(), signal).unwrap();
        pty.code();

        let mut pty = open(&home);
        pty.send("3");
        pty.shows("never saved");
        pty.send("\r");
        pty.shows(text);
        pty.send("\x13"); // Ctrl-S
        pty.shows("Saved as calculation");
        pty.send(ESC);
        pty.shows("Made ↓");
        quit(pty);
    }
    // What is saved is not offered again.
    let mut pty = open(&home);
    pty.send("3");
    pty.shows("Nothing is open here.");
    quit(pty);
}

#[test]
fn a_paste_keeps_its_indentation_and_a_failure_leads_to_its_line() {
    let home = Home::new();
    let mut pty = open(&home);
    pty.send("n");
    pty.shows("Untitled");
    // Everything is replaced by what is pasted, as a terminal sends it: line ends are carriage returns.
    pty.send(
        "\x1b[1;5H\x1b[1;6F\x1b[200~def calculate():\r    if True:\r        a = 1\r\r        return a / 0\r\x1b[201~",
    );
    pty.shows("5         return a / 0");
    pty.send(F5);
    pty.shows("line 5: ZeroDivisionError");
    pty.shows("Enter goes to line 5");
    pty.send("\r");
    pty.shows("► 5         return a / 0");
    pty.send(ESC);
    pty.shows("✗ failed");
    quit(pty);
}

#[test]
fn a_log_commands_nothing_and_can_be_searched() {
    let home = Home::new();
    let code =
        "print('\\x1b]0;PWNED\\x07 \\x1b]52;c;cm0=\\x07 \\u202egnp')\nfor n in range(3000):\n    print('step', n)\n";
    let mut pty = with_code(&home, code, &[]);
    pty.send("r");
    pty.shows("✓ completed");
    pty.shows("step 2999");
    pty.send("g");
    pty.shows("^[]0;PWNED^G ^[]52;c;cm0=^G <U+202E>gnp");
    pty.send("/step 1500\r");
    pty.shows("1 of 1 lines");
    pty.shows("step 1500");
    pty.send("/");
    pty.shows("step 1500");
    pty.send("\x15step 29\r"); // Ctrl-U empties the line
    pty.shows("of 111 lines");
    pty.send("N");
    pty.shows("of 111 lines");
    let output = pty.output();
    for sent in ["PWNED\x07", "\x1b]52", "\u{202e}"] {
        assert!(!output.contains(sent), "{sent:?} reached the terminal");
    }
    pty.send(ESC);
    pty.wait("the search is not over", |screen| !screen.contents().contains("of 111 lines"));
    quit(pty);
}

#[test]
fn a_log_is_filtered_and_the_way_back_to_a_line_is_kept() {
    let home = Home::new();
    let code = "for n in range(300000):\n    print('Residual' if n % 1000 == 7 else 'step', n)\n";
    let mut pty = with_code(&home, code, &["--cpu", "2"]);
    pty.send("r");
    pty.shows("✓ completed");
    pty.shows("step 299999");
    pty.send("&residual\r");
    pty.shows("300 of 300 000 lines with \"residual\" · follows the end");
    pty.shows("▸Residual 299007");
    pty.send("g");
    pty.shows("▸Residual 7");
    pty.send("jj/50007\r");
    pty.shows("1 of 3 with \"50007\"");
    pty.shows("▸Residual 50007");
    pty.send(ESC);
    pty.wait("the search is not over", |screen| !screen.contents().contains("with \"50007\""));
    pty.send(ESC);
    pty.shows("▸Residual 50007");
    pty.shows("step 50006");
    pty.shows("step 50008");
    quit(pty);
}

#[test]
fn a_run_that_will_not_end_is_stopped_in_two_stages() {
    let home = Home::new().with("MECAPY_CAPS_GRACE", "2");
    let code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\nwhile True:\n    time.sleep(0.1)\n";
    let mut pty = with_code(&home, code, &["--timeout", "60"]);
    pty.send("r");
    pty.shows("deaf");
    pty.send("x");
    pty.shows("Stop \"Probe\"?");
    pty.send("\r"); // Enter alone ends nothing.
    pty.send("y");
    pty.shows("asked to end (SIGTERM); killed in");
    pty.shows("■ cancelled");
    pty.shows("deaf");
    quit(pty);
}

/// A second try changes no more than the first one.
fn is_refused(home: &Home, words: &str) {
    let mut pty = open(home);
    pty.send("n");
    pty.shows("Untitled");
    for _ in 0..2 {
        pty.send(F5);
        pty.shows("Saved as calculation 1, and not run");
        pty.shows(words);
        pty.send("\x1b[17~"); // F6: the words go with the next key.
        pty.wait("the words stay", |screen| !screen.contents().contains("and not run"));
    }
    pty.send(ESC);
    pty.shows("1 calculation");
    pty.shows("○ not started");
    quit(pty);
}

#[test]
fn a_run_that_is_refused_leaves_one_saved_calculation() {
    let home = Home::new().with("MECAPY_SANDBOX_ENGINE", "docker").with("DOCKER_HOST", "unix:///nowhere/docker.sock");
    is_refused(&home, "/nowhere/docker.sock");
}

#[test]
fn a_host_without_python_refuses_a_run_at_once() {
    let home = Home::new();
    let nothing = home.file("nothing/here", "");
    is_refused(&home.with("PATH", nothing.parent().unwrap().to_str().unwrap()), "no python3 in PATH");
}

#[test]
fn a_flood_in_the_monitor_leaves_room_on_a_slow_line() {
    // Long lines, no two alike, tens of thousands a second: each frame of it costs most of a screen.
    let code = "import os, time\nn = 0\nwhile True:\n    text = ''\n    for _ in range(400):\n        n += 1\n        \
                text += f'{n:09d} ' + chr(97 + n % 26) * 140 + '\\n'\n    os.write(1, text.encode())\n    time.sleep(0.01)\n";
    let home = Home::new();
    let file = home.file("code.py", code);
    home.run(&["calc", "new", file.to_str().expect("UTF-8"), "--name", "Probe", "--timeout", "300"]).code(0);
    let mut pty = Pty::start(&home, 200, 50, &[]);
    pty.shows("Probe");
    pty.send("r");
    pty.shows("follows the end");
    pty.shows("aaaaaaaaaa");
    let (began, before) = (Instant::now(), pty.output().len());
    let frames = |pty: &Pty| pty.output().matches("\x1b[?2026h").count();
    let drawn = frames(&pty);
    // As many as take some seconds on a quiet machine, more on a busy one: there are fewer then.
    pty.wait_for("the log stands still", || frames(&pty) >= drawn + 20 && began.elapsed() > Duration::from_secs(4));
    let (bytes, seconds) = ((pty.output().len() - before) as f64, began.elapsed().as_secs_f64());
    assert!(bytes / seconds <= 10_000.0, "{bytes} bytes in {seconds} s");
    // A key does not wait for the flood's turn.
    pty.send("\x1b[A");
    pty.wait("it goes on to follow", |screen| !screen.contents().contains("follows the end"));
    home.run(&["calc", "cancel", "1", "--now"]).code(0);
    pty.shows("cancelled");
    quit(pty);
}
