//! Runs and the screens they outlive, in a real terminal: the program is replaced, every screen is closed.

use super::support::{GATED, MECAPY, PATIENCE};
use crate::support::{home::Home, pty::Pty};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

const ESC: &str = "\x1b";

/// Waits for what is seen in files: a start of mecapy would do what the runs are to do by themselves.
#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
}

/// The spool folders of all runs that are not recorded yet.
fn spools(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.path().join(".local/state/mecapy/spool"));
    entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// Tells every run of [`GATED`] that has begun to end.
fn open_gates(home: &Home) {
    for spool in spools(home) {
        // A run that waits has no such folder yet; one that is over has none any more.
        let _ = fs::write(spool.join("work/out/go"), "");
    }
}

fn open(home: &Home) -> Pty {
    let pty = Pty::start(home, 80, 24, &[]);
    pty.shows("loaded");
    pty
}

/// The terminal of a run is there, and its first line.
fn run_selected(pty: &mut Pty) {
    pty.send("r");
    pty.shows("up");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Installer {
    /// Puts the new file in place by renaming it, in one step.
    Renames,
    /// Removes the old file long before the new one is there.
    RemovesFirst,
}

/// A later build: the same program, which tells another version.
fn later_build(folder: &Path) -> PathBuf {
    let mut bytes = fs::read(MECAPY).unwrap();
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let places: Vec<_> = memchr::memmem::find_iter(&bytes, version).collect();
    assert!(!places.is_empty(), "the program does not hold its version");
    for place in places {
        bytes[place..place + version.len()].copy_from_slice(&later(version));
    }
    let build = folder.join("mecapy.new");
    fs::write(&build, bytes).unwrap();
    fs::set_permissions(&build, fs::metadata(MECAPY).unwrap().permissions()).unwrap();
    build
}

/// A version with every digit replaced.
fn later(version: &[u8]) -> Vec<u8> {
    version.iter().map(|byte| if byte.is_ascii_digit() { b'9' } else { *byte }).collect()
}

/// A run lives, and so does its screen; both go on, the screen even starts another run, and the next start is the
/// new program's.
fn replaced_by(installer: Installer) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("mecapy");
    fs::copy(MECAPY, &program).unwrap();
    let new = later_build(folder.path());
    let home = Home::new().with_program(program.clone());
    home.file("gated.py", GATED);
    for name in ["Other", "Alive"] {
        home.run(&["calc", "new", "gated.py", "--name", name]).code(0);
    }
    let install = || fs::rename(&new, &program).unwrap();

    let mut pty = open(&home);
    run_selected(&mut pty);
    match installer {
        Installer::Renames => install(),
        Installer::RemovesFirst => fs::remove_file(&program).unwrap(),
    }
    let image = fs::read_link(format!("/proc/{}/exe", pty.pid())).unwrap();
    assert!(image.to_str().unwrap().ends_with(" (deleted)"), "{}", image.display());
    open_gates(&home);
    pty.shows("done");
    pty.shows("✓ completed");
    pty.send(ESC);
    pty.shows("2 calculations");
    pty.send("j");
    run_selected(&mut pty);
    open_gates(&home);
    pty.shows("done");
    pty.shows("✓ completed");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    wait_until("the record of both", || spools(&home).is_empty());

    if installer == Installer::RemovesFirst {
        install();
    }
    let version = String::from_utf8(later(env!("CARGO_PKG_VERSION").as_bytes())).unwrap();
    assert_eq!(home.run(&["--version"]).code(0).out, format!("mecapy {version}\n"));
    for id in ["1", "2"] {
        let shown = home.run(&["calc", "show", id, "--json"]).code(0).json();
        assert_eq!((&shown["status"], &shown["run"]["exit_code"]), (&"completed".into(), &0.into()), "{shown}");
        assert_eq!(home.run(&["calc", "logs", id]).code(0).out, "up\ndone\n");
    }
    let mut pty = open(&home);
    pty.shows("Alive");
    pty.send("q");
    assert_eq!(pty.code(), 0);
    home.file("new.py", "def calculate():\n    return {'by': 'the new one'}\n");
    home.run(&["calc", "run", "new.py", "--wait"]).code(0);
    assert_eq!(home.run(&["calc", "result", "3", "--json"]).json(), serde_json::json!({"by": "the new one"}));
}

#[test]
fn a_program_that_a_newer_build_is_renamed_over_ends_its_runs_well() {
    replaced_by(Installer::Renames);
}

#[test]
fn a_program_that_is_removed_ends_its_runs_well_and_a_newer_build_takes_over() {
    replaced_by(Installer::RemovesFirst);
}

/// How a screen goes away.
#[derive(Clone, Copy, Debug)]
enum Away {
    Quit,
    HungUp,
    Killed,
}

#[test]
fn a_run_that_waits_gets_its_turn_with_every_screen_closed() {
    for away in [Away::Quit, Away::HungUp, Away::Killed] {
        let home = Home::new().with("MECAPY_RUNS_MAX_PER_USER", "1");
        home.file("gated.py", GATED);
        for name in ["Second", "First"] {
            home.run(&["calc", "new", "gated.py", "--name", name]).code(0);
        }
        let mut pty = open(&home);
        run_selected(&mut pty);
        pty.send(ESC);
        pty.shows("2 calculations");
        pty.send("jr");
        pty.shows("1 of 1 running: waiting for #2");
        match away {
            Away::Quit => pty.send("q"),
            Away::HungUp => kill_process(Pid::from_raw(pty.pid()).unwrap(), Signal::HUP).unwrap(),
            Away::Killed => kill_process(Pid::from_raw(pty.pid()).unwrap(), Signal::KILL).unwrap(),
        }
        pty.code();
        drop(pty);
        assert_eq!(spools(&home).len(), 2, "{away:?}: one runs, one waits");
        wait_until("the end of both", || {
            open_gates(&home);
            spools(&home).is_empty()
        });

        let mut pty = open(&home);
        pty.wait("both have ended", |screen| screen.contents().matches("✓ completed").count() >= 2);
        pty.send("q");
        assert_eq!(pty.code(), 0);
        let [first, second] = ["2", "1"].map(|id| home.run(&["calc", "show", id, "--json"]).code(0).json());
        assert_eq!((&first["name"], &second["name"]), (&"First".into(), &"Second".into()));
        // Both are times of one spelling, which sort as text.
        let time = |calculation: &serde_json::Value, name: &str| calculation[name].as_str().unwrap().to_owned();
        assert!(time(&first, "started_at") < time(&first, "completed_at"));
        assert!(time(&first, "completed_at") <= time(&second, "started_at"), "{away:?}: {first} {second}");
        for id in ["1", "2"] {
            assert_eq!(home.run(&["calc", "logs", id]).code(0).out, "up\ndone\n", "{away:?}");
        }
    }
}
