//! The whole program in a pseudo-terminal: it starts, runs a calculation, quits, and gives the terminal back.

use crate::support::{home::Home, pty::Pty};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sea_orm::ConnectionTrait as _;

fn open(home: &Home) -> Pty {
    let pty = Pty::start(home, 80, 24, &[]);
    pty.shows("No calculations yet.");
    pty
}

fn signal(pty: &Pty, signal: Signal) {
    kill_process(Pid::from_raw(pty.pid()).unwrap(), signal).unwrap();
}

#[test]
fn the_first_minute_in_a_real_terminal() {
    let home = Home::new();
    let mut pty = open(&home);
    pty.send("t");
    pty.shows("Beam: shear, moment, deflection");
    pty.send("\r");
    pty.shows("save and run");
    pty.send("\x1b[15~"); // F5
    pty.shows("✓ completed");
    pty.send("\r");
    pty.shows("max_deflection_mm");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}

#[test]
fn the_terminal_is_given_back_after_signals() {
    let home = Home::new();
    for (which, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let mut pty = open(&home);
        signal(&pty, which);
        assert_eq!(pty.code(), code, "{which:?}");
        pty.is_as_before();
    }
}

#[test]
fn the_first_frame_does_not_wait_for_the_database() {
    let home = Home::new();
    let mut first = open(&home);
    first.send("q");
    first.code();
    // Somebody writes, and takes long.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = format!("sqlite://{}", home.database().display());
    let writer = runtime.block_on(async {
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(1);
        let connection = sea_orm::Database::connect(options).await.unwrap();
        connection.execute_unprepared("BEGIN EXCLUSIVE").await.unwrap();
        connection
    });
    let mut pty = Pty::start(&home, 80, 24, &[]);
    pty.shows("opening the database");
    pty.send("?");
    pty.shows("Keys (Esc closes)");
    pty.send("\x1b");
    runtime.block_on(writer.execute_unprepared("ROLLBACK")).unwrap();
    pty.shows("No calculations yet.");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}

#[test]
fn nothing_is_asked_of_the_terminal() {
    let home = Home::new();
    let mut pty = open(&home);
    pty.send("q");
    pty.code();
    // Device attributes, cursor position, colours, kitty keyboard: each would be answered a round trip later.
    for question in ["\x1b[c", "\x1b[0c", "\x1b[>c", "\x1b[6n", "\x1b[5n", "\x1b]10;?", "\x1b]11;?", "\x1b[?u", "\x1bP"]
    {
        assert!(!pty.output().contains(question), "{question:?} was sent");
    }
}

#[test]
fn a_suspended_screen_comes_back() {
    let home = Home::new();
    let mut pty = open(&home);
    pty.send("\x1a"); // Ctrl-Z
    pty.wait("it does not leave the screen", |screen| !screen.alternate_screen());
    // As a shell does: once it is stopped, the whole job, with what it just started.
    pty.wait_until_stopped();
    kill_process_group(Pid::from_raw(pty.pid()).unwrap(), Signal::CONT).unwrap();
    pty.wait("it does not come back", vt100::Screen::alternate_screen);
    pty.shows("No calculations yet.");
    pty.send("2");
    pty.shows("Bolted joint");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}

#[test]
fn the_editor_of_the_user_gets_the_terminal_and_gives_it_back() {
    let home = Home::new();
    let script = home.file("editor.sh", "#!/bin/sh\nprintf 'the editor is here'\nread line\necho 'x = 42' > \"$1\"\n");
    let home = home.with("VISUAL", &format!("sh {}", script.display()));
    let mut pty = open(&home);
    pty.send("n");
    pty.shows("Untitled");
    pty.send("\x05"); // Ctrl-E
    pty.shows("the editor is here");
    pty.send("go on\r");
    pty.shows("x = 42");
    pty.send("\x1b[15~");
    pty.shows("✓ completed");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}

#[test]
fn no_colour_leaves_the_selection_visible() {
    let home = Home::new().with("NO_COLOR", "1");
    let mut pty = open(&home);
    pty.send("2");
    pty.shows("Bolted joint");
    let tab = pty.output();
    pty.wait("nothing is reversed", |screen| {
        (0..80).any(|column| screen.cell(2, column).is_some_and(vt100::Cell::inverse))
            || (0..80).any(|column| screen.cell(3, column).is_some_and(vt100::Cell::inverse))
    });
    for colour in ["\x1b[3", "\x1b[9", ";3", "[;m"] {
        let coloured = tab.match_indices(colour).find(|(at, _)| {
            let code: String = tab[at + 1..].chars().take_while(|c| !c.is_ascii_alphabetic()).collect();
            tab[at + 1 + code.len()..].starts_with('m')
        });
        assert_eq!(coloured, None, "a colour was sent");
    }
    pty.send("q");
    assert_eq!(pty.code(), 0);
}

#[test]
fn small_terminals_and_resizes() {
    let home = Home::new();
    let mut pty = Pty::start(&home, 20, 5, &[]);
    pty.shows("mecapy needs 40x10");
    pty.resize(140, 40);
    pty.shows("No calculations yet.");
    pty.resize(80, 24);
    pty.send("2");
    pty.shows("Bolted joint");
    pty.resize(1, 1);
    pty.resize(80, 24);
    pty.shows("Bolted joint");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}

#[test]
fn what_cannot_show_a_screen_is_told_so() {
    let home = Home::new().with("TERM", "dumb");
    let mut pty = Pty::start(&home, 80, 24, &[]);
    pty.shows("TERM=dumb");
    assert_eq!(pty.code(), 2);
    pty.is_as_before();
    Home::new().run(&[]).code(2).says("not a terminal");
}

#[test]
fn a_clash_of_keys_is_refused_before_the_screen_opens() {
    let home = Home::new();
    home.file(".config/mecapy/keymap.toml", "[calculations]\nrun = \"n\"\n");
    let mut pty = Pty::start(&home, 200, 24, &[]);
    pty.shows("keymap.toml, line 2: n is new already in calculations");
    assert_eq!(pty.code(), 2);
    pty.is_as_before();
}

#[test]
fn a_run_outlives_its_screen() {
    let home = Home::new();
    let code = "import time\nfor n in range(600):\n    print('step', n, flush=True)\n    time.sleep(0.05)\n    if n > 20:\n        break\n";
    let file = home.file("long.py", code);
    home.run(&["calc", "new", file.to_str().unwrap(), "--name", "Long one"]).code(0);
    let mut pty = Pty::start(&home, 80, 24, &[]);
    pty.shows("Long one");
    pty.send("r");
    pty.shows("step 3");
    signal(&pty, Signal::KILL);
    pty.code();
    let mut pty = Pty::start(&home, 80, 24, &[]);
    pty.shows("Long one");
    pty.send("w");
    pty.shows("✓ completed");
    pty.shows("step 21");
    pty.send("q");
    assert_eq!(pty.code(), 0);
}

#[test]
fn runs_of_the_command_line_appear_by_themselves() {
    let home = Home::new();
    let pty = open(&home);
    let file = home.file("other.py", "print('hello')\n");
    home.run(&["calc", "run", file.to_str().unwrap(), "--name", "From elsewhere", "--wait"]).code(0);
    pty.shows("From elsewhere");
    pty.shows("✓ completed");
}

#[test]
fn a_signal_while_the_users_editor_is_open_ends_both() {
    let home = Home::new();
    let script = home.file("editor.sh", "#!/bin/sh\nprintf 'the editor is here'\nexec sleep 600\n");
    let home = home.with("VISUAL", &format!("sh {}", script.display()));
    let mut pty = open(&home);
    pty.send("n");
    pty.shows("Untitled");
    pty.send("\x05"); // Ctrl-E
    pty.shows("the editor is here");
    signal(&pty, Signal::TERM);
    assert_eq!(pty.code(), 143);
    pty.is_as_before();
}

#[test]
fn a_calculation_is_found_run_again_with_edits_and_deleted() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let gate = folder.path().join("gate");
    // The supervisor stands still between the first file and the rest of what it tells, for as long as there is no gate.
    let home = Home::new().with("MECAPY_FAULT", &format!("pause:delivering:{}", gate.display()));
    std::fs::write(&gate, "").expect("the gate can be opened");
    let file = home.file("first.py", "def calculate(d=1):\n    print(d)\n    return {'twice': 2 * d}\n");
    home.run(&["calc", "run", file.to_str().unwrap(), "--name", "First one", "--wait"]).code(0);
    std::fs::remove_file(&gate).expect("the gate can be closed");
    std::fs::remove_file(folder.path().join("gate.reached")).expect("the first run was there");
    let mut pty = Pty::start(&home, 120, 30, &[]);
    pty.shows("twice");
    pty.send("/nothing like it");
    pty.shows("No calculation is like this.");
    pty.send("\x1b");
    pty.shows("First one");
    pty.send("R");
    pty.shows("save and run");
    pty.send("\x1b[15~"); // F5
    pty.shows("✓ completed");
    pty.send("1");
    pty.shows("2 calculations");
    pty.wait("both are in the list", |screen| {
        screen.contents().lines().filter(|line| line.contains("First one  ")).count() >= 2
    });
    // The screen knows the end before the database does; what is over can be deleted all the same.
    pty.wait_for("the supervisor does not get there", || folder.path().join("gate.reached").exists());
    pty.send("g  D");
    pty.shows("Delete 2 calculations?");
    pty.send("\r"); // Enter alone destroys nothing.
    pty.send("y");
    pty.shows("2 calculations deleted");
    pty.shows("No calculations yet.");
    std::fs::write(&gate, "").expect("the gate can be opened");
    pty.wait_for("the run leaves nothing behind", || {
        let is_empty = |path: &str| std::fs::read_dir(home.path().join(path)).is_ok_and(|folder| folder.count() == 0);
        is_empty(".local/state/mecapy/spool") && is_empty(".local/share/mecapy/objects")
    });
    pty.send("q");
    assert_eq!(pty.code(), 0);
    pty.is_as_before();
}
